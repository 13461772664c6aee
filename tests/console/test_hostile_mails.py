"""Hostile names and values in mails, and hostile mails in the mailbox: no header is added, no message is lost."""

from __future__ import annotations

import email.parser
import email.policy
from typing import Any

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.sending import freezing, worker
from campaigns.sending.message import content_of
from campaigns.services import occurrences
from core import clock
from core.audience import Audience
from messaging.mailbox.store import Received, Store
from messaging.models import MailboxMessage, Sender
from projects.models import Project
from tests.campaigns.test_sending import RecordingTransport
from tests.console.hostile import SCRIPT, url
from tests.console.world import World, logged_in, make_world
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

EVIL_LINES = [
    "a\r\nBcc: evil@example.com",
    "a\nBcc: evil@example.com\n\nbody",
    "a\rBcc: evil@example.com",
    "a\u2028Bcc: e@example.com\x85X: y",
    "=?utf-8?B?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=",
    "x" * 2_000 + "\r\nBcc: e@example.com",
    SCRIPT,
    '"; Bcc: evil@example.com',
    "a, b <c@d.e>",
]
CAMPAIGN_HEADERS = {
    "From",
    "MIME-Version",
    "Content-Type",
    "X-Pabal-Project",
    "List-Id",
    "Feedback-ID",
    "Precedence",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "X-Pabal-Run",
}
ARRIVING = [
    b"Subject: \xff\xfe\xed\xa0\x80\r\nContent-Type: text/html; charset=no-such\r\n\r\n\xff\xfe",
    b"Subject: a\0b\r\nX-Pabal-Project: \0\r\n\r\n\0",
    b"",
    b"\r\n\r\n",
    b"Subject: =?utf-8?B?AA==?=\r\n\r\nx",
    b"Subject: =?x?Q?=ED=A0=80?=\r\n\r\nx",
    b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--',
    b'To: "\r\nFrom: <<<>>>\r\nDate: x\r\nMessage-ID: <\r\n\r\nx',
    b'Content-Type: text/plain; charset="\xff"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!',
    b"Content-Type: message/rfc822\r\n\r\n\xff",
    b"Content-Type: text/plain; charset*=x''%E3\r\n\r\nx",
    b"Subject: " + b"=?utf-8?Q?=EA=B0=80?= " * 2_000 + b"\r\n\r\nx",
    b"\xff: y\r\n\r\n",
]


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.mark.parametrize("evil", EVIL_LINES)
def test_no_name_or_value_adds_a_header_to_a_campaigns_mail(evil: str) -> None:
    project = make_project(name=evil[:64])
    make_sender(project=project, name=evil[:64])
    member = make_endpoint(project=project, user_attributes={"MBR_FULLNM": [evil]}, attributes={"x": [evil]})
    segment = make_import_segment(project=project, members=Audience([member.pk]), name=evil[:128])
    document = campaign_document(segment=segment, Preheader=evil + "{{Attributes.x}}", ReplyTo="")
    document["MessageConfiguration"]["EmailMessage"] |= {
        "FromAddress": Sender.objects.get(project=project).header,
        "Title": "{{Attributes.x}}" + evil,
        "Body": "text\r\n.\r\n" + evil,
    }
    campaign = make_campaign(project=project, document=document, name=evil[:128])
    launch = reverse("campaigns:launch-campaign", args=[project.public_id, campaign.public_id])
    logged_in(project.created_by).post(launch, {"base": 1})
    (run_id,) = occurrences.claim_due(now=clock.now())
    freezing.freeze_run(run_id=run_id, clock=clock.now)
    transport = RecordingTransport()

    worker.send_run(run_id=run_id, owner="t", clock=clock.now, transport=transport)

    (sent,) = transport.messages
    assert sent.envelope_from == "shop@example.com"
    parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(sent.data)
    assert set(parsed.keys()) == CAMPAIGN_HEADERS
    assert len(parsed.keys()) == len(CAMPAIGN_HEADERS)
    assert [address.addr_spec for address in parsed["From"].addresses] == ["shop@example.com"]
    assert [address.addr_spec for address in parsed["To"].addresses] == [member.address]
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert all(len(line) <= 998 for line in sent.data.split(b"\r\n"))
    assert sent.data.count(b"\n") == sent.data.count(b"\r\n") == sent.data.count(b"\r")
    html = parsed.get_body(("html",))
    assert html is not None
    assert "<img src=x" not in html.get_content()


