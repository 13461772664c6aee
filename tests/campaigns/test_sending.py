from __future__ import annotations

import collections
import copy
import datetime
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from analytics import queries as analytics_queries
from campaigns import queries
from campaigns.models import CampaignState, Outcome, Run, RunExclusion, RunState, Slice, SliceOutcome, Treatment
from campaigns.sending import freezing, slices, worker
from campaigns.services import launch, occurrences
from core.audience import Audience
from endpoints.models import Endpoint, OptOut, OptOutEntry
from endpoints.services import update
from endpoints.services.opt_out import set_opt_out
from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, TransportDown
from projects.models import Project
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime.datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        self.now += datetime.timedelta(**duration)


class RecordingTransport:
    """The adapter's interface; remembers who was sent to, and answers as it is told."""

    def __init__(self, answer: Callable[[OutgoingMessage], DeliveryStatus] = lambda _message: DeliveryStatus.SUCCESS) -> None:
        self.sent: collections.Counter[int] = collections.Counter()
        self.messages: list[OutgoingMessage] = []
        self.answer = answer
        self.is_down = False

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        if self.is_down:
            raise TransportDown("nobody there")
        deliveries = []
        for message in messages:
            status = self.answer(message)
            if status in (DeliveryStatus.SUCCESS, DeliveryStatus.UNKNOWN):
                self.sent[message.endpoint_id] += 1
                self.messages.append(message)
            deliveries.append(Delivery(message.endpoint_id, status, "250", "said"))
        return deliveries

    def close(self) -> None:
        pass


def launched(count: int, *, project: Project | None = None, clock: Clock, **document: Any) -> Run:
    """A frozen run of an immediate campaign to ``count`` members."""
    project = project or make_project()
    make_sender(project=project)
    members = make_members(project=project, count=count)
    segment = make_import_segment(project=project, members=Audience(members))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment) | document)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    return Run.objects.get(pk=run_id)


def send(run: Run, transport: RecordingTransport, clock: Clock, **options: Any) -> None:
    worker.send_run(run_id=run.pk, owner="test", clock=clock, transport=transport, **options)


def outcomes(run: Run) -> dict[str, int]:
    found: collections.Counter[str] = collections.Counter()
    for row in SliceOutcome.objects.filter(run=run):
        assert len(row.members) == row.total
        found[row.outcome] += row.total
    return dict(found)


@pytest.mark.django_db
def test_everybody_gets_one_message_with_his_own_name_and_the_run_completes() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(450, clock=clock)

    send(run, transport, clock)

    run.refresh_from_db()
    assert (run.state, run.targeted, run.frozen) == (RunState.COMPLETED, 450, 450)
    assert outcomes(run) == {"SUCCESS": 450}
    assert set(transport.sent.values()) == {1}
    run.campaign.refresh_from_db()
    assert run.campaign.state == CampaignState.COMPLETED
    counts = analytics_queries.run_counts(project_id=run.project_id, run_ids=[run.pk])[run.pk]
    assert (counts.sent, counts.delivered) == (450, 450)


@pytest.mark.django_db
def test_members_who_cannot_be_sent_to_are_excluded_by_reason_and_all_add_up() -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    make_endpoint(project=project, opt_out="ALL")
    make_endpoint(project=project, status="INACTIVE")
    make_endpoint(project=project, channel_type="SMS", address="+821012345678")
    twin = make_endpoint(project=project, address="Twin@example.com")
    make_endpoint(project=project, address="twin@example.com")
    gone = make_endpoint(project=project)
    members = Audience(Endpoint.objects.filter(project=project).values_list("pk", flat=True))
    update.delete_endpoints(project=project, endpoint_ids=[gone.endpoint_id])  # no member any more, though the file named it
    make_sender(project=project)
    segment = make_import_segment(project=project, members=members)
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())

    freezing.freeze_run(run_id=run_id, clock=clock)
    run = Run.objects.get()
    send(run, transport, clock)

    assert dict(RunExclusion.objects.values_list("reason", "total")) == {
        "ENDPOINT_OPT_OUT": 1, "ENDPOINT_INACTIVE": 1, "ENDPOINT_CHANNEL_MISMATCH": 1, "DUPLICATE_ENDPOINT": 1,
    }  # fmt: skip
    assert list(transport.sent) == [twin.pk]
    assert run.targeted == 5 == 4 + sum(outcomes(run).values())


