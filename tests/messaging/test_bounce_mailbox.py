"""Bounces and spam reports in a mailbox: read over real IMAP, each once, whatever is killed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from analytics import queries as analytics_queries
from analytics.models import Event, EventKind
from core import secretbox
from core.errors import Refusal
from endpoints.models import OptOutEntry
from messaging.models import BounceMailbox, Suppression
from messaging.outcomes import mails
from messaging.services import bounce_mailboxes
from projects.models import Project
from tests.factories.projects import make_project
from tests.messaging.imap_server import ImapServer, certificate_files
from tests.messaging.sent import NOW, arf, dsn, make_sent

pytestmark = pytest.mark.django_db


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture
def imap(settings: Any) -> Iterator[ImapServer]:
    settings.RELAY_PRIVATE_HOSTS, settings.BOUNCE_MAILBOX_PORTS = ["127.0.0.0/8"], range(1, 65_536)
    server = ImapServer()
    yield server
    server.close()


def make_mailbox(server: ImapServer, project: Project | None, **fields: Any) -> BounceMailbox:
    values = {
        "host": "127.0.0.1", "port": server.port, "security": "NONE", "user": "bounces", "next_look_at": NOW,
        "sealed_password": secretbox.seal("pass word"),
    } | fields  # fmt: skip
    return BounceMailbox.objects.create(project=project, **values)


def looked(mailbox: BounceMailbox) -> BounceMailbox:
    bounce_mailboxes.look(mailbox_id=mailbox.pk, clock=clock)
    mailbox.refresh_from_db()
    return mailbox


def kinds() -> list[tuple[str, int]]:
    return [
        (EventKind(kind).label, endpoint)
        for kind, endpoint in Event.objects.order_by("endpoint_id").values_list("kind", "endpoint_id")
    ]


def numbers(mailbox: BounceMailbox) -> dict[str, int]:
    return {name: getattr(mailbox, name) for name in ("taken", "repeated", "ignored", "unmatched")}


def test_a_bounce_for_good_is_an_event_with_all_that_is_known_and_the_address_gets_nothing_more(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(dsn(sent))

    mailbox = looked(make_mailbox(imap, sent.project))

    (event,) = Event.objects.all()
    assert (event.kind, event.endpoint_id, event.run_id, event.source_id) == (
        EventKind.EMAIL_HARDBOUNCE, sent.endpoints[0].pk, sent.run.pk, sent.campaign.pk,
    )  # fmt: skip
    assert event.occurred_at == datetime.datetime(2026, 11, 26, 0, 59, tzinfo=datetime.UTC)
    assert event.data == {
        "status": "5.1.1", "diagnostic_code": "smtp; 550 5.1.1 <x>: user unknown", "action": "failed", "reporting_mta": "mx.example",
        "class": "HARD", "bounce_type": "Permanent", "via": "MAILBOX",
    }  # fmt: skip
    counts = analytics_queries.run_counts(project_id=sent.project.pk, run_ids=[sent.run.pk])[sent.run.pk]
    assert counts.bounces == 1
    (listed,) = Suppression.objects.all()
    assert (listed.project, listed.address, listed.reason, listed.source) == (
        sent.project, sent.endpoints[0].address, "HARD_BOUNCE", "MAILBOX",
    )  # fmt: skip
    assert numbers(mailbox) == {"taken": 1, "repeated": 0, "ignored": 0, "unmatched": 0}
    assert (mailbox.last_uid, mailbox.looked_at, mailbox.last_error, mailbox.lease_until) == (1, NOW, "", None)


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "smtp; 550 5.1.1 user unknown", "_email.hardbounce"),
        ("5.1.2", "", "_email.hardbounce"),  # no such domain
        ("5.0.0", "smtp; 550 No such user here", "_email.hardbounce"),
        ("5.2.2", "smtp; 552 5.2.2 mailbox full", "_email.softbounce"),
        ("4.4.7", "smtp; 450 4.1.1 user unknown in virtual table", "_email.softbounce"),  # given up, but never said for good
        ("5.7.1", "smtp; 554 5.7.1 message looks like spam", "_email.softbounce"),
        ("5.7.26", "smtp; 550 5.7.26 unauthenticated", "_email.softbounce"),
        ("", "", "_email.softbounce"),
    ],
)
def test_a_bounce_is_for_good_only_when_there_is_no_such_mailbox(
    imap: ImapServer, status: str, diagnostic: str, kind: str
) -> None:
    sent = make_sent()
    imap.add(dsn(sent, status=status, diagnostic=diagnostic))

    looked(make_mailbox(imap, sent.project))

    assert kinds() == [(kind, sent.endpoints[0].pk)]
    assert Suppression.objects.exists() is (kind == "_email.hardbounce")


def test_a_spam_report_opts_out_and_lists_the_address_and_the_entry_says_why(imap: ImapServer) -> None:
    sent = make_sent(count=2)
    imap.add(arf(sent, 1))

    looked(make_mailbox(imap, sent.project))

    assert kinds() == [("_email.complaint", sent.endpoints[1].pk)]
    (entry,) = OptOutEntry.objects.all()
    assert (entry.endpoint_id, entry.opt_out, entry.source, entry.campaign_id, entry.run_id) == (
        sent.endpoints[1].pk, "ALL", "COMPLAINT", sent.campaign.pk, sent.run.pk,
    )  # fmt: skip
    sent.endpoints[1].refresh_from_db()
    assert sent.endpoints[1].opt_out == "ALL"
    # The report names another recipient (providers strike it out); the link in what it returns is signed.
    assert list(Suppression.objects.values_list("reason", "address")) == [("COMPLAINT", sent.endpoints[1].address)]


def test_a_spam_report_to_the_return_path_is_known_by_it(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(arf(sent, head=f"Return-Path: <{sent.path()}>\n"))

    looked(make_mailbox(imap, sent.project))

    assert kinds() == [("_email.complaint", sent.endpoints[0].pk)]


def test_what_is_no_report_is_left_alone_and_counted(imap: ImapServer) -> None:
    sent = make_sent()
    away = f"From: kim@example.com\r\nTo: {sent.path()}\r\nSubject: Out of office\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday\r\n"
    imap.add(away.encode(), dsn(sent, action="delayed", status="4.4.1"), arf(sent, kind="not-spam"), b"\xff\xfe\x00", b"")

    mailbox = looked(make_mailbox(imap, sent.project))

    assert not Event.objects.exists()
    assert numbers(mailbox) == {"taken": 0, "repeated": 0, "ignored": 5, "unmatched": 0}
    assert mailbox.last_uid == 5


def test_what_can_not_be_matched_is_counted(imap: ImapServer) -> None:
    sent, theirs = make_sent(), make_sent()
    bad = sent.path()[:-25] + "a" + sent.path()[-24:]
    nobody = "Message-ID: <unknown@shop.example>\nTo: x@y.example\n"
    imap.add(dsn(sent, to=bad, returned=nobody), dsn(theirs, number=2))  # a signature that is wrong; another project's message

    mailbox = looked(make_mailbox(imap, sent.project))

    assert not Event.objects.exists()
    assert not Suppression.objects.exists()
    assert numbers(mailbox) == {"taken": 0, "repeated": 0, "ignored": 0, "unmatched": 2}


def test_the_message_id_counts_only_with_the_address_that_the_message_went_to(imap: ImapServer) -> None:
    """Anybody who got a message of the run knows its number, and the endpoints' are counted up."""
    sent = make_sent(count=2)
    imap.add(
        dsn(sent, 0, to="shop@shop.example"),
        dsn(sent, 1, to="shop@shop.example", recipient="forged@example.com", number=2),
    )  # fmt: skip

    mailbox = looked(make_mailbox(imap, sent.project))

    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert numbers(mailbox) == {"taken": 1, "repeated": 0, "ignored": 0, "unmatched": 1}


