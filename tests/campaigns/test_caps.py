"""Caps, when several reserve at once: on real connections, and step by step against a model."""

from __future__ import annotations

import collections
import contextlib
import datetime
import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from campaigns import invariants
from campaigns.limits import caps
from campaigns.models import DailyUse, Run, SliceOutcome, WarmUpDay
from campaigns.sending import worker
from core.audience import Audience
from messaging.delivery import DeliveryStatus
from tests.campaigns.test_limits import frozen, rules
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

_HOURS_24 = datetime.timedelta(hours=24)


@pytest.mark.django_db(transaction=True)
def test_campaigns_launched_in_the_same_second_cannot_exceed_the_projects_cap() -> None:
    clock, project = Clock(), make_project()
    make_sender(project=project)
    rules(project, Limits={"Daily": 2}, Pabal={"WarmUp": {"Start": "2026-11-24", "Caps": [350]}})
    members = make_members(project=project, count=200)
    runs = [frozen(project, members, clock) for _number in range(5)]
    chance = random.Random(7)
    lock, together = threading.Lock(), threading.Barrier(len(runs))

    def answer(_message: object) -> DeliveryStatus:
        with lock:
            return chance.choice([DeliveryStatus.SUCCESS] * 8 + [DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.UNKNOWN])

    transports = [RecordingTransport(answer) for _run in runs]

    def work(run: Run, transport: RecordingTransport) -> None:
        try:
            together.wait(20)
            worker.send_run(run_id=run.pk, owner=f"w{run.pk}", clock=clock, transport=transport)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(runs)) as pool:
        for one in [pool.submit(work, run, transport) for run, transport in zip(runs, transports, strict=True)]:
            one.result(60)

    got: collections.Counter[int] = collections.Counter()
    for transport in transports:
        got.update(transport.sent)
    assert max(got.values()) == 2
    assert sum(got.values()) == 350 == WarmUpDay.objects.get().used
    assert {pk: len(held) for pk, held in DailyUse.objects.values_list("endpoint_id", "instants") if held} == dict(got)
    assert not invariants.runs(project_id=project.pk).broken
    assert sum(outcomes(run).get("SUCCESS", 0) + outcomes(run).get("UNKNOWN", 0) for run in runs) == 350


@pytest.mark.django_db(transaction=True)
def test_reservations_on_many_connections_are_as_if_one_came_after_the_other() -> None:
    project = make_project()
    people, cap, workers = list(range(1, 41)), 3, 6
    together = threading.Barrier(workers)

    def work(number: int) -> collections.Counter[int]:
        chance, kept = random.Random(number), collections.Counter[int]()
        try:
            together.wait(20)
            for step in range(8):
                now = NOW + datetime.timedelta(seconds=step)
                ids = chance.sample(people, 25)  # in any order
                with transaction.atomic():
                    got = caps.reserve_daily(project_id=project.pk, campaign_id=None, cap=cap, ids=ids, now=now)
                lost = [one for one in got if chance.random() < 0.3]
                with transaction.atomic():
                    caps.give_back_daily(project_id=project.pk, campaign_id=None, ids=lost, at=now)
                kept.update(got - set(lost))
        finally:
            connection.close()
        return kept

    with ThreadPoolExecutor(workers) as pool:
        kept = sum((one.result(60) for one in [pool.submit(work, n) for n in range(workers)]), collections.Counter[int]())

    held = {pk: len(instants) for pk, instants in DailyUse.objects.values_list("endpoint_id", "instants") if instants}
    assert held == dict(kept)
    assert max(kept.values()) == cap


