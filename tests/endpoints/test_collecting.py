"""What web pages send with a public key, over HTTP: taken, answered, written once."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from analytics.models import Event, EventKind, EventType, HitClass
from core import clock
from core.redis import client
from endpoints.collecting import door, notes
from endpoints.collecting.batch import BATCHES
from endpoints.models import AttributeName, Endpoint
from endpoints.services import collecting
from projects.models import Project, PublicKey
from projects.services import known_keys, public_keys
from tests.endpoints.web_page import SHOP, Page, ask, collector
from tests.factories.projects import make_project, make_public_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(clean_redis: Any) -> Project:
    return make_project()


@pytest.fixture
def key(project: Project) -> PublicKey:
    return make_public_key(project=project)


@pytest.fixture
def page(key: PublicKey, address: str) -> Page:
    return Page(address, key)


@pytest.fixture
def address() -> Iterator[str]:
    door._meter._begin(-1)
    with collector() as found:
        yield found


def event(name: str = "cart.viewed", **more: Any) -> dict[str, Any]:
    return {"EventType": name, "Timestamp": clock.now().isoformat()} | more


def test_a_visitor_becomes_an_endpoint_and_an_event_counts_once_however_often_it_is_sent(page: Page, project: Project) -> None:
    told = {"e-1": event(Attributes={"category": "신발"}, Metrics={"price": 12.5})}
    answers = [page.put(Events=told, Endpoint={"Demographic": {"Platform": "Web"}}) for _time in range(2)]
    collecting.drain_batches()
    answers.append(page.put(Events=told))
    collecting.drain_batches()

    assert [answer.status for answer in answers] == [202] * 3
    assert answers[0].said == {"EndpointId": page.endpoint_id}
    one, stored = Endpoint.objects.get(), Event.objects.get()
    assert (one.endpoint_id, one.channel_type, one.address, one.demographic) == (
        page.endpoint_id, "IN_APP", page.endpoint_id, {"Platform": "Web"},
    )  # fmt: skip
    assert (stored.project_id, stored.endpoint_id, stored.hit_class) == (project.pk, one.pk, HitClass.NONE)
    assert stored.kind == EventType.objects.get(name="cart.viewed").number
    assert stored.data is not None
    assert (stored.data["attributes"], stored.data["metrics"]) == ({"category": "신발"}, {"price": 12.5})
    assert stored.data["app"] == {"SdkName": "pabal-web", "ClientSdkVersion": "1.0.0", "AppPackageName": "shop.example.com"}
    assert not BATCHES.spool_folder().exists()


def test_what_is_wrong_is_left_out_alone_and_said(page: Page) -> None:
    answer = page.put(
        Endpoint={"Attributes": {"k": "v" * 101}},
        Events={"wrong": event(Attributes={"k": "v" * 201}), "own": event("_email.open"), "push": event("_campaign.opened_notification"),
                "id" * 40: event(), "big": event(Session={"Id": "x" * 70_000}), "right": event("_session.start")},
    )  # fmt: skip
    collecting.drain_batches()

    assert answer.status == 202
    refused = answer.said["Refused"]
    assert set(refused["Events"]) == {"wrong", "own", "push", "id" * 32, "big"}
    assert "200 characters" in refused["Events"]["wrong"]
    assert "100 characters" in refused["Endpoint"]
    assert [one.kind for one in Event.objects.all()] == [EventKind.SESSION_START]
    assert Endpoint.objects.get().attributes == {}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "NotJson"), (b"\xff", 400, "NotJson"), (b'{"Visitor": "\\ud800"}', 400, "NotJson"), (b"", 400, "NotJson"),
        (b"[]", 400, "NoVisitor"),
        (b'{"Visitor": "kim"}', 400, "NoVisitor"), (b'{"Visitor": ["a"]}', 400, "NoVisitor"),
        (json.dumps({"Visitor": "0" * 32, "Events": [1]}).encode(), 400, "NotEvents"),
        (json.dumps({"Visitor": "0" * 32, "Events": {"a": 1}}).encode(), 400, "NotEvents"),
        (json.dumps({"Visitor": "0" * 32, "Events": {str(one): {} for one in range(101)}}).encode(), 400, "TooManyEvents"),
        (b" " * (512 * 1024 + 1), 413, "TooLarge"), (b"[" * 100_000, 400, "NotJson"),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused_with_its_reason(page: Page, body: bytes, status: int, error: str) -> None:
    answer = page.post(body)

    assert (answer.status, answer.said["Error"]) == (status, error)
    assert answer.said["Message"]
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert collecting.drain_batches() == 0
    assert not Endpoint.objects.exists()


def test_texts_that_no_database_holds_stop_nobody_else(page: Page, address: str, key: PublicKey) -> None:
    page.put(Endpoint={"Attributes": {"k": "a\0b"}}, Events={"a\0b": event(), "n": event(Attributes={"k": "a\0b"})})
    Page(address, key).put(Events={"e": event("_session.start")})
    collecting.drain_batches()

    assert sorted(Event.objects.values_list("kind", flat=True)) == [EventKind.SESSION_START, EventType.objects.get().number]


def test_a_line_that_can_not_be_written_is_put_aside_and_the_others_are_written(page: Page, address: str, key: PublicKey) -> None:
    page.put(Events={"e": event("_session.start")})
    broken = json.loads(waiting_line()) | {
        "arrived_at": "0001-01-01T00:00:00+00:00",
        "events": {"e": {"EventType": "x" * 60, "Timestamp": "x"}},
    }
    BATCHES.put([json.dumps(broken).encode(), b"{broken"])
    Page(address, key).put(Events={"e": event("_session.start")})

    assert collecting.drain_batches() == 2
    unreadable = (BATCHES.spool_folder().parent / "unreadable-web.txt").read_bytes()
    assert b"{broken" in unreadable
    assert b'"xxx' in unreadable


def waiting_line() -> bytes:
    return bytes(client().xrange(BATCHES.stream)[0][1][b"hit"])


# -- keys and origins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://shop.example.com", True), ("https://SHOP.example.com:443", True), ("http://shop.example.com", False),
        ("https://shop.example.com:8443", False), ("https://evil.com", False), ("https://shop.example.com.evil.com", False),
        ("https://a.b.wide.example", True), ("https://wide.example", False), ("https://evilwide.example", False), ("null", False),
        ("", False),
        ("https://*.wide.example", False),
    ],
)  # fmt: skip
def test_pages_of_allowed_origins_alone_may_use_a_key(project: Project, address: str, origin: str, is_allowed: bool) -> None:
    key = make_public_key(project=project, origins=("https://shop.example.com", "https://*.wide.example"))
    page = Page(address, key, origin=origin)
    put = page.put(Events={"e": event()})
    preflight = ask(
        f"{address}/w/{key.token}/1/put", method="OPTIONS", Origin=origin, Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )  # fmt: skip

    assert (put.status, preflight.status) == ((202, 204) if is_allowed else (403, 403))
    for answer in (put, preflight):
        assert answer.headers.get("access-control-allow-origin") == (origin if is_allowed else None)
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["vary"] == "Origin"
    if is_allowed:
        assert preflight.headers["access-control-allow-methods"] == "POST"
        assert preflight.headers["access-control-allow-headers"] == "content-type"
    else:
        assert put.said["Error"] == "OriginRefused"
        assert [note.detail for note in notes.last_refused(key_id=key.pk)] == [origin]
    assert collecting.drain_batches() == is_allowed


def test_a_key_that_is_unknown_revoked_or_of_a_deleted_project_takes_nothing(
    page: Page, project: Project, key: PublicKey
) -> None:
    assert ask(f"{page.address}/w/pk_{'0' * 32}/1/put", method="POST", body=b"{}", Origin=SHOP).said["Error"] == "KeyUnknown"
    assert page.put(Events={"e": event()}).status == 202

    public_keys.revoke_key(key=key, actor=project.created_by, now=clock.now())
    revoked = page.put(Events={"f": event()})
    Project.objects.filter(pk=project.pk).update(deleted_at=clock.now())
    known_keys.forget()
    deleted = page.put(Events={"g": event()})

    assert (revoked.status, revoked.said["Error"]) == (403, "KeyRevoked")
    assert (deleted.status, deleted.said["Error"]) == (404, "KeyUnknown")
    assert collecting.drain_batches() == 0
    assert not Event.objects.exists()


def test_a_key_is_known_to_other_processes_within_a_second_and_its_revocation_within_five(project: Project, address: str) -> None:
    first = make_public_key(project=project)
    Page(address, first).put(Events={})
    made = PublicKey.objects.create(
        project=project, token=f"pk_{'a' * 32}", name="x", origins=[SHOP], sealed_secret=first.sealed_secret
    )
    PublicKey.objects.filter(pk=first.pk).update(revoked_at=clock.now())  # as another process does
    known_keys._read_at -= 1.1
    assert Page(address, made).put(Events={}).status == 202
    assert Page(address, first).put(Events={}).status == 403


def test_without_the_database_known_keys_hold_and_nothing_that_was_answered_is_lost(
    page: Page, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    known_keys._written = ""
    known_keys.forget()
    page.put(Events={"e-1": event()})
    known_keys._read_at = float("-inf")
    read, known_keys._stored = known_keys._stored, refusing
    try:
        assert page.put(Events={"e-2": event()}).status == 202
        known_keys._keys = None  # as in a process that has just begun
        assert page.put(Events={"e-3": event()}).status == 202
        (tmp_path / "public-keys.json").unlink()
        known_keys._keys = None
        assert page.put(Events={"e-4": event()}).status == 503
    finally:
        known_keys._stored = read

    assert collecting.drain_batches() == 3


def refusing() -> dict[str, Any]:
    from django.db import OperationalError

    raise OperationalError


def test_without_redis_batches_go_to_the_spool_and_count_once(page: Page, settings: Any) -> None:
    page.put(Events={"e-1": event()})
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    answers = [page.put(Events={"e-1": event(), "e-2": event()}) for _time in range(2)]
    settings.REDIS_URL = there
    BATCHES.try_again()

    assert [answer.status for answer in answers] == [202, 202]
    assert collecting.drain_batches() >= 2
    assert collecting.drain_batches() == 0
    assert not list(BATCHES.spool_folder().glob("*.jsonl"))


def test_a_crash_before_the_stream_is_trimmed_counts_nothing_twice(page: Page) -> None:
    from django.db import transaction

    page.put(Events={"e": event()})
    with transaction.atomic():
        collecting.CONSUMER.take_batch()  # committed, and then killed before XTRIM

    assert collecting.drain_batches() == 0
    assert Event.objects.count() == 1


# -- limits ------------------------------------------------------------------------------------------------------------


def test_an_address_and_a_key_have_limits_and_large_requests_count_for_several(page: Page, settings: Any) -> None:
    settings.WEB_REQUESTS_PER_ADDRESS = 5
    assert page.post(b" " * 16 * 1024 * 3 + b"{}").status == 400  # four
    assert page.put(Events={}).status == 202
    refused = page.put(Events={"e": event()})
    settings.WEB_REQUESTS_PER_ADDRESS, settings.WEB_REQUESTS_PER_KEY = 1_000, 2
    by_key = page.put(Events={"e": event()})

    assert (refused.status, refused.said["Error"], refused.headers["access-control-allow-origin"]) == (
        429,
        "TooManyRequests",
        SHOP,
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert by_key.status == 429
    assert collecting.drain_batches() == 0


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(page: Page, settings: Any) -> None:
    settings.BEHIND_PROXY, settings.WEB_REQUESTS_PER_ADDRESS = True, 1
    said = [page.put(Events={}, headers={"X_Forwarded_For": f"{one}, 203.0.113.7"}).status for one in ("1.1.1.1", "2.2.2.2")]
    other = page.put(Events={}, headers={"X_Forwarded_For": "2001:db8:1:2::1"}).status
    household = page.put(Events={}, headers={"X_Forwarded_For": "2001:db8:1:2:ffff::9"}).status

    assert (said, other, household) == ([202, 429], 202, 429)


def test_new_visitors_of_a_key_are_limited_and_known_ones_go_on(
    project: Project, key: PublicKey, address: str, settings: Any
) -> None:
    settings.WEB_VISITORS_PER_DAY = 2
    pages = [Page(address, key) for _number in range(3)]
    for page in pages:
        page.put(Events={"e": event()})
    collecting.drain_batches()
    pages.append(Page(address, key))
    for page in (pages[0], pages[3]):
        page.put(Events={"f": event()})
    collecting.drain_batches()

    assert set(Endpoint.objects.values_list("endpoint_id", flat=True)) == {pages[0].endpoint_id, pages[1].endpoint_id}
    assert Event.objects.count() == 3
    assert "TooManyVisitors" in {note.code for note in notes.last_refused(key_id=key.pk)}


def test_pages_use_up_no_more_than_their_part_of_names_and_types(
    page: Page, project: Project, settings: Any, monkeypatch: Any
) -> None:
    settings.ATTRIBUTE_NAMES_LIMIT = 10
    monkeypatch.setattr(collecting, "TYPES_OF_PAGES", 3)
    page.put(
        Endpoint={"Attributes": {f"a{one}": "x" for one in range(9)}, "Metrics": {"m": 1}},
        Events={str(one): event(f"type.{one}") for one in range(5)},
    )
    collecting.drain_batches()

    assert AttributeName.objects.filter(project=project).count() == 6
    assert len(Endpoint.objects.get().attributes) == 6
    assert EventType.objects.filter(project_id=project.pk).count() == 3
    assert Event.objects.count() == 3


def test_a_key_that_takes_no_new_names_takes_those_that_are_known(project: Project, address: str) -> None:
    Page(address, make_public_key(project=project)).put(Endpoint={"Attributes": {"known": "x"}}, Events={"e": event("known")})
    collecting.drain_batches()
    key = make_public_key(project=project, takes_new_names=False)
    page = Page(address, key)
    answer = page.put(Endpoint={"Attributes": {"known": "y", "new": "y"}}, Events={"e": event("known"), "f": event("new")})
    collecting.drain_batches()

    assert answer.status == 202
    assert Endpoint.objects.get(endpoint_id=page.endpoint_id).attributes == {"known": ["y"]}
    assert Event.objects.filter(endpoint_id=Endpoint.objects.get(endpoint_id=page.endpoint_id).pk).count() == 1
    assert list(EventType.objects.values_list("name", flat=True)) == ["known"]


def test_consent_that_the_project_demands_must_be_said(project: Project, address: str) -> None:
    page = Page(address, make_public_key(project=project, needs_consent=True))
    refused = [page.put(Events={"e": event()}), page.put(Events={"e": event()}, Consent="yes")]
    taken = page.put(Events={"e": event()}, Consent=True)

    assert [(answer.status, answer.said["Error"]) for answer in refused] == [(403, "ConsentNeeded")] * 2
    assert taken.status == 202
    assert collecting.drain_batches() == 1


def test_what_crawlers_do_is_kept_as_theirs(page: Page) -> None:
    page.put(
        Events={"e": event()}, headers={"User_Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    )
    collecting.drain_batches()
    assert Event.objects.get().hit_class == HitClass.SCANNER


def test_an_event_of_a_clock_that_is_ahead_happened_when_it_came_first(page: Page) -> None:
    ahead = (clock.now() + datetime.timedelta(hours=3)).isoformat()
    for _time in range(2):
        page.put(Events={"e": event(Timestamp=ahead)})
        collecting.drain_batches()
    assert Event.objects.get().occurred_at <= clock.now()


def test_the_newest_events_are_noted_by_their_keys_alone(page: Page, project: Project, key: PublicKey) -> None:
    page.put(Events={str(number): event() for number in range(25)})
    collecting.drain_batches()

    seen = notes.last_seen(project_id=project.pk)
    assert len(seen) == notes.LAST
    assert {one.event_id for one in seen} <= {one.hex for one in Event.objects.values_list("id", flat=True)}
    key.refresh_from_db()
    assert key.used_at is not None


def test_other_addresses_are_handed_on_and_other_methods_refused(page: Page) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = ask(f"{page.address}/w/{page.key.token}/1/put", method=method, Origin=SHOP)
        assert (answer.status, answer.said["Error"]) == (405, "MethodNotAllowed"), method
    assert django_settings.WSGI_APPLICATION == "console.wsgi.application"