@pytest.mark.parametrize("evil", EVIL_LINES)
def test_no_name_adds_a_header_to_the_consoles_own_mails(evil: str, mailoutbox: list[Any]) -> None:
    project = make_project(name=evil[:64])
    project.created_by.name = evil[:100]
    project.created_by.set_password("a password of the test")  # a link is mailed to who has one
    project.created_by.save(update_fields=["name", "password"])
    sender = make_sender(project=project, name=evil[:64], is_verified=False)
    client = logged_in(project.created_by)

    client.post(reverse("projects:list-members", args=[project.public_id]), {"email": "new@example.com", "role": "VIEWER"})
    client.post(reverse("messaging:resend-verification", args=[project.public_id, sender.pk]))
    client.post(reverse("projects:reset-password"), {"email": project.created_by.email})

    assert [mail.to for mail in mailoutbox] == [["new@example.com"], ["shop@example.com"], [project.created_by.email]]
    for mail in mailoutbox:
        parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(mail.message().as_bytes())
        known = {"Content-Type", "MIME-Version", "Content-Transfer-Encoding", "Subject", "From", "To", "Date", "Message-ID"}
        assert set(parsed.keys()) - {"X-Pabal-Project"} == known
        assert not parsed.is_multipart()


@pytest.mark.parametrize(
    "name",
    ["Kim, Co", 'The "Shop"', "a <evil@example.com>", "back\\slash", "x@y", "상점 (본사); 1호", "=?utf-8?q?x?=", "O'Neill"],
)
def test_a_senders_name_comes_through_whatever_it_holds(name: str, world: World) -> None:
    client = logged_in(world.owner)
    client.post(reverse("messaging:list-senders", args=[world.project.public_id]), {"name": name, "address": "named@example.com"})

    client.post(
        url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step="message"),
        {"sender": "named@example.com", "subject": "x", "html": "x"},
    )

    world.draft.refresh_from_db()
    content = content_of({"Message": world.draft.document["MessageConfiguration"]["EmailMessage"]})
    assert (content.from_name, content.from_address) == (name, "named@example.com")


@pytest.mark.django_db(transaction=True)
def test_the_mailbox_keeps_and_shows_whatever_arrives() -> None:
    project = make_project()
    header = b"X-Pabal-Project: " + project.public_id.encode() + b"\r\n"
    store = Store()
    try:
        for raw in ARRIVING:
            store.put(Received("a\0@\ufffd", "b\0\ufffd@example.com", header + raw)).result(timeout=10)
            store.put(Received("a@b.c", "b@example.com", raw)).result(timeout=10)
    finally:
        store.close()
    client = logged_in(project.created_by)
    kept = MailboxMessage.objects.filter(project=project)

    assert MailboxMessage.objects.count() == 2 * len(ARRIVING)
    assert kept.count() == len(ARRIVING)
    assert client.get(reverse("messaging:list-mailbox", args=[project.public_id])).status_code == 200
    for message in kept:
        for name in ("show-mailbox-message", "show-mailbox-html", "download-mailbox-message"):
            answer = client.get(reverse(f"messaging:{name}", args=[project.public_id, message.pk]))
            assert answer.status_code == 200, (name, bytes(message.raw))


def test_a_live_project_tests_and_sends_from_verified_senders_only(world: World) -> None:
    Project.objects.filter(pk=world.project.pk).update(mode="LIVE")
    Sender.objects.filter(pk=world.sender.pk).update(verified_at=None)
    test = url("campaigns:send-test", world, campaign_id=world.draft.public_id)
    Campaign.objects.filter(pk=world.campaign.pk).update(state="SCHEDULED")
    run = world.campaign.runs.get()
    type(run).objects.filter(pk=run.pk).update(state="FREEZING", completed_at=None)

    answer = logged_in(world.owner).post(test, {"addresses": "kim@example.com"}, follow=True)
    freezing.freeze_run(run_id=run.pk, clock=clock.now)

    assert "The sender shop@example.com is not verified." in answer.content.decode()
    run.refresh_from_db()
    assert run.state == "FAILED"