class _Places(RuleBasedStateMachine):
    """Reservations of several campaigns over hours, given back or kept, beside a list of what is held."""

    people = range(1, 7)

    def __init__(self) -> None:
        super().__init__()
        self.project = make_project()
        segment = make_import_segment(project=self.project, members=Audience())
        self.campaigns = [
            make_campaign(project=self.project, document=campaign_document(segment=segment)).pk for _number in range(2)
        ]
        self.now = NOW
        self.held: list[tuple[int | None, int, datetime.datetime]] = []
        self.total: collections.Counter[tuple[int, int]] = collections.Counter()

    def _recent(self, scope: int | None, person: int) -> int:
        return sum(1 for one, who, at in self.held if (one, who) == (scope, person) and at > self.now - _HOURS_24)

    @rule(ids=st.sets(st.sampled_from(people), min_size=1), cap=st.integers(1, 3), scope=st.sampled_from([None, 0, 1]),
          lost=st.sets(st.sampled_from(people)))  # fmt: skip
    def daily(self, ids: set[int], cap: int, scope: int | None, lost: set[int]) -> None:
        campaign = None if scope is None else self.campaigns[scope]
        expected = {one for one in ids if self._recent(campaign, one) < cap}
        got = caps.reserve_daily(project_id=self.project.pk, campaign_id=campaign, cap=cap, ids=list(ids), now=self.now)
        assert got == expected
        caps.give_back_daily(project_id=self.project.pk, campaign_id=campaign, ids=sorted(got & lost), at=self.now)
        self.held += [(campaign, one, self.now) for one in got - lost]

    @rule(ids=st.sets(st.sampled_from(people), min_size=1), scope=st.sampled_from([0, 1]), lost=st.sets(st.sampled_from(people)))
    def totals(self, ids: set[int], scope: int, lost: set[int]) -> None:
        campaign = self.campaigns[scope]
        got = caps.reserve_total(campaign_id=campaign, cap=2, ids=list(ids))
        assert got == {one for one in ids if self.total[campaign, one] < 2}
        caps.give_back_total(campaign_id=campaign, ids=sorted(got & lost))
        self.total.update((campaign, one) for one in got - lost)

    @rule(minutes=st.sampled_from([0, 1, 700, 1_440]))
    def time_passes(self, minutes: int) -> None:
        self.now += datetime.timedelta(minutes=minutes)

    @rule()
    def forgets(self) -> None:
        caps.prune(now=self.now)

    @invariant()
    def nobody_has_more_than_three_in_24_hours(self) -> None:
        for scope, person in itertools.product([None, *self.campaigns], self.people):
            assert self._recent(scope, person) <= 3


@pytest.mark.django_db
def test_places_are_given_and_taken_back_exactly() -> None:
    run_state_machine_as_test(
        _Places,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        ),
    )


class _Killed(BaseException):
    """What a kill −9 is to the code: nothing after it runs."""


class _Crashes(RuleBasedStateMachine):
    """Two campaigns under caps, whose workers die between any two statements."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.project = Clock(), make_project()
        make_sender(project=self.project)
        rules(self.project, Limits={"Daily": 1}, Pabal={"WarmUp": {"Start": "2026-11-24", "Caps": [1_000]}})
        members = make_members(project=self.project, count=130)
        limited = {"Limits": {"Daily": 1, "Total": 1}}
        self.runs = [frozen(self.project, members, self.clock, **limited) for _number in range(2)]
        statuses = itertools.cycle([DeliveryStatus.SUCCESS] * 5 + [DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.DEFERRED])
        self.transport = RecordingTransport(lambda _message: next(statuses))

    @rule(statement=st.integers(0, 50), which=st.integers(0, 1))
    def dies_at_a_statement(self, statement: int, which: int) -> None:
        left = statement

        def maybe_die(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise _Killed
            return execute(sql, params, many, context)

        with contextlib.suppress(_Killed), connection.execute_wrapper(maybe_die):
            send(self.runs[which], self.transport, self.clock)

    @rule(minutes=st.sampled_from([1, 6, 16]))
    def time_passes(self, minutes: int) -> None:
        self.clock.pass_(minutes=minutes)

    @invariant()
    def nobody_gets_two(self) -> None:
        assert max(self.transport.sent.values(), default=0) <= 1

    def teardown(self) -> None:
        for _attempt in range(8):
            self.clock.pass_(hours=4, minutes=1)
            for run in self.runs:
                send(run, self.transport, self.clock)
        ends = collections.Counter[int]()
        for row in SliceOutcome.objects.filter(run__in=self.runs, outcome__in=["SUCCESS", "UNKNOWN"]):
            ends.update(row.members)
        held = collections.Counter({pk: len(instants) for pk, instants in DailyUse.objects.filter(
            campaign=None).values_list("endpoint_id", "instants")})  # fmt: skip
        recent = collections.Counter(dict.fromkeys(ends, 1))
        assert not recent - held, "somebody was sent to, or may have been, and it does not count"
        assert all(Run.objects.get(pk=run.pk).completed_at for run in self.runs)
        assert not invariants.runs(project_id=self.project.pk).broken


@pytest.mark.django_db
def test_crashes_between_every_two_statements_exceed_no_cap_and_lose_no_count() -> None:
    run_state_machine_as_test(
        _Crashes,
        settings=settings(
            max_examples=10, stateful_step_count=6, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        ),
    )
