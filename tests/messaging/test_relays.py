"""Relays: whose messages take which, their limits, what they may not reach, and who may touch them."""

from __future__ import annotations

import datetime
import socket
from typing import Any

import pytest
from django.urls import reverse

from core import secretbox
from core.errors import Refusal
from messaging import delivery, queries
from messaging.delivery import (
    DeliveryStatus,
    NoTransport,
    OutgoingMessage,
    RelayTransport,
    TransportBusy,
    TransportDown,
    guard,
    routing,
)
from messaging.models import Relay
from messaging.services import domains, relays
from projects.models import AuditEntry, Project, Role
from projects.services import projects
from tests.console.world import logged_in
from tests.factories.messaging import make_domain, make_relay, make_sender
from tests.factories.projects import make_member, make_project
from tests.messaging.ses_server import SesServer
from tests.messaging.smtp_server import ScriptedServer

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 26, 1, 0, tzinfo=datetime.UTC)
MX = "8.8.8.8"  # a public address; nothing here connects to it


@pytest.fixture
def live(settings: Any) -> Project:
    settings.EMAIL_URL = "smtp://mail.example:25"
    return make_project(mode="LIVE")


@pytest.fixture
def private(settings: Any) -> None:
    """Relays may be on this machine, at any port."""
    settings.RELAY_PRIVATE_HOSTS, settings.RELAY_PORTS = ["127.0.0.0/8"], range(1, 65_536)


def messages(count: int) -> list[OutgoingMessage]:
    return [OutgoingMessage(n, f"member{n}@example.org", "a@example.com", b"Subject: x\r\n\r\nx\r\n") for n in range(count)]


def values(**other: Any) -> relays.RelayValues:
    return relays.RelayValues(**{"name": "r", "kind": "SMTP", "host": MX, "port": 587} | other)


def saved(project: Project, relay: Relay | None = None, **other: Any) -> Relay:
    return relays.save_relay(project=project, actor=project.created_by, relay=relay, values=values(**other), now=NOW)


def test_an_address_goes_before_its_domain_and_that_before_all_others(live: Project) -> None:
    address = make_relay(project=live, name="address", senders=("news@shop.example",))
    domain = make_relay(project=live, name="domain", senders=("shop.example", "other.example"))
    rest = make_relay(project=live, name="rest")
    make_relay(project=make_project(mode="LIVE"), name="theirs", senders=("third.example", ""))

    def way(sender: str) -> Relay | None:
        return routing.relay_for(project=live, sender=sender)

    assert way("News@Shop.example") == address
    assert way("sale@shop.example") == domain
    assert way("x@other.example") == domain
    assert way("x@sub.other.example") == rest
    assert way("x@third.example") == rest
    rest.delete()
    assert way("x@third.example") is None


def test_practice_never_takes_a_relay(live: Project, settings: Any) -> None:
    practice = make_project()
    make_relay(project=practice)
    server = ScriptedServer()
    settings.MAILBOX_HOST, settings.MAILBOX_PORT = "127.0.0.1", server.port

    transport = delivery.transport_for(project=practice, sender="a@shop.example")
    transport.send_batch(messages(1))
    transport.close()
    server.close()

    assert not isinstance(transport, RelayTransport)
    assert len(server.bodies) == 1


def test_a_live_project_without_any_server_sends_nothing_and_says_so(settings: Any) -> None:
    settings.EMAIL_URL = ""
    project = make_project(mode="LIVE")
    make_sender(project=project)

    transport = delivery.transport_for(project=project, sender="shop@example.com")

    assert isinstance(transport, NoTransport)
    with pytest.raises(TransportDown):
        transport.send_batch(messages(1))
    (finding,) = queries.sender_findings(project=project, address="shop@example.com")
    assert (finding.is_error, finding.code) == (True, "no_way_out")
    make_relay(project=project, senders=("example.com",))
    assert [one.code for one in queries.sender_findings(project=project, address="shop@example.com")] == ["no_domain"]


def test_a_project_goes_live_with_a_relay_of_its_own(settings: Any) -> None:
    settings.EMAIL_URL = ""
    project = make_project()
    make_sender(project=project)
    with pytest.raises(projects.NotReady):
        projects.set_mode(project=project, actor=project.created_by, mode=Project.Mode.LIVE, now=NOW)

    make_relay(project=project)

    projects.set_mode(project=project, actor=project.created_by, mode=Project.Mode.LIVE, now=NOW)


