"""SendMessages and SendUsersMessages, by boto3, to a mail server that takes what comes."""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from analytics.hits.drain import drain_hits
from analytics.models import Event, EventKind, SourceKind
from core import clock
from endpoints.models import OptOutEntry
from messaging.models import Suppression
from messaging.services import channels, templates
from projects.models import Project
from tests.api.server import Clients, Server, call
from tests.api.server import send as fetch
from tests.factories.api import make_access_key
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

pytestmark = pytest.mark.django_db
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
SIMPLE = {
    "FromAddress": "상점 <shop@example.com>",
    "Substitutions": {"code": ["0000"]},
    "SimpleEmail": {
        "Subject": {"Data": "{{User.UserAttributes.name}}님, {{code}}"}, "HtmlPart": {"Data": "<p>{{code}} {{Attributes.plan}}</p>"},
        "TextPart": {"Data": "{{code}}"},
    },
}  # fmt: skip


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    settings.MAILBOX_HOST, settings.MAILBOX_PORT = "127.0.0.1", server.port
    yield server
    with contextlib.suppress(OSError):  # most tests have closed it, to see that nothing more comes
        server.close()


def send(pinpoint: Any, project: Project, **request: Any) -> dict[str, Any]:
    given = {"MessageConfiguration": {"EmailMessage": SIMPLE}} | request
    found: dict[str, Any] = pinpoint.send_messages(ApplicationId=project.public_id, MessageRequest=given)["MessageResponse"]
    return found


def got(mailbox: ScriptedServer) -> dict[str, tuple[str, str]]:
    """Subject and text by recipient."""
    mailbox.close()
    found = {}
    for recipient, data in mailbox.bodies:
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        body = parsed.get_body(("plain",))  # type: ignore[attr-defined]
        found[recipient] = (str(parsed["Subject"]), body.get_content().strip())
    return found