@pytest.mark.django_db
def test_an_opt_out_after_the_freeze_is_honoured() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(3, clock=clock)
    first = next(iter(run.audience or Audience()))
    set_opt_out(project_id=run.project_id, endpoint_id=first, opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=clock())

    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 2, "OPT_OUT": 1}
    assert first not in transport.sent


@pytest.mark.django_db
def test_a_deferred_message_is_tried_again_later_and_given_up_after_six_attempts() -> None:
    clock = Clock()
    transport = RecordingTransport(lambda _message: DeliveryStatus.DEFERRED)
    run = launched(2, clock=clock)

    for attempt in range(6):
        send(run, transport, clock)
        send(run, transport, clock)  # not before its time
        assert Slice.objects.filter(run=run).count() == min(attempt + 2, 6)
        clock.pass_(hours=5)

    assert outcomes(run) == {"TRANSIENT_FAILURE": 2}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED


@pytest.mark.django_db
def test_a_server_that_is_down_costs_nobody_an_outcome() -> None:
    clock, transport = Clock(), RecordingTransport()
    transport.is_down = True
    run = launched(3, clock=clock)

    send(run, transport, clock)
    assert outcomes(run) == {}
    transport.is_down = False
    send(run, transport, clock)
    assert outcomes(run) == {}
    clock.pass_(seconds=31)
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 3}


@pytest.mark.django_db
def test_refused_and_unknown_are_final() -> None:
    clock = Clock()
    answers = iter([DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.UNKNOWN, DeliveryStatus.SUCCESS])
    transport = RecordingTransport(lambda _message: next(answers))
    run = launched(3, clock=clock)

    send(run, transport, clock)

    assert outcomes(run) == {"FAILURE_PERMANENT": 1, "UNKNOWN": 1, "SUCCESS": 1}


@pytest.mark.django_db
def test_a_pause_holds_what_is_going_out_and_a_resume_goes_on() -> None:
    clock = Clock()
    run = launched(450, clock=clock)
    actor = run.project.created_by

    def answer(_message: OutgoingMessage) -> DeliveryStatus:
        if not transport.messages:
            launch.pause_campaign(campaign=run.campaign, actor=actor, now=clock())
        return DeliveryStatus.SUCCESS

    transport = RecordingTransport(answer)
    send(run, transport, clock)
    assert sum(transport.sent.values()) == worker.FIRST_BATCH
    launch.resume_campaign(campaign=run.campaign, actor=actor, now=clock())
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 450}
    assert set(transport.sent.values()) == {1}


@pytest.mark.django_db
def test_a_deleted_campaign_sends_no_more_and_everybody_has_an_outcome() -> None:
    clock = Clock()
    run = launched(450, clock=clock)

    def answer(_message: OutgoingMessage) -> DeliveryStatus:
        if not transport.messages:
            launch.delete_campaign(campaign=run.campaign, actor=run.project.created_by, now=clock())
        return DeliveryStatus.SUCCESS

    transport = RecordingTransport(answer)
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": worker.FIRST_BATCH, "EXPIRED": 450 - worker.FIRST_BATCH}
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.completed_at is not None


def test_a_slow_server_has_fewer_messages_at_stake() -> None:
    assert worker.next_batch(sent=50, seconds=50 * 0.003) == 33
    assert worker.next_batch(sent=33, seconds=33 * 1.0) == 10
    assert worker.next_batch(sent=200, seconds=200 / 20_000) == worker.SMALL_BATCH


@pytest.mark.django_db
def test_a_holdout_is_held_out() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(200, clock=clock, HoldoutPercent=25)

    send(run, transport, clock)

    assert dict(RunExclusion.objects.values_list("reason", "total")) == {"TREATMENT_HOLDOUT": 200 - len(transport.sent)}
    assert 120 < len(transport.sent) < 180


