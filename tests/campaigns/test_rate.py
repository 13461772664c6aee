"""MessagesPerSecond and the limits of domains, on a real Redis."""

from __future__ import annotations

import collections
import datetime
import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import tasks
from campaigns.limits import domains, gate, rate, turns
from campaigns.models import HoldReason, RunState, Slice
from campaigns.sending import worker
from core import clock as clocks
from core import redis
from core.audience import Audience
from messaging.delivery import Delivery, OutgoingMessage
from projects.models import SendingSettings
from tests.campaigns.test_limits import frozen, rules
from tests.campaigns.test_sending import Clock, RecordingTransport, outcomes, send
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

NAVER = domains.DomainRate(domains=("naver.com",), per_minute=60)
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _clean(clean_redis: Any) -> None:
    pass


def windows(sent: Sequence[float], seconds: float) -> Iterator[int]:
    """How many of these instants lie in each window that begins with one of them."""
    last = 0
    for first, begin in enumerate(sent):
        while last < len(sent) and sent[last] < begin + seconds:
            last += 1
        yield last - first


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(per_second=st.sampled_from([50, 77, 333, 1_000, 10_000]), workers=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_over_any_minute_the_rate_is_kept_within_two_per_cent(per_second: int, workers: int, seed: int) -> None:
    """Hours of simulated time: workers of any pace, each asking with its own batch, on the bucket that all share."""
    chance = random.Random(seed)
    campaign, end = next(_numbers), 95.0
    ready = [(chance.random(), number) for number in range(workers)]
    pace = per_second * 2 / workers  # together they could do twice as much
    sent: collections.Counter[int] = collections.Counter()
    while ready:
        ready.sort()
        now, number = ready.pop(0)
        if now >= end:
            continue
        granted = rate.take(campaign_id=campaign, per_second=per_second, wanted=chance.randint(10, 200), at=1_000_000 + now)
        sent[int(now * 10)] += granted.count
        busy = granted.count / pace if granted.count else min(granted.wait, gate._NAP) + chance.random() * 0.02
        ready.append((now + busy, number))

    tenths = [sent[tenth] for tenth in range(int(end * 10))]
    minutes = [sum(tenths[start : start + 600]) for start in range(10, len(tenths) - 600)]
    assert max(minutes) <= per_second * 60 * 1.02
    assert min(minutes) >= per_second * 60 * 0.98


def test_many_threads_on_the_servers_clock_take_no_more_than_the_rate() -> None:
    campaign, per_second, begin = next(_numbers), 400, time.monotonic()

    def work() -> list[float]:
        taken: list[float] = []
        while time.monotonic() < begin + 3:
            granted = rate.take(campaign_id=campaign, per_second=per_second, wanted=50)
            taken += [time.monotonic()] * granted.count
            if not granted.count:
                time.sleep(min(granted.wait, 0.05))
        return taken

    with ThreadPoolExecutor(4) as pool:
        sent = sorted(itertools.chain(*[one.result(30) for one in [pool.submit(work) for _number in range(4)]]))

    assert max(windows(sent, 1.0)) <= per_second * (1 + rate._DEPTH) + 1
    assert 3 * per_second * 0.9 <= len(sent) <= 3 * per_second + per_second * rate._DEPTH + per_second * 0.1


def test_what_was_not_used_can_be_taken_again() -> None:
    campaign = next(_numbers)
    first = rate.take(campaign_id=campaign, per_second=100, wanted=60, at=1.0)
    assert rate.take(campaign_id=campaign, per_second=100, wanted=60, at=1.0).count == 0

    rate.give_back(campaign_id=campaign, per_second=100, count=40)
    rate.give_back(campaign_id=campaign, per_second=100, count=10_000)

    assert first.count == 60
    assert rate.take(campaign_id=campaign, per_second=100, wanted=200, at=1.0).count == 60


class PacedTransport(RecordingTransport):
    """Notes when."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        self.at += [time.monotonic()] * len(messages)
        return super().send_batch(messages)


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_campaign_keep_its_rate_together() -> None:
    clock, project = Clock(), make_project()
    make_sender(project=project)
    run = frozen(project, make_members(project=project, count=260), clock, Limits={"MessagesPerSecond": 100})
    Slice.objects.filter(run=run).delete()
    ids = list(run.audience or Audience())
    for number in range(4):
        some = Audience(ids[number * 65 : number * 65 + 65])
        Slice.objects.create(run=run, number=number, ids=some, size=65)
    together, transports = threading.Barrier(2), [PacedTransport(), PacedTransport()]

    def work(transport: PacedTransport) -> bool:
        try:
            together.wait(10)
            return worker.send_run(run_id=run.pk, owner="t", clock=clock, transport=transport)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        gave_way = [one.result(60) for one in [pool.submit(work, transport) for transport in transports]]

    at = sorted(transports[0].at + transports[1].at)
    assert gave_way == [False, False]
    assert outcomes(run) == {"SUCCESS": 260}
    assert max(windows(at, 1.0)) <= 100 * (1 + rate._DEPTH) + 1
    assert at[-1] - at[0] >= (260 - 100 * rate._DEPTH) / 100 * 0.95


@pytest.mark.django_db
def test_a_worker_that_must_wait_gives_way_to_others_and_keeps_nothing() -> None:
    clock, project, transport = Clock(), make_project(), RecordingTransport()
    make_sender(project=project)
    run = frozen(project, make_members(project=project, count=40), clock, Limits={"MessagesPerSecond": 10})

    gave_way = worker.send_run(run_id=run.pk, owner="t", clock=clock, transport=transport, others_wait=lambda: True)

    assert gave_way
    assert 1 <= len(transport.sent) < 40
    held = Slice.objects.get(run=run)
    assert (held.lease_until, held.intent_cursor, held.done_cursor) == (None, len(transport.sent), len(transport.sent))
    assert worker.runs_with_work(now=clock()) == [run.pk]


def test_one_message_for_the_next_turn_is_enough() -> None:
    assert not turns.is_awaited(run_id=1)
    assert turns.leave(run_id=1)
    assert not turns.leave(run_id=1)
    assert turns.is_awaited(run_id=1)
    turns.begin(run_id=1)
    assert not turns.is_awaited(run_id=1)


@pytest.mark.django_db
def test_a_worker_that_gave_way_leaves_one_message_for_the_next_turn(settings: Any) -> None:
    server, project = ScriptedServer(), make_project()
    settings.MAILBOX_HOST, settings.MAILBOX_PORT = "127.0.0.1", server.port
    clock = Clock()
    clock.now = clocks.now()
    make_sender(project=project)
    run = frozen(project, make_members(project=project, count=30), clock, Limits={"MessagesPerSecond": 10})
    redis.client().delete("sends")
    redis.client().rpush("sends", "another campaign's message")

    tasks.send_run(run.pk)
    sent = len(server.bodies)
    tasks.send_run(run.pk)
    redis.client().lpop("sends")

    assert 1 <= sent < 30
    assert len(server.bodies) == sent
    assert redis.client().llen("sends") == 1
    redis.client().delete("sends")  # a worker takes it; nobody else waits now
    tasks.send_run(run.pk, is_next_turn=True)
    assert outcomes(run) == {"SUCCESS": 30}
    assert not turns.is_awaited(run_id=run.pk)
    server.close()


@pytest.mark.django_db
def test_without_redis_nothing_is_sent_and_it_goes_on_afterwards(settings: Any) -> None:
    clock, project, transport = Clock(), make_project(), RecordingTransport()
    make_sender(project=project)
    rules(project, Limits={"Daily": 1})
    run = frozen(project, make_members(project=project, count=5), clock, Limits={"MessagesPerSecond": 1_000})
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"

    send(run, transport, clock)
    held = Slice.objects.get(run=run)
    assert (held.hold_reason, held.intent_cursor, held.lease_until) == (HoldReason.REDIS, 0, None)
    assert not transport.sent

    settings.REDIS_URL = there
    clock.pass_(seconds=5)
    send(run, transport, clock)
    assert outcomes(run) == {"SUCCESS": 5}


@pytest.mark.django_db
def test_without_redis_no_domain_is_asked_for_and_the_intent_is_taken_back(settings: Any) -> None:
    clock, project, transport = Clock(), make_project(), RecordingTransport()
    make_sender(project=project)
    rules(project, Limits={"Daily": 1}, Pabal={"DomainRates": [{"Domains": ["naver.com"], "PerMinute": 60}]})
    run = frozen(project, [make_endpoint(project=project, address="a@naver.com").pk], clock)
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"

    send(run, transport, clock)
    assert not transport.sent
    settings.REDIS_URL = there
    clock.pass_(seconds=5)
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 1}


# -- domains -----------------------------------------------------------------------------------------------------------


def test_a_domain_gets_its_rate_and_each_waits_about_once() -> None:
    """Twenty minutes' worth of ids come at once; they are sent when their places say."""
    now = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
    waiting: list[tuple[float, list[int], bool]] = [(0.0, list(range(1_200)), False)]
    sent: list[float] = []
    asked = 0
    while waiting:
        waiting.sort()
        at, ids, waited = waiting.pop(0)
        asked += len(ids)
        granted, places = domains.take(project_id=1, rate=NAVER, ids=ids, waited=waited, now=now, at=1_000 + at)
        sent += [at] * len(granted)
        waiting += [(at + (place.until - now).total_seconds(), list(place.ids), True) for place in places]

    assert len(sent) == 1_200
    assert asked < 1_200 * 2.2
    assert max(windows(sent, 60.0)) <= 60 + NAVER.chunk
    assert sent[-1] <= 1_200 + 20


def test_those_in_the_line_go_before_newcomers_unless_they_do_not_come() -> None:
    now = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
    take = lambda ids, waited, at: domains.take(project_id=2, rate=NAVER, ids=ids, waited=waited, now=now, at=at)  # noqa: E731

    granted, places = take(list(range(45)), False, 1_000)
    assert (len(granted), [len(place.ids) for place in places]) == (15, [15, 15])
    assert take([100], False, 1_010)[0] == []
    assert take(list(places[0].ids), True, 1_015)[0] == places[0].ids
    assert take([101], False, 1_031)[0] == [101]  # the bucket is full again: nobody of the line came


@pytest.mark.django_db
def test_a_domain_whose_bucket_is_empty_holds_no_other_up() -> None:
    clock, project, transport = Clock(), make_project(), RecordingTransport()
    make_sender(project=project)
    rules(project, Pabal={"DomainRates": [{"Domains": ["naver.com", "navercorp.com"], "PerMinute": 60}]})
    ids = [
        make_endpoint(project=project, address=f"m{number}@{('Naver.com', 'gmail.com', 'navercorp.com')[number % 3]}").pk
        for number in range(90)
    ]
    run = frozen(project, ids, clock)

    send(run, transport, clock)

    by_domain = collections.Counter(message.recipient.rpartition("@")[2].lower() for message in transport.messages)
    assert by_domain["gmail.com"] == 30
    assert by_domain["naver.com"] + by_domain["navercorp.com"] == 15
    waiting = Slice.objects.filter(run=run, state=Slice.State.OPEN)
    assert sum(one.size for one in waiting) == 45
    assert {(one.hold_reason, one.hold_note, one.attempt) for one in waiting} == {(HoldReason.DOMAIN, "naver.com", 0)}
    assert all(one.not_before and one.not_before > clock() for one in waiting)
    redis.client().flushdb()  # as time does
    clock.pass_(minutes=2)
    for _minute in range(5):
        send(run, transport, clock)
        redis.client().flushdb()
        clock.pass_(minutes=2)
    assert outcomes(run) == {"SUCCESS": 90}
    assert set(transport.sent.values()) == {1}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED


@pytest.mark.django_db
def test_live_projects_spare_korean_portals_until_somebody_says_otherwise() -> None:
    from campaigns.limits import rules_of

    practice, live = make_project(), make_project(mode="LIVE")
    assert rules_of(practice).rates == ()
    assert [one.name for one in rules_of(live).rates] == ["naver.com", "daum.net", "nate.com"]
    SendingSettings.objects.create(project=live, document={"Limits": {"Daily": 3}})
    assert rules_of(live).rates == ()