def test_messages_leave_by_the_relay_with_its_password(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer(["ok", "550"])
    make_relay(project=live, port=server.port, user="me", password="pass word")

    transport = delivery.transport_for(project=live, sender="a@shop.example")
    deliveries = transport.send_batch(messages(3))
    transport.close()
    server.close()

    assert [one.status for one in deliveries] == [
        DeliveryStatus.SUCCESS,
        DeliveryStatus.FAILURE_PERMANENT,
        DeliveryStatus.SUCCESS,
    ]
    assert [recipient for recipient, _body in server.bodies] == ["member0@example.org", "member2@example.org"]


def test_messages_a_second_are_kept_by_all_transports_together(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer()
    relay = make_relay(project=live, port=server.port, messages_per_second=5)
    waits: list[float] = []
    transports = [RelayTransport(relay=relay, sleep=waits.append) for _ in range(2)]

    for transport in transports:
        assert {one.status for one in transport.send_batch(messages(5))} == {DeliveryStatus.SUCCESS}
        transport.close()
    server.close()

    # Nobody waited in truth: the tenth message would have had to wait for nine fifths of a second.
    assert len(server.bodies) == 10
    assert len(waits) == 9
    assert waits[-1] == pytest.approx(1.8, abs=0.3)


def test_a_transport_takes_half_of_the_connections_that_are_left(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer()
    relay = make_relay(project=live, port=server.port, max_connections=9)
    transports = [RelayTransport(relay=relay) for _ in range(6)]

    for transport in transports[:4]:
        transport.send_batch(messages(1))
    with pytest.raises(TransportBusy):
        transports[4].send_batch(messages(1))
    assert [len(transport._held) for transport in transports] == [5, 2, 1, 1, 0, 0]

    for transport in transports:
        transport.close()
    server.close()
    assert not clean_redis.keys("pabal:connections:*")


def test_no_more_connections_than_allowed(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer()
    relay = make_relay(project=live, port=server.port, max_connections=1)
    first, second = RelayTransport(relay=relay), RelayTransport(relay=relay)
    first.send_batch(messages(1))

    with pytest.raises(TransportBusy):
        second.send_batch(messages(1))
    first.close()
    second.send_batch(messages(1))

    second.close()
    server.close()
    assert len(server.bodies) == 2


def test_a_server_that_goes_away_in_the_middle_leaves_the_rest_for_later(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer(["ok", "drop_body"])
    relay = make_relay(project=live, port=server.port, messages_per_second=10)  # pieces of one message
    closing = iter([server.close])
    transport = RelayTransport(relay=relay, sleep=lambda _seconds: next(closing, lambda: None)())

    deliveries = transport.send_batch(messages(4))

    transport.close()
    assert [one.status for one in deliveries] == [
        DeliveryStatus.SUCCESS, DeliveryStatus.UNKNOWN, DeliveryStatus.DEFERRED, DeliveryStatus.DEFERRED,
    ]  # fmt: skip
    assert [recipient for recipient, _body in server.bodies] == ["member0@example.org", "member1@example.org"]


def test_a_password_that_can_not_be_opened_is_said(live: Project, settings: Any, clean_redis: Any) -> None:
    relay = make_relay(project=live, password="x", user="me")
    settings.SECRETS_KEY = "another"

    with pytest.raises(TransportDown, match="enter it again"):
        RelayTransport(relay=relay).send_batch(messages(1))


# -- what a relay may not reach ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "10.0.0.8", "192.168.0.1", "172.16.3.4", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.8", "2002:0a00:0001::1", "64:ff9b::a00:1", "127.1", "2130706433",
        "0x7f.1",
    ],
)  # fmt: skip
def test_the_servers_own_network_is_closed(live: Project, host: str) -> None:
    with pytest.raises(Refusal):
        saved(live, host=host)
    assert not Relay.objects.exists()


@pytest.mark.parametrize("port", [22, 80, 6379, 5432, 1025])
def test_other_ports_are_closed(live: Project, port: int) -> None:
    with pytest.raises(guard.TargetRefused, match="25, 465, 587, 2525"):
        saved(live, port=port)


def test_a_name_that_leads_inside_later_is_refused_when_it_is_used(live: Project, clean_redis: Any) -> None:
    """The address is looked up when the connection is made, and that address is connected to."""
    server = ScriptedServer()
    relay = make_relay(project=live, host="localhost", port=25)

    with pytest.raises(TransportDown, match="own network"):
        RelayTransport(relay=relay).send_batch(messages(1))
    server.close()
    assert server.bodies == []


def test_an_operator_may_open_a_network_or_a_host(live: Project, settings: Any) -> None:
    settings.RELAY_PRIVATE_HOSTS = ["10.0.0.0/8"]
    assert guard.checked_address(host="10.1.2.3", port=25) == "10.1.2.3"
    with pytest.raises(guard.TargetRefused):
        guard.checked_address(host="192.168.0.1", port=25)
    settings.RELAY_PRIVATE_HOSTS = ["Localhost"]
    assert guard.checked_address(host="localhost", port=25) in ("127.0.0.1", "::1")


def test_a_host_that_nobody_knows_is_said(live: Project) -> None:
    with pytest.raises(guard.TargetRefused, match="not known"):
        saved(live, host="no.such.host.invalid")


def test_a_password_is_never_sent_in_the_clear_nor_to_another_server(live: Project, settings: Any) -> None:
    with pytest.raises(relays.RelayRefused, match="in the clear"):
        saved(live, security="NONE", user="me", secret="x")
    relay = saved(live, user="me", secret="first")
    with pytest.raises(relays.RelayRefused, match="password again"):
        saved(live, relay, host="8.8.4.4", user="me")

    relay = saved(live, Relay.objects.get(), user="me", max_connections=3)

    relay.refresh_from_db()
    assert secretbox.unseal(relay.sealed_secret) == "first"
    assert (relay.host, relay.max_connections) == (MX, 3)
    assert saved(live, relay, user="").sealed_secret == ""


def test_a_sender_has_one_relay(live: Project) -> None:
    saved(live, senders=["shop.example"])
    saved(live, name="rest")

    with pytest.raises(relays.RelayRefused, match=r"shop\.example already goes by the relay r"):
        saved(live, name="second", senders=["news@shop.example", "shop.example"])
    with pytest.raises(relays.RelayRefused, match="All other senders already go by the relay rest"):
        saved(live, name="second")
    with pytest.raises(relays.RelayRefused, match="name"):
        saved(live, name="rest", senders=["x.example"])
    assert Relay.objects.count() == 2
    assert AuditEntry.objects.filter(verb="relay.added").count() == 2


# -- pages --------------------------------------------------------------------------------------------------------------


FORM = {
    "name": "우리 서버", "kind": "SMTP", "host": MX, "port": "587", "security": "STARTTLS", "user": "me", "password": "p4ss",
    "senders": "Shop.example\nnews@other.example\n", "max_connections": "5", "messages_per_second": "2.5",
}  # fmt: skip


def test_an_owner_adds_changes_and_deletes(live: Project) -> None:
    client = logged_in(live.created_by)
    assert client.post(reverse("messaging:create-relay", args=[live.public_id]), FORM).status_code == 302
    relay = Relay.objects.get()
    edit = reverse("messaging:edit-relay", args=[live.public_id, relay.pk])
    shown = client.get(edit).content.decode()
    assert sorted(relay.routes.values_list("sender", flat=True)) == ["news@other.example", "shop.example"]
    assert secretbox.unseal(relay.sealed_secret) == "p4ss"
    assert "p4ss" not in shown
    assert relay.sealed_secret not in shown
    assert "news@other.example" in shown

    assert client.post(edit, FORM | {"password": "", "senders": "", "messages_per_second": ""}).status_code == 302
    relay.refresh_from_db()
    assert (relay.messages_per_second, [route.sender for route in relay.routes.all()]) == (None, [""])
    assert secretbox.unseal(relay.sealed_secret) == "p4ss"
    assert client.post(reverse("messaging:delete-relay", args=[live.public_id, relay.pk])).status_code == 302
    assert not Relay.objects.exists()
    verbs = AuditEntry.objects.filter(project=live).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["relay.added", "relay.changed", "relay.deleted"]
    assert "p4ss" not in repr(list(AuditEntry.objects.values_list("data", flat=True)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": ""}, "host"), ({"port": ""}, "port"), ({"senders": "not an address"}, "senders"), ({"kind": "FAX"}, "kind"),
        ({"kind": "SES", "region": ""}, "region"), ({"kind": "SES", "region": "ap-northeast-2"}, "access_key_id"),
        ({"kind": "SES", "region": "x/../y", "access_key_id": "x"}, "region"), ({"host": "10.0.0.1"}, None),
        ({"messages_per_second": "0"}, "messages_per_second"), ({"max_connections": "0"}, "max_connections"),
        ({"spf_include": "no domain"}, "spf_include"), ({"name": "a\nb"}, "name"),
    ],
)  # fmt: skip
def test_a_form_says_what_is_wrong(live: Project, change: dict[str, str], field: str | None) -> None:
    answer = logged_in(live.created_by).post(reverse("messaging:create-relay", args=[live.public_id]), FORM | change)

    assert answer.status_code == 200
    assert (field or "__all__") in answer.context["form"].errors
    assert not Relay.objects.exists()


def test_relays_are_for_owners(live: Project) -> None:
    relay = make_relay(project=live)
    marketer, stranger = logged_in(make_member(project=live, role=Role.MARKETER)), logged_in(make_project().created_by)
    for name, args in (
        ("list-relays", []),
        ("create-relay", []),
        ("edit-relay", [relay.pk]),
        ("test-relay", [relay.pk]),
        ("delete-relay", [relay.pk]),
    ):
        path = reverse(f"messaging:{name}", args=[live.public_id, *args])
        assert marketer.post(path, FORM).status_code == 403
        assert marketer.get(path).status_code in (403, 405)
        assert stranger.post(path, FORM).status_code == 404
    mine = make_project()
    path = reverse("messaging:edit-relay", args=[mine.public_id, relay.pk])
    assert logged_in(mine.created_by).post(path, FORM).status_code == 404
    assert Relay.objects.get() == relay


def test_a_test_goes_to_who_asks_from_a_sender_of_the_relay(live: Project, private: None, clean_redis: Any) -> None:
    server = ScriptedServer()
    relay = make_relay(project=live, port=server.port, senders=("shop.example",))
    make_sender(project=live, address="news@shop.example")
    make_sender(project=live, address="news@other.example")
    make_domain(project=live)

    mailed = relays.try_relay(relay=relay, actor=live.created_by, now=NOW)
    server.close()

    ((recipient, data),) = server.bodies
    assert recipient == mailed == live.created_by.email
    assert b"From: news@shop.example" in data
    assert data.startswith(b"DKIM-Signature:")
    assert AuditEntry.objects.get().verb == "relay.tested"


def test_in_practice_or_without_a_sender_only_the_connection_is_tried(private: None, clean_redis: Any) -> None:
    server = ScriptedServer()
    project = make_project()
    make_sender(project=project)
    relay = make_relay(project=project, port=server.port)

    assert relays.try_relay(relay=relay, actor=project.created_by, now=NOW) == ""
    server.close()
    assert server.bodies == []
    with pytest.raises(relays.RelayRefused):
        relays.try_relay(relay=relay, actor=project.created_by, now=NOW)


def test_ses_as_a_relay_keeps_the_accounts_rate_and_leaves_its_headers_alone(
    live: Project, settings: Any, clean_redis: Any
) -> None:
    server = SesServer(account={"Max24HourSend": 100.0, "MaxSendRate": 2.0, "SentLast24Hours": 0.0})
    settings.SES_ENDPOINT_URL = server.url
    relay = make_relay(project=live, kind="SES", host="", region="ap-northeast-2", access_key_id="AKIA", password="s")
    waits: list[float] = []
    transport = RelayTransport(relay=relay, sleep=waits.append)

    deliveries = transport.send_batch(messages(4))
    transport.close()
    server.close()

    assert [one.status for one in deliveries] == [DeliveryStatus.SUCCESS] * 4
    assert waits[-1] == pytest.approx(1.5, abs=0.3)
    assert "date" in routing.rewritten_headers(project=live, sender="a@shop.example")


def test_spf_asks_for_what_the_domains_relays_need(live: Project, settings: Any) -> None:
    settings.SPF_INCLUDE, settings.SENDING_ADDRESSES = "_spf.installation.example", ["192.0.2.7", "2001:db8::7"]
    domain = make_domain(project=live)
    assert domains.mechanisms(domain=domain) == ["include:_spf.installation.example", "ip4:192.0.2.7", "ip6:2001:db8::7"]

    make_relay(project=live, name="ses", kind="SES", senders=("news@shop.example",))
    make_relay(project=live, name="smtp", spf_include="_spf.provider.example", senders=("shop.example",))
    make_relay(project=live, name="rest", spf_include="_spf.rest.example")

    assert domains.mechanisms(domain=domain) == ["include:amazonses.com", "include:_spf.provider.example"]


def test_the_numbers_of_the_machine_are_not_shown(live: Project) -> None:
    """What an owner reads of a refusal says nothing of the inside but that it is inside."""
    with pytest.raises(guard.TargetRefused) as refused:
        saved(live, host="localhost")
    assert "127." not in refused.value.message
    assert socket.gethostname() not in refused.value.message