@pytest.mark.django_db
def test_local_time_sends_a_wave_to_each_zone_and_nobody_twice() -> None:
    clock, transport = Clock(), RecordingTransport()
    project = make_project()
    make_sender(project=project)
    for zone in ("Asia/Seoul", "Asia/Seoul", "Europe/London", "America/Los_Angeles", "Mars/Olympus", ""):
        make_endpoint(project=project, demographic={"Timezone": zone} if zone else {})
    segment = make_import_segment(
        project=project, members=Audience(Endpoint.objects.filter(project=project).values_list("pk", flat=True))
    )
    schedule = {"StartTime": "2026-11-26T09:00:00", "Frequency": "ONCE", "IsLocalTime": True}
    document = campaign_document(segment=segment, schedule=schedule, MissingTimeZone="PROJECT")
    campaign = make_campaign(project=project, document=document)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    due = Treatment.objects.get().next_run_at
    assert due == datetime.datetime(2026, 11, 25, 19, tzinfo=datetime.UTC)

    clock.now = due
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    waves = dict(Run.objects.exclude(zone_wave="").values_list("zone_wave", "due_at"))
    assert waves == {
        "Asia/Seoul": datetime.datetime(2026, 11, 26, 0, tzinfo=datetime.UTC),
        "Europe/London": datetime.datetime(2026, 11, 26, 9, tzinfo=datetime.UTC),
        "America/Los_Angeles": datetime.datetime(2026, 11, 26, 17, tzinfo=datetime.UTC),
    }
    assert Run.objects.get(zone_wave="Asia/Seoul").frozen == 4  # the project's zone for those without a valid one

    for zone, at in sorted(waves.items(), key=lambda wave: wave[1]):
        clock.now = at - datetime.timedelta(seconds=1)
        assert freezing.start_waves(now=clock()) == []
        clock.now = at
        (started,) = freezing.start_waves(now=clock())
        run = Run.objects.get(pk=started)
        assert run.zone_wave == zone
        send(run, transport, clock)
    for run in Run.objects.filter(zone_wave=""):
        send(run, transport, clock)

    assert set(transport.sent.values()) == {1}
    assert len(transport.sent) == 6
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


@pytest.mark.django_db
def test_a_recurring_campaign_claims_each_occurrence_once_and_catches_up_once() -> None:
    clock = Clock()
    project = make_project()
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    schedule = {"StartTime": "2026-11-25T00:00:00Z", "EndTime": "2026-11-30T00:00:00Z", "Frequency": "DAILY"}
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=schedule))
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())

    clock.now = datetime.datetime(2026, 11, 24, 23, 59, 59, tzinfo=datetime.UTC)
    assert occurrences.claim_due(now=clock()) == []
    clock.now = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)
    assert len(occurrences.claim_due(now=clock())) == 1
    assert occurrences.claim_due(now=clock()) == []
    clock.now = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
    assert len(occurrences.claim_due(now=clock())) == 1
    assert occurrences.claim_due(now=clock()) == []
    clock.now = datetime.datetime(2026, 12, 2, tzinfo=datetime.UTC)
    assert occurrences.claim_due(now=clock()) == []

    assert [run.occurrence_at.day for run in Run.objects.order_by("occurrence_at")] == [25, 28]
    assert Treatment.objects.get().next_run_at is None


@pytest.mark.django_db
def test_a_commit_whose_answer_was_lost_is_known_to_what_is_written_next() -> None:
    clock = Clock()
    run = launched(10, clock=clock)
    held = slices.claim(run_id=run.pk, owner="a", now=clock())
    assert held is not None
    assert slices.intend(held=held, end=4, now=clock())
    unanswered = copy.deepcopy(held)
    slices.finish(held=held, end=4, outcomes={"SUCCESS": held.ids[:4]}, deferred=[], events=[], now=clock())

    assert slices.is_finished(held=unanswered, end=4)
    assert not slices.is_finished(held=unanswered, end=10)
    assert slices.intend(held=unanswered, end=10, now=clock())
    slices.finish(held=unanswered, end=10, outcomes={"SUCCESS": held.ids[4:]}, deferred=[], events=[], now=clock())

    assert outcomes(run) == {"SUCCESS": 10}


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_moves_nothing() -> None:
    clock = Clock()
    run = launched(10, clock=clock)
    first = slices.claim(run_id=run.pk, owner="a", now=clock())
    assert first is not None
    assert slices.intend(held=first, end=10, now=clock())
    assert slices.claim(run_id=run.pk, owner="b", now=clock()) is None
    clock.pass_(seconds=31)
    second = slices.claim(run_id=run.pk, owner="b", now=clock())
    assert second is not None

    with pytest.raises(slices.LeaseLost):
        slices.finish(held=first, end=10, outcomes={"SUCCESS": first.ids}, deferred=[], events=[], now=clock())

    assert (second.intent, second.done) == (10, 0)
    transport = RecordingTransport()
    slices.release(held=second)
    send(run, transport, clock)
    assert outcomes(run) == {"UNKNOWN": 10}
    assert not transport.sent


class _Killed(BaseException):
    """What a kill −9 is to the code: nothing after it runs."""


