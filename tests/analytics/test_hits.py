from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.test import RequestFactory

from analytics import queries, signing_keys
from analytics.events import EventRow
from analytics.hits import drain, queue
from analytics.hits.wsgi import hits_in_front_of
from analytics.links import BadToken, LinkContext, read_token, run_links
from analytics.models import Event, EventKind, HitClass, SourceKind, StreamPosition
from analytics.services.record import record_events

pytestmark = pytest.mark.django_db(transaction=True)

CONTEXT = LinkContext(project_id=1, campaign_id=2, run_id=3)
PERSON = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
AT = datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.UTC)


def ask(path: str, *, method: str = "GET", user_agent: str = PERSON, language: str = "en") -> tuple[str, dict[str, str], bytes]:
    environ = RequestFactory().generic(method, path, headers={"user-agent": user_agent, "accept-language": language}).environ
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answer.update(status=status, headers=dict(headers))

    def django(_environ: object, _start: object) -> list[bytes]:
        raise AssertionError("handed on to Django")

    body = b"".join(hits_in_front_of(django)(environ, start_response))
    return answer["status"], answer["headers"], body


def test_a_click_is_redirected_and_counted_once(clean_redis: Any) -> None:
    url = run_links(context=CONTEXT).click_url(77, 4, "https://shop.example.com/a?b=%EA%B0%80")

    status, headers, _body = ask(url.removeprefix("http://127.0.0.1:8000"))
    drain.drain_hits()
    drain.drain_hits()

    assert (status, headers["Location"]) == ("302 Found", "https://shop.example.com/a?b=%EA%B0%80")
    counts = queries.run_counts(project_id=1, run_ids=[3])[3]
    assert (counts.clicks, counts.unique_clicks, counts.opens) == (1, 1, 0)
    assert list(queries.reach(project_id=1, run_ids=[3], kind=EventKind.EMAIL_CLICK, link_number=4)) == [77]
    assert not list(queries.reach(project_id=1, run_ids=[3], kind=EventKind.EMAIL_CLICK, link_number=5))


def test_two_opens_are_one_person_and_scanners_do_not_count(clean_redis: Any) -> None:
    path = run_links(context=CONTEXT).open_url(77).removeprefix("http://127.0.0.1:8000")

    assert ask(path)[2][:6] == b"GIF89a"
    ask(path, user_agent="Mozilla/5.0 (via ggpht.com GoogleImageProxy)")
    ask(path, method="HEAD")
    ask(path, user_agent="curl/8.0")
    drain.drain_hits()

    counts = queries.run_counts(project_id=1, run_ids=[3])[3]
    assert (counts.opens, counts.unique_opens) == (2, 1)
    assert Event.objects.filter(hit_class=HitClass.SCANNER).count() == 2


@pytest.mark.parametrize("change", ["first", "last", "short", "empty", "junk"])
def test_a_changed_token_is_refused(change: str) -> None:
    token = run_links(context=CONTEXT).click_url(77, 0, "https://example.com/").rpartition("/")[2]
    changed = {
        "first": ("B" if token[0] == "A" else "A") + token[1:],
        "last": token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
        "short": token[:-5],
        "empty": "",
        "junk": "한글%%",
    }[change]

    with pytest.raises(BadToken):
        read_token(changed)
    status, _headers, body = ask("/t/c/x", language="ko-KR")
    assert status == "404 Not Found"
    assert "이 링크는 열 수 없습니다" in body.decode()


def test_a_token_of_a_retired_key_still_opens(clean_redis: Any) -> None:
    token = run_links(context=CONTEXT).open_url(5).rpartition("/")[2]

    signing_keys.rotate()

    assert read_token(token).endpoint_id == 5
    assert signing_keys.current()[0] == 2


def test_a_target_that_is_no_web_address_is_not_followed() -> None:
    for target in ("javascript:alert(1)", "https://example.com/\r\nSet-Cookie: a=b", "//example.com"):
        url = run_links(context=CONTEXT).click_url(1, 0, target)
        assert ask(url.removeprefix("http://127.0.0.1:8000"))[0] == "404 Not Found"


