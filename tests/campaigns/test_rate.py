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

from campaigns.limits import domains, gate, rate
from campaigns.models import HoldReason, Run, RunState, Slice
from campaigns.sending import lending, worker
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

    def work(transport: PacedTransport) -> None:
        try:
            together.wait(10)
            worker.send_run(run_id=run.pk, owner="t", clock=clock, transport=transport)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(work, transport) for transport in transports]:
            one.result(60)

    at = sorted(transports[0].at + transports[1].at)
    assert outcomes(run) == {"SUCCESS": 260}
    assert max(windows(at, 1.0)) <= 100 * (1 + rate._DEPTH) + 1
    assert at[-1] - at[0] >= (260 - 100 * rate._DEPTH) / 100 * 0.95


@pytest.mark.django_db
def test_a_worker_that_must_wait_is_lent_to_other_runs_and_misses_nothing(settings: Any) -> None:
    clock, project = Clock(), make_project()
    make_sender(project=project)
    paced = frozen(project, make_members(project=project, count=100), clock, Limits={"MessagesPerSecond": 50})
    free = frozen(project, make_members(project=project, count=450), clock)
    other = frozen(project, make_members(project=project, count=20), clock, Limits={"MessagesPerSecond": 20})
    server, lent = ScriptedServer(), []
    settings.MAILBOX_HOST, settings.MAILBOX_PORT = "127.0.0.1", server.port
    own = PacedTransport()
    lender = lending.Lender(run_id=paced.pk, owner="t", clock=clock, lent=lambda: lent.append(time.monotonic()))

    worker.send_run(run_id=paced.pk, owner="t", clock=clock, transport=own, while_waiting=lender)

    assert (outcomes(paced), outcomes(free), outcomes(other)) == ({"SUCCESS": 100}, {"SUCCESS": 450}, {"SUCCESS": 20})
    assert len(server.bodies) == 470
    assert max(windows(own.at, 1.0)) <= 50 * (1 + rate._DEPTH) + 1
    assert len(lent) >= 2
    server.close()


@pytest.mark.django_db
def test_a_worker_that_waits_stops_when_it_is_told_and_keeps_nothing() -> None:
    clock, project, transport = Clock(), make_project(), RecordingTransport()
    make_sender(project=project)
    run = frozen(project, make_members(project=project, count=40), clock, Limits={"MessagesPerSecond": 10})
    waited: list[float] = []

    send(run, transport, clock, while_waiting=waited.append, should_stop=lambda: bool(waited))

    assert len(transport.sent) == 6
    held = Slice.objects.get(run=run)
    assert (held.lease_until, held.intent_cursor, held.done_cursor) == (None, 6, 6)
    assert worker.runs_with_work(now=clock()) == [run.pk]


@pytest.mark.django_db
def test_a_run_that_cannot_be_sent_is_lent_to_once(caplog: Any) -> None:
    clock, project = Clock(), make_project()
    make_sender(project=project)
    broken = frozen(project, make_members(project=project, count=1), clock)
    Run.objects.filter(pk=broken.pk).update(content={})
    lender = lending.Lender(run_id=0, owner="t", clock=clock)

    lender(0.001)
    lender(0.001)

    assert [record.message for record in caplog.records if "helped out" in record.message] == [
        f"run {broken.pk} can't be helped out with"
    ]


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