def test_a_bounce_of_another_address_lists_nobody(imap: ImapServer) -> None:
    """It was forwarded, or the endpoint has another address by now."""
    sent = make_sent()
    imap.add(dsn(sent, recipient="forwarded@elsewhere.example"))

    looked(make_mailbox(imap, sent.project))

    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert not Suppression.objects.exists()


def test_a_message_bounces_once_however_often_it_is_told(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(dsn(sent), dsn(sent), dsn(sent, number=2), dsn(sent, status="4.4.7", diagnostic="expired", number=3))
    mailbox = looked(make_mailbox(imap, sent.project))

    imap.validity = 2  # the server numbers its mails anew
    looked(mailbox)

    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]
    assert numbers(mailbox) == {"taken": 1, "repeated": 7, "ignored": 0, "unmatched": 0}


def test_a_released_address_is_not_listed_again_by_the_same_bounce(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(dsn(sent))
    mailbox = looked(make_mailbox(imap, sent.project))
    Suppression.objects.all().delete()

    imap.validity = 2
    looked(mailbox)

    assert not Suppression.objects.exists()


def test_only_what_is_new_is_fetched(imap: ImapServer) -> None:
    sent = make_sent(count=3)
    imap.add(dsn(sent, 0), dsn(sent, 1))
    mailbox = looked(make_mailbox(imap, sent.project))
    del imap.mails[1]
    imap.add(dsn(sent, 2))

    looked(mailbox)

    assert imap.fetched == [1, 2, 3]
    assert [endpoint for _kind, endpoint in kinds()] == [one.pk for one in sent.endpoints]


def test_a_connection_that_breaks_loses_nothing_and_repeats_nothing(imap: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounce_mailboxes, "BATCH", 2)
    sent = make_sent(count=5)
    imap.add(*(dsn(sent, place, number=place) for place in range(5)))
    imap.drop_after = 3
    mailbox = looked(make_mailbox(imap, sent.project))
    assert (mailbox.last_uid, mailbox.failures, len(kinds())) == (2, 1, 2)
    assert mailbox.last_error
    assert mailbox.next_look_at > NOW

    imap.drop_after = None
    looked(mailbox)

    assert [endpoint for _kind, endpoint in kinds()] == [one.pk for one in sent.endpoints]
    assert (mailbox.last_uid, mailbox.failures, mailbox.last_error, mailbox.taken) == (5, 0, "", 5)


class Killed(BaseException):
    """As by SIGKILL: nothing after it runs."""


@pytest.mark.django_db(transaction=True)
def test_killed_between_any_two_statements_nothing_is_lost_and_nothing_written_twice(
    imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounce_mailboxes, "BATCH", 2)
    sent = make_sent(count=3)
    imap.add(dsn(sent, 0), arf(sent, 1), dsn(sent, 2, number=2))
    mailbox = make_mailbox(imap, sent.project)

    for fatal in range(200):
        left = [fatal]

        def statement(execute: Any, sql: str, params: Any, many: bool, context: Any, left: list[int] = left) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(statement):
                bounce_mailboxes.look(mailbox_id=mailbox.pk, clock=clock)
        except Killed:
            BounceMailbox.objects.update(lease_until=None)  # it runs out
            continue
        break

    mailbox.refresh_from_db()
    assert fatal > 10
    assert sorted(kinds()) == sorted([
        ("_email.hardbounce", sent.endpoints[0].pk), ("_email.complaint", sent.endpoints[1].pk),
        ("_email.hardbounce", sent.endpoints[2].pk),
    ])  # fmt: skip
    assert numbers(mailbox) == {"taken": 3, "repeated": 0, "ignored": 0, "unmatched": 0}
    assert OptOutEntry.objects.count() == 1
    assert Suppression.objects.count() == 3


def test_two_at_once_read_it_once(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(dsn(sent))
    mailbox = make_mailbox(imap, sent.project, lease_until=NOW + datetime.timedelta(seconds=1))

    looked(mailbox)
    assert not imap.fetched

    BounceMailbox.objects.update(lease_until=NOW - datetime.timedelta(seconds=1))  # its worker died
    looked(mailbox)
    assert kinds() == [("_email.hardbounce", sent.endpoints[0].pk)]


def test_a_worker_whose_lease_was_taken_over_writes_nothing(imap: ImapServer) -> None:
    sent = make_sent()
    imap.add(dsn(sent))
    mailbox = make_mailbox(imap, sent.project)

    def taken_over() -> bool:
        BounceMailbox.objects.update(epoch=99)
        return False

    bounce_mailboxes.look(mailbox_id=mailbox.pk, clock=clock, should_stop=taken_over)

    assert not kinds()
    mailbox.refresh_from_db()
    assert (mailbox.last_uid, mailbox.taken) == (0, 0)


def test_the_installations_mailbox_is_what_the_setting_says_and_takes_bounces_of_every_project(
    imap: ImapServer, settings: Any
) -> None:
    first, second = make_sent(), make_sent()
    settings.BOUNCE_MAILBOX_URL = f"imap://bounces:pass%20word@127.0.0.1:{imap.port}/INBOX"
    imap.add(dsn(first), dsn(second, number=2))

    bounce_mailboxes.ensure_installations(now=NOW)
    (mailbox_id,) = bounce_mailboxes.due(now=NOW)
    bounce_mailboxes.look(mailbox_id=mailbox_id, clock=clock)

    assert [endpoint for _kind, endpoint in kinds()] == [first.endpoints[0].pk, second.endpoints[0].pk]
    assert bounce_mailboxes.due(now=NOW) == []
    assert bounce_mailboxes.due(now=NOW + datetime.timedelta(seconds=60)) == [mailbox_id]
    bounce_mailboxes.ensure_installations(now=NOW)
    assert BounceMailbox.objects.get().last_uid == 2
    settings.BOUNCE_MAILBOX_URL = ""
    bounce_mailboxes.ensure_installations(now=NOW)
    assert not BounceMailbox.objects.exists()


@pytest.mark.parametrize("security", ["TLS", "STARTTLS"])
def test_tls_asks_for_the_hosts_name(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str) -> None:
    settings.RELAY_PRIVATE_HOSTS, settings.BOUNCE_MAILBOX_PORTS = ["127.0.0.0/8"], range(1, 65_536)
    files = certificate_files(tmp_path)
    server = ImapServer(tls=security, files=files)
    sent = make_sent()
    server.add(dsn(sent))
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    mailbox = make_mailbox(server, sent.project, security=security)

    looked(mailbox)  # by its address: the certificate has another name
    assert "certificate" in mailbox.last_error.lower() or "mismatch" in mailbox.last_error.lower()
    BounceMailbox.objects.update(host="localhost", next_look_at=NOW)
    settings.RELAY_PRIVATE_HOSTS = ["localhost"]
    looked(mailbox)

    server.close()
    assert (mailbox.last_error, mailbox.taken) == ("", 1)


def test_a_projects_mailbox_may_not_be_in_the_servers_own_network() -> None:
    project = make_project()
    values = bounce_mailboxes.MailboxValues(host="127.0.0.1", port=993, security="TLS", user="x", password="y")

    with pytest.raises(Refusal):
        bounce_mailboxes.save_mailbox(project=project, actor=project.created_by, values=values, now=NOW)

    assert not BounceMailbox.objects.exists()


def test_a_mailbox_is_saved_only_when_it_can_be_opened_and_its_password_goes_nowhere_else(imap: ImapServer) -> None:
    project = make_project()
    good = {"host": "127.0.0.1", "port": imap.port, "security": "NONE", "user": "bounces"}

    def save(**other: Any) -> BounceMailbox:
        values = bounce_mailboxes.MailboxValues(**good | other)
        return bounce_mailboxes.save_mailbox(project=project, actor=project.created_by, values=values, now=NOW)

    for wrong in ({"password": "wrong"}, {"password": "pass word", "folder": "nowhere"}, {}):
        with pytest.raises(bounce_mailboxes.MailboxRefused):
            save(**wrong)
    assert not BounceMailbox.objects.exists()
    save(password="pass word")
    save()  # keeps it
    with pytest.raises(bounce_mailboxes.MailboxRefused):
        save(user="another")


def test_reports_of_odd_shapes_are_read() -> None:
    """Base64 around the fields, no diagnostic, a message that was returned whole, two recipients."""
    raw = b"""Content-Type: multipart/report; boundary=x
To: b-abc@bounces.example
Message-ID: <1@x>

--x
Content-Type: message/delivery-status
Content-Transfer-Encoding: base64

UmVwb3J0aW5nLU1UQTogZG5zOyBteC5leGFtcGxlCgpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsg
YUBiLmV4YW1wbGUKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQoKRmluYWwtUmVjaXBpZW50
OiByZmM4MjI7IGNAYi5leGFtcGxlCkFjdGlvbjogZGVsYXllZApTdGF0dXM6IDQuNC4xCg==
--x
Content-Type: message/rfc822

Message-ID: <whole@shop.example>

body
--x--
"""
    reports = mails.read(raw)

    assert reports is not None
    (report,) = reports
    assert (report.recipients, report.status, report.message_ids) == (("a@b.example",), "5.1.1", ("<whole@shop.example>",))