def test_hits_made_while_redis_is_away_are_spooled_and_counted_once(clean_redis: Any, settings: Any) -> None:
    path = run_links(context=CONTEXT).open_url(9).removeprefix("http://127.0.0.1:8000")
    there = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ask(path)[0] == "200 OK"
    settings.REDIS_URL = there
    queue.HITS.try_again()
    assert len(list(queue.HITS.spool_folder().glob("*.jsonl"))) == 1

    drain.drain_hits()
    drain.drain_hits()

    assert queries.run_counts(project_id=1, run_ids=[3])[3].opens == 1
    assert not list(queue.HITS.spool_folder().glob("*.jsonl"))


def test_a_hit_in_both_the_stream_and_the_spool_counts_once(clean_redis: Any) -> None:
    token = read_token(run_links(context=CONTEXT).open_url(9).rpartition("/")[2])
    hit = queue.hit_event(kind=EventKind.EMAIL_OPEN, token=token, now=AT, user_agent=PERSON, ip="127.0.0.1", method="GET")
    queue.put_events([hit])
    queue.HITS.spool(queue.encode(hit))

    drain.drain_hits()

    assert queries.run_counts(project_id=1, run_ids=[3])[3].opens == 1


def test_a_crash_before_the_stream_is_trimmed_counts_nothing_twice(clean_redis: Any) -> None:
    ask(run_links(context=CONTEXT).open_url(9).removeprefix("http://127.0.0.1:8000"))
    with transaction.atomic():
        drain.CONSUMER.take_batch()  # committed, and then killed before XTRIM
    assert clean_redis.xlen(queue.STREAM) == 1

    drain.drain_hits()

    assert queries.run_counts(project_id=1, run_ids=[3])[3].opens == 1


def test_a_redis_that_came_back_empty_is_read_from_its_beginning(clean_redis: Any) -> None:
    StreamPosition.objects.create(stream=queue.STREAM, position="99999999999999-0")
    ask(run_links(context=CONTEXT).open_url(9).removeprefix("http://127.0.0.1:8000"))

    drain.drain_hits()

    assert queries.run_counts(project_id=1, run_ids=[3])[3].opens == 1


def test_what_cannot_be_read_does_not_stop_the_rest(clean_redis: Any, tmp_path: Any) -> None:
    clean_redis.xadd(queue.STREAM, {"hit": "{broken"})
    ask(run_links(context=CONTEXT).open_url(9).removeprefix("http://127.0.0.1:8000"))

    drain.drain_hits()

    assert queries.run_counts(project_id=1, run_ids=[3])[3].opens == 1
    assert (tmp_path / "spool" / "unreadable-hits.txt").read_text() == "{broken\n"


def test_events_are_written_with_their_counters_and_any_text() -> None:
    nasty = 'tab\t newline\n backslash \\ quote " 파발 \u2028'
    event = EventRow(
        id=uuid.uuid4(), occurred_at=AT, project_id=1, endpoint_id=7, kind=EventKind.EMAIL_SEND,
        source_kind=SourceKind.CAMPAIGN, source_id=2, run_id=3, data={"reply": nasty},
    )  # fmt: skip

    with transaction.atomic():
        record_events(events=[event])

    assert Event.objects.get().data == {"reply": nasty}
    assert queries.run_counts(project_id=1, run_ids=[3])[3].sent == 1


def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError):
        record_events(events=[EventRow(id=uuid.uuid4(), occurred_at=AT, project_id=1, endpoint_id=7, kind=1)])


@pytest.mark.django_db
def test_links_that_name_unknown_keys_do_not_ask_the_database_each(django_assert_max_num_queries: Any) -> None:
    signing_keys.current()

    with django_assert_max_num_queries(1):
        assert [signing_keys.by_number(number) for number in range(7, 500)] == [None] * 493