def test_each_gets_the_message_with_what_is_said_for_him(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    make_endpoint(
        project=project,
        endpoint_id="e1",
        address="kim@example.com",
        attributes={"plan": ["gold"]},
        user_attributes={"name": ["김"]},
    )

    answer = send(
        pinpoint, project, Endpoints={"e1": {"Substitutions": {"code": ["1111"]}}, "none": {}},
        Addresses={
            "lee@example.com": {"ChannelType": "EMAIL", "Substitutions": {"code": ["2222"], "User.UserAttributes.name": ["이"]}},
            "park@example.com": {"ChannelType": "EMAIL", "TitleOverride": "T", "BodyOverride": "B"},
            "+821012345678": {"ChannelType": "SMS"},
        },
    )  # fmt: skip

    assert got(mailbox) == {
        "kim@example.com": ("김님, 1111", "1111"),
        "lee@example.com": ("이님, 2222", "2222"),
        "park@example.com": ("T", "B"),
    }
    statuses = {address: (one["DeliveryStatus"], one["StatusCode"]) for address, one in answer["Result"].items()}
    assert statuses == {
        "lee@example.com": ("SUCCESSFUL", 200), "park@example.com": ("SUCCESSFUL", 200), "+821012345678": ("PERMANENT_FAILURE", 400),
    }  # fmt: skip
    assert (answer["EndpointResult"]["e1"]["DeliveryStatus"], answer["EndpointResult"]["e1"]["Address"]) == (
        "SUCCESSFUL",
        "kim@example.com",
    )
    assert answer["EndpointResult"]["none"]["StatusCode"] == 404
    assert len({answer["Result"][one]["MessageId"] for one in ("lee@example.com", "park@example.com")}) == 2
    events = sorted(Event.objects.filter(project_id=project.pk).values_list("kind", flat=True))
    assert events == sorted([EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED])


def test_opens_and_clicks_of_an_endpoint_count_and_it_can_unsubscribe(
    pinpoint: Any, server: Server, project: Project, mailbox: ScriptedServer
) -> None:
    endpoint = make_endpoint(project=project, endpoint_id="e1", address="kim@example.com")
    html = '<p><a href="https://shop.example.com/order?id=1">order</a> <a href="{{UnsubscribeUrl}}">leave</a></p>'
    mail = {"FromAddress": "shop@example.com", "SimpleEmail": {"Subject": {"Data": "s"}, "HtmlPart": {"Data": html}}}
    sent = {"MessageConfiguration": {"EmailMessage": mail}}
    send(pinpoint, project, **sent, Endpoints={"e1": {}}, Addresses={"lee@example.com": {"ChannelType": "EMAIL"}})
    mailbox.close()
    bodies = {to: email.message_from_bytes(data, policy=email.policy.default) for to, data in mailbox.bodies}
    pages = {to: one.get_body(("html",)).get_content() for to, one in bodies.items()}  # type: ignore[attr-defined]
    clicked, left, opened = (urlsplit(one) for one in re.findall(r'(?:href|src)="(http[^"]*)"', pages["kim@example.com"]))
    reader = {"User-Agent": PERSON}

    answers = [fetch(server.url, "GET", one.path, reader) for one in (opened, clicked)]
    fetch(
        server.url,
        "POST",
        left.path,
        {**reader, "Content-Type": "application/x-www-form-urlencoded"},
        b"List-Unsubscribe=One-Click",
    )
    drain_hits()

    assert [one.status for one in answers] == [200, 302]
    assert answers[1].headers["Location"] == "https://shop.example.com/order?id=1"
    assert bodies["kim@example.com"]["List-Unsubscribe"] == f"<{left.geturl()}>"
    assert 'href="https://shop.example.com/order?id=1"' in pages["lee@example.com"]  # nobody whose hits could be counted
    assert "List-Unsubscribe" not in bodies["lee@example.com"]
    events = Event.objects.filter(project_id=project.pk, source_kind=SourceKind.DIRECT, source_id=None, endpoint_id=endpoint.pk)
    assert set(events.values_list("kind", flat=True)) == {
        EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE,
    }  # fmt: skip
    for name in ("txn-emails-opened", "txn-emails-clicked", "txn-emails-unique-clicks", "txn-emails-sent"):
        found = pinpoint.get_application_date_range_kpi(ApplicationId=project.public_id, KpiName=name)
        (row,) = found["ApplicationDateRangeKpiResponse"]["KpiResult"]["Rows"]
        assert row["Values"][0]["Value"] == "1.0", name
    assert OptOutEntry.objects.get(endpoint_id=endpoint.pk).campaign_id is None
    assert send(pinpoint, project, **sent, Endpoints={"e1": {}})["EndpointResult"]["e1"]["DeliveryStatus"] == "OPT_OUT"


def test_a_message_without_an_unsubscribe_link_says_nothing_of_leaving(
    pinpoint: Any, project: Project, mailbox: ScriptedServer
) -> None:
    make_endpoint(project=project, endpoint_id="e1", address="kim@example.com")
    send(pinpoint, project, Endpoints={"e1": {}})
    mailbox.close()
    assert b"List-Unsubscribe" not in mailbox.bodies[0][1]


def test_nobody_is_sent_to_who_opted_out_is_suppressed_or_stands_there_twice(
    pinpoint: Any, project: Project, mailbox: ScriptedServer
) -> None:
    make_endpoint(project=project, endpoint_id="out", address="out@example.com", opt_out="ALL")
    make_endpoint(project=project, endpoint_id="twin", address="kim@example.com")
    Suppression.objects.create(
        project=project,
        address="listed@example.com",
        address_key="listed@example.com",
        reason="MANUAL",
        source="CONSOLE",
        at=clock.now(),
    )

    answer = send(
        pinpoint, project, Endpoints={"out": {}, "twin": {}},
        Addresses={one: {"ChannelType": "EMAIL"} for one in ("kim@example.com", "listed@example.com", "nonsense")},
    )  # fmt: skip

    assert set(got(mailbox)) == {"kim@example.com"}
    assert {one["DeliveryStatus"] for one in answer["EndpointResult"].values()} == {"OPT_OUT", "DUPLICATE"}
    assert answer["Result"]["listed@example.com"]["StatusMessage"] == "The address is on the suppression list."
    assert answer["Result"]["nonsense"]["DeliveryStatus"] == "PERMANENT_FAILURE"


def test_every_endpoint_of_a_user_gets_it(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    for name in ("a", "b"):
        make_endpoint(project=project, endpoint_id=name, address=f"{name}@example.com", user_id="u1")

    answer = pinpoint.send_users_messages(
        ApplicationId=project.public_id,
        SendUsersMessageRequest={
            "MessageConfiguration": {"EmailMessage": SIMPLE}, "Users": {"u1": {"Substitutions": {"code": ["7"]}}, "u2": {}},
        },
    )["SendUsersMessageResponse"]  # fmt: skip

    assert {recipient: text for recipient, (_subject, text) in got(mailbox).items()} == {
        "a@example.com": "7",
        "b@example.com": "7",
    }
    assert {one: result["DeliveryStatus"] for one, result in answer["Result"]["u1"].items()} == {
        "a": "SUCCESSFUL",
        "b": "SUCCESSFUL",
    }
    assert answer["Result"]["u2"] == {}


def test_the_endpoints_of_a_user_are_those_that_there_is_a_message_for(
    pinpoint: Any, project: Project, mailbox: ScriptedServer
) -> None:
    for name, channel, address in (("a", "EMAIL", "a@example.com"), ("b", "SMS", "+821012345678"), ("c", "GCM", "token")):
        make_endpoint(project=project, endpoint_id=name, channel_type=channel, address=address, user_id="u1")
    request = {"MessageConfiguration": {"EmailMessage": SIMPLE, "SMSMessage": {"Body": "x"}}, "Users": {"u1": {}}}

    found = pinpoint.send_users_messages(ApplicationId=project.public_id, SendUsersMessageRequest=request)
    answered = found["SendUsersMessageResponse"]["Result"]["u1"]

    assert {one: result["DeliveryStatus"] for one, result in answered.items()} == {"a": "SUCCESSFUL", "b": "PERMANENT_FAILURE"}
    assert answered["b"]["StatusMessage"] == "This version sends e-mail only; SMS has no adapter yet."
    assert set(got(mailbox)) == {"a@example.com"}


def test_a_message_for_another_channel_is_answered_for_each(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    to = {"+821012345678": {"ChannelType": "SMS"}, "+821087654321": {"ChannelType": "VOICE"}}
    answer = send(pinpoint, project, MessageConfiguration={"SMSMessage": {"Body": "x"}}, Addresses=to)
    assert {(one["DeliveryStatus"], one["StatusCode"]) for one in answer["Result"].values()} == {("PERMANENT_FAILURE", 400)}
    assert got(mailbox) == {}


def test_a_hundred_users_get_it_on_all_their_endpoints(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    for number in range(102):
        make_endpoint(project=project, endpoint_id=f"e{number}", address=f"a{number}@example.com", user_id=f"u{number % 51}")
    users: dict[str, Any] = {f"u{number}": {} for number in range(51)}
    pinpoint.send_users_messages(
        ApplicationId=project.public_id,
        SendUsersMessageRequest={"MessageConfiguration": {"EmailMessage": SIMPLE}, "Users": users},
    )
    assert len(got(mailbox)) == 102


def test_a_template_and_the_channels_sender(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    document = {
        "Subject": "{{User.UserAttributes.name}}",
        "TextPart": "본문",
        "DefaultSubstitutions": '{"User.UserAttributes.name": "고객"}',
    }
    templates.create_template(project=project, actor=None, template_type="EMAIL", name="news", document=document, now=clock.now())
    channels.save_channel(
        project=project, actor=None, kind="EMAIL", document={"FromAddress": "shop@example.com"}, secrets={}, now=clock.now()
    )

    send(
        pinpoint, project, MessageConfiguration={}, TemplateConfiguration={"EmailTemplate": {"Name": "news"}},
        Addresses={"kim@example.com": {"ChannelType": "EMAIL"}},
    )  # fmt: skip

    assert got(mailbox) == {"kim@example.com": ("고객", "본문")}


def test_a_raw_message_goes_as_it_is(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    raw = b"From: shop@example.com\nTo: kim@example.com\nSubject: raw\nContent-Type: text/plain\n\nhello\n"
    send(
        pinpoint, project, MessageConfiguration={"EmailMessage": {"RawEmail": {"Data": raw}}},
        Addresses={"kim@example.com": {"ChannelType": "EMAIL"}},
    )  # fmt: skip
    assert got(mailbox) == {"kim@example.com": ("raw", "hello")}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Addresses": {f"a{n}@example.com": {"ChannelType": "EMAIL"} for n in range(101)}},
        {
            "Addresses": {f"a{n}@example.com": {"ChannelType": "EMAIL"} for n in range(60)},
            "Endpoints": {f"e{n}": {} for n in range(60)},
        },
        {"Addresses": {"a@example.com": {"ChannelType": "EMAIL"}}, "MessageConfiguration": {}},
        {"Addresses": {"a@example.com": {"ChannelType": "EMAIL"}}, "TemplateConfiguration": {"EmailTemplate": {"Name": "none"}}},
        {
            "Addresses": {"a@example.com": {"ChannelType": "EMAIL"}},
            "MessageConfiguration": {"DefaultMessage": {"Body": "x"}},
        },
    ],
)
def test_what_can_not_be_sent_is_refused_whole(
    given: dict[str, Any], pinpoint: Any, project: Project, mailbox: ScriptedServer
) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        send(pinpoint, project, **given)
    assert got(mailbox) == {}


def test_a_live_project_sends_from_verified_addresses_only(pinpoint: Any, project: Project, mailbox: ScriptedServer) -> None:
    Project.objects.filter(pk=project.pk).update(mode="LIVE")
    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        send(pinpoint, project, Addresses={"kim@example.com": {"ChannelType": "EMAIL"}})
    assert refused.value.response["Message"] == "The sender shop@example.com is not verified."
    assert got(mailbox) == {}


def test_without_a_mail_server_all_of_them_may_be_tried_again(pinpoint: Any, project: Project, settings: Any) -> None:
    settings.MAILBOX_PORT = 1
    answer = send(pinpoint, project, Addresses={"kim@example.com": {"ChannelType": "EMAIL"}})
    assert answer["Result"]["kim@example.com"]["DeliveryStatus"] == "TEMPORARY_FAILURE"
    assert not Event.objects.filter(project_id=project.pk).exists()


def test_with_an_idempotency_key_it_is_sent_once(server: Server, project: Project, mailbox: ScriptedServer) -> None:
    key = make_access_key(project=project)
    path = f"/v1/apps/{project.public_id}/messages"
    body = (
        b'{"MessageConfiguration": {"EmailMessage": {"FromAddress": "a@b.example", "SimpleEmail": {"Subject": {"Data": "s"},'
        b' "TextPart": {"Data": "t"}}}}, "Addresses": {"kim@example.com": {"ChannelType": "EMAIL"}}}'
    )
    answers = [call(server.url, key, "POST", path, body, {"Idempotency-Key": "1"}) for _turn in range(2)]
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].body == answers[1].body
    assert len(got(mailbox)) == 1
    assert len(mailbox.bodies) == 1


def test_where_it_is_wanted_a_signature_sends_once(
    server: Server, project: Project, mailbox: ScriptedServer, settings: Any
) -> None:
    import time_machine

    settings.API_REFUSES_REPLAYS = True
    key = make_access_key(project=project)
    body = (
        b'{"MessageConfiguration": {"EmailMessage": {"FromAddress": "a@b.example", "SimpleEmail": {"Subject": {"Data": "s"},'
        b' "TextPart": {"Data": "t"}}}}, "Addresses": {"kim@example.com": {"ChannelType": "EMAIL"}}}'
    )
    with time_machine.travel(clock.now(), tick=False):
        answers = [call(server.url, key, "POST", f"/v1/apps/{project.public_id}/messages", body) for _turn in range(2)]
    assert [one.status for one in answers] == [200, 403]
    mailbox.close()
    assert len(mailbox.bodies) == 1


def test_the_key_of_another_project_sends_nothing(clients: Clients, project: Project, mailbox: ScriptedServer) -> None:
    make_endpoint(project=project, endpoint_id="e1", address="kim@example.com", user_id="u1")
    mine = make_project()
    stranger = clients.with_key(make_access_key(project=mine))
    writer = clients.with_key(make_access_key(project=project, rights=["READ", "WRITE"]))

    for client in (stranger, writer):
        with pytest.raises(client.exceptions.ForbiddenException):
            send(client, project, Endpoints={"e1": {}})
    assert send(stranger, mine, Endpoints={"e1": {}})["EndpointResult"]["e1"]["StatusCode"] == 404
    assert got(mailbox) == {}