class _Crashes(RuleBasedStateMachine):
    """Workers that die between any two statements of the protocol, or in the middle of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.crashes = 0
        self.transport = RecordingTransport()
        self.run = launched(330, clock=self.clock)

    def teardown(self) -> None:
        self.finish()
        assert outcomes(self.run).get("SUCCESS", 0) + outcomes(self.run).get("UNKNOWN", 0) == 330
        run = Run.objects.get(pk=self.run.pk)
        assert (run.state, run.failure) == (RunState.COMPLETED, None)
        unknown = Audience.union(row.members for row in SliceOutcome.objects.filter(run=self.run, outcome=Outcome.UNKNOWN))
        assert len(unknown) <= worker.SMALL_BATCH * self.crashes
        succeeded = Audience.union(row.members for row in SliceOutcome.objects.filter(run=self.run, outcome=Outcome.SUCCESS))
        assert not succeeded & unknown
        assert all(self.transport.sent[endpoint] == 1 for endpoint in succeeded)

    @rule(statement=st.integers(min_value=0, max_value=40))
    def dies_at_a_statement(self, statement: int) -> None:
        left = statement

        def maybe_die(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:  # once: the ROLLBACK that follows is what the server does for a client that is gone
                raise _Killed
            return execute(sql, params, many, context)

        self._work(maybe_die)

    @rule(message=st.integers(min_value=0, max_value=400))
    def dies_in_a_batch(self, message: int) -> None:
        left = message

        def answer(_message: OutgoingMessage) -> DeliveryStatus:
            nonlocal left
            if left == 0:
                raise _Killed
            left -= 1
            return DeliveryStatus.SUCCESS

        self.transport.answer = answer
        self._work(lambda execute, sql, params, many, context: execute(sql, params, many, context))
        self.transport.answer = lambda _message: DeliveryStatus.SUCCESS

    @rule()
    def time_passes(self) -> None:
        self.clock.pass_(seconds=31)

    @precondition(lambda self: self.crashes)
    @rule()
    def finish(self) -> None:
        self.clock.pass_(seconds=31)
        send(self.run, self.transport, self.clock)

    def _work(self, wrapper: Any) -> None:
        try:
            with connection.execute_wrapper(wrapper):
                send(self.run, self.transport, self.clock)
        except _Killed:
            self.crashes += 1

    @invariant()
    def nobody_gets_two(self) -> None:
        assert max(self.transport.sent.values(), default=0) <= 1


@pytest.mark.django_db
def test_crashes_between_every_two_statements_send_nothing_twice() -> None:
    run_state_machine_as_test(
        _Crashes,
        settings=settings(
            max_examples=12, stateful_step_count=6, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.django_db
def test_refusals_are_counted_by_what_they_are_about() -> None:
    said = iter([
        ("550", "5.1.1 No such user"), ("550", "5.1.1 No such user"), ("554", "5.7.1 DAS51: Your mail is blocked by anti-spam system."),
        ("552", "5.2.2 mailbox full"), ("250", "ok"),
    ])  # fmt: skip

    class Refusing(RecordingTransport):
        def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
            found = []
            for message in messages:
                code, reply = next(said)
                status = DeliveryStatus.SUCCESS if code == "250" else DeliveryStatus.FAILURE_PERMANENT
                found.append(Delivery(message.endpoint_id, status, code, reply))
            return found

    clock = Clock()
    run = launched(5, clock=clock)

    send(run, Refusing(), clock)

    assert outcomes(run) == {"FAILURE_PERMANENT": 4, "SUCCESS": 1}
    summary = queries.campaign_summary(campaign=run.campaign)
    assert [(line.what, line.total) for line in summary.refused] == [("HARD", 2), ("POLICY", 1), ("SOFT", 1)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT data->>'class' FROM analytics_event WHERE run_id = %s AND kind = 13 ORDER BY 1", [run.pk])
        assert cursor.fetchall() == [("HARD",), ("HARD",)]
        cursor.execute("SELECT data->>'class' FROM analytics_event WHERE run_id = %s AND kind = 14 ORDER BY 1", [run.pk])
        assert cursor.fetchall() == [("POLICY",), ("SOFT",)]


@pytest.mark.django_db
def test_a_refusal_for_now_is_counted_once_when_it_is_given_up() -> None:
    clock = Clock()
    transport = RecordingTransport(lambda _message: DeliveryStatus.DEFERRED)
    run = launched(3, clock=clock)

    for wait in (0, 61, 301, 901, 3601, 4 * 3600 + 1):
        clock.pass_(seconds=wait)
        send(run, transport, clock)

    assert outcomes(run) == {"TRANSIENT_FAILURE": 3}
    assert [line.total for line in queries.campaign_summary(campaign=run.campaign).refused] == [3]
