"""What is sent under limits, through the whole send path."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import invariants
from campaigns.limits import caps
from campaigns.models import CampaignState, DailyUse, HoldReason, Run, RunState, Slice, TotalUse, WarmUpDay
from campaigns.sending import freezing, worker
from campaigns.services import launch, occurrences
from core.audience import Audience
from endpoints.models import OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from messaging.delivery import DeliveryStatus
from projects.models import Project, SendingSettings
from tests.campaigns.test_sending import Clock, RecordingTransport, launched, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NIGHT = datetime.datetime(2026, 11, 24, 14, 0, tzinfo=datetime.UTC)  # 23:00 in Seoul


def schedule(**members: Any) -> dict[str, Any]:
    return {"StartTime": "IMMEDIATE", "Frequency": "ONCE", "Timezone": "UTC+09"} | members


def frozen(project: Project, members: list[int], clock: Clock, **document: Any) -> Run:
    """A frozen run of an immediate campaign to these members."""
    segment = make_import_segment(project=project, members=Audience(members))
    stored = campaign_document(segment=segment, **document.pop("Pabal", {})) | document
    launch.launch_campaign(campaign=make_campaign(project=project, document=stored), actor=None, now=clock())
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    return Run.objects.get(pk=run_id)


def rules(project: Project, **document: Any) -> None:
    SendingSettings.objects.update_or_create(project=project, defaults={"document": document})


@pytest.fixture
def project() -> Project:
    made = make_project()
    make_sender(project=made)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


def adds_up(project: Project) -> bool:
    return not invariants.runs(project_id=project.pk).broken


# -- caps --------------------------------------------------------------------------------------------------------------


def test_the_projects_daily_limit_counts_all_campaigns_for_24_hours(project: Project, clock: Clock) -> None:
    rules(project, Limits={"Daily": 1})
    members = make_members(project=project, count=5)
    transport = RecordingTransport()

    first = frozen(project, members[:3], clock)
    send(first, transport, clock)
    clock.pass_(hours=23, minutes=59)
    second = frozen(project, members, clock)
    send(second, transport, clock)
    clock.pass_(minutes=2)
    third = frozen(project, members[:3], clock)
    send(third, transport, clock)

    assert outcomes(first) == {"SUCCESS": 3}
    assert outcomes(second) == {"SUCCESS": 2, "DAILY_CAP": 3}
    assert outcomes(third) == {"SUCCESS": 3}
    assert adds_up(project)


def test_a_campaigns_own_daily_limit_counts_its_own_messages(project: Project, clock: Clock) -> None:
    members = make_members(project=project, count=2)
    transport = RecordingTransport()
    send(frozen(project, members, clock), transport, clock)

    hourly = schedule(Frequency="HOURLY", EndTime="2026-11-24T06:00:00Z")
    run = frozen(project, members, clock, Limits={"Daily": 2}, Schedule=hourly)
    send(run, transport, clock)
    for _hour in range(2):
        clock.pass_(hours=1)
        (run_id,) = occurrences.claim_due(now=clock())
        freezing.freeze_run(run_id=run_id, clock=clock)
        send(Run.objects.get(pk=run_id), transport, clock)

    runs = list(Run.objects.filter(campaign=run.campaign).order_by("occurrence_at"))
    assert [outcomes(one) for one in runs] == [{"SUCCESS": 2}, {"SUCCESS": 2}, {"DAILY_CAP": 2}]


def test_the_total_counts_whoever_was_targeted_and_is_forgotten_when_the_campaign_is_over(project: Project, clock: Clock) -> None:
    members = make_members(project=project, count=3)
    answers = {members[0]: DeliveryStatus.FAILURE_PERMANENT}
    transport = RecordingTransport(lambda message: answers.get(message.endpoint_id, DeliveryStatus.SUCCESS))
    hourly = schedule(Frequency="HOURLY", EndTime="2026-11-24T04:00:00Z")
    run = frozen(project, members, clock, Limits={"Total": 2}, Schedule=hourly)
    send(run, transport, clock)
    for _hour in range(2):
        clock.pass_(hours=1)
        (run_id,) = occurrences.claim_due(now=clock())
        freezing.freeze_run(run_id=run_id, clock=clock)
        send(Run.objects.get(pk=run_id), transport, clock)

    runs = list(Run.objects.filter(campaign=run.campaign).order_by("occurrence_at"))
    gone = {"SUCCESS": 2, "FAILURE_PERMANENT": 1}
    assert [outcomes(one) for one in runs] == [gone, gone, {"CAMPAIGN_CAP": 3}]
    assert TotalUse.objects.count() == 3
    assert caps.prune(now=clock()) == 0
    launch.delete_campaign(campaign=run.campaign, actor=None, now=clock())
    clock.pass_(hours=26)
    assert caps.prune(now=clock()) == 3


def test_who_was_not_sent_to_gives_the_place_back(project: Project, clock: Clock) -> None:
    rules(project, Limits={"Daily": 1})
    members = make_members(project=project, count=4)
    statuses = [DeliveryStatus.FAILURE_PERMANENT, DeliveryStatus.UNKNOWN, DeliveryStatus.SUCCESS]
    transport = RecordingTransport(lambda _message: statuses.pop(0))
    run = frozen(project, members, clock)
    set_opt_out(project_id=project.pk, endpoint_id=members[3], opt_out=OptOut.ALL, source=OptOutEntry.Source.LINK, now=clock())

    send(run, transport, clock)

    assert outcomes(run) == {"FAILURE_PERMANENT": 1, "UNKNOWN": 1, "SUCCESS": 1, "OPT_OUT": 1}
    held = dict(DailyUse.objects.values_list("endpoint_id", "instants"))
    assert [len(held[one]) for one in members] == [0, 1, 1, 0]


def test_a_server_that_is_down_and_a_deferred_message_hold_no_place(project: Project, clock: Clock) -> None:
    rules(project, Limits={"Daily": 1})
    members = make_members(project=project, count=2)
    run = frozen(project, members, clock, Limits={"Total": 1})
    down = RecordingTransport()
    down.is_down = True
    send(run, down, clock)
    assert [len(one) for one in DailyUse.objects.values_list("instants", flat=True)] == [0, 0]
    assert not TotalUse.objects.filter(count__gt=0).exists()

    clock.pass_(seconds=31)
    send(run, RecordingTransport(lambda _message: DeliveryStatus.DEFERRED), clock)
    assert not TotalUse.objects.filter(count__gt=0).exists()
    clock.pass_(minutes=2)
    transport = RecordingTransport()
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 2}
    assert [len(one) for one in DailyUse.objects.values_list("instants", flat=True)] == [1, 1]


def test_a_place_that_another_limit_refuses_is_free_again(project: Project, clock: Clock) -> None:
    rules(project, Limits={"Daily": 1})
    members = make_members(project=project, count=2)
    transport = RecordingTransport()
    send(frozen(project, members[:1], clock), transport, clock)

    run = frozen(project, members, clock, Limits={"Total": 1, "Daily": 1})
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 1, "DAILY_CAP": 1}
    assert list(TotalUse.objects.order_by("endpoint_id").values_list("endpoint_id", "count")) == [
        (members[0], 0),
        (members[1], 1),
    ]


def test_old_reservations_are_forgotten(project: Project, clock: Clock) -> None:
    rules(project, Limits={"Daily": 1})
    send(frozen(project, make_members(project=project, count=3), clock), RecordingTransport(), clock)

    clock.pass_(hours=24, minutes=30)
    assert caps.prune(now=clock()) == 0
    clock.pass_(hours=1)
    assert caps.prune(now=clock(), limit=2) == 2
    assert caps.prune(now=clock(), limit=2) == 1
    assert not DailyUse.objects.exists()


# -- no limit, no cost -------------------------------------------------------------------------------------------------


def test_without_limits_a_small_batch_costs_no_statement_more(clock: Clock) -> None:
    run = launched(worker.FIRST_BATCH + worker.SMALL_BATCH * 2, clock=clock)

    with CaptureQueriesContext(connection) as captured:
        send(run, RecordingTransport(), clock)

    touched = [query["sql"] for query in captured if any(
        name in query["sql"] for name in ("dailyuse", "totaluse", "warmupday", "sendingsettings")
    )]  # fmt: skip
    assert len(touched) == 2, "the project's rules: when the worker begins, and after the slice"
    assert outcomes(run) == {"SUCCESS": worker.FIRST_BATCH + worker.SMALL_BATCH * 2}


# -- MaximumDuration ---------------------------------------------------------------------------------------------------


def test_what_is_not_sent_in_time_expires_and_the_run_completes(project: Project, clock: Clock) -> None:
    members = make_members(project=project, count=120)
    run = frozen(project, members, clock, Limits={"MaximumDuration": 60})
    transport = RecordingTransport()

    def answer(_message: Any) -> DeliveryStatus:
        if len(transport.messages) == worker.FIRST_BATCH - 1:
            clock.pass_(seconds=61)
        return DeliveryStatus.SUCCESS

    transport.answer = answer
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": worker.FIRST_BATCH, "EXPIRED": 70}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED
    assert adds_up(project)


def test_retries_expire_at_the_deadline_and_not_at_their_hour(project: Project, clock: Clock) -> None:
    run = frozen(project, make_members(project=project, count=2), clock, Limits={"MaximumDuration": 60})
    for _attempt in range(2):
        send(run, RecordingTransport(lambda _message: DeliveryStatus.DEFERRED), clock)
        clock.pass_(seconds=59)
    assert worker.runs_with_work(now=clock()) == [run.pk]

    send(run, RecordingTransport(), clock)

    assert outcomes(run) == {"EXPIRED": 2}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED


def test_a_deleted_campaign_does_not_wait_for_what_is_held(project: Project, clock: Clock) -> None:
    clock.now = NIGHT
    quiet = schedule(QuietTime={"Start": "21:00", "End": "08:00"})
    run = frozen(project, make_members(project=project, count=2), clock, Schedule=quiet, Pabal={"QuietTimeMode": "HOLD"})
    send(run, RecordingTransport(), clock)
    launch.delete_campaign(campaign=run.campaign, actor=None, now=clock())

    assert worker.runs_with_work(now=clock()) == [run.pk]
    send(run, RecordingTransport(), clock)

    assert outcomes(run) == {"EXPIRED": 2}


# -- quiet time --------------------------------------------------------------------------------------------------------


def test_in_quiet_time_a_message_is_dropped_as_in_pinpoint(project: Project, clock: Clock) -> None:
    clock.now = NIGHT
    zones = ("Asia/Seoul", "", "Mars/Olympus", "Europe/London", "America/New_York")
    people = [make_endpoint(project=project, demographic={"Timezone": zone} if zone else {}).pk for zone in zones]
    run = frozen(project, people, clock, Schedule=schedule(QuietTime={"Start": "21:00", "End": "08:00"}))
    transport = RecordingTransport()

    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 2, "QUIET_TIME": 3}  # an unknown zone is the project's
    assert sorted(transport.sent) == people[3:]


def test_held_until_quiet_time_ends_where_the_person_is(project: Project, clock: Clock) -> None:
    clock.now = NIGHT
    seoul = make_members(project=project, count=250)
    bangkok = [make_endpoint(project=project, demographic={"Timezone": "Asia/Bangkok"}).pk for _number in range(2)]
    quiet = schedule(QuietTime={"Start": "21:00", "End": "08:00"})
    run = frozen(
        project, [*seoul, *bangkok], clock, Schedule=quiet, Pabal={"QuietTimeMode": "HOLD"}, Limits={"Total": 1, "Daily": 1}
    )
    transport = RecordingTransport()

    send(run, transport, clock)
    waiting = {
        (one.hold_reason, one.hold_note, one.not_before, one.size, one.attempt)
        for one in Slice.objects.filter(run=run, state=Slice.State.OPEN)
    }
    assert waiting == {
        (HoldReason.QUIET_TIME, "Asia/Seoul", datetime.datetime(2026, 11, 24, 23, tzinfo=datetime.UTC), 250, 0),
        (HoldReason.QUIET_TIME, "Asia/Bangkok", datetime.datetime(2026, 11, 25, 1, tzinfo=datetime.UTC), 2, 0),
    }
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    clock.now = datetime.datetime(2026, 11, 24, 23, tzinfo=datetime.UTC)
    send(run, transport, clock)
    clock.pass_(hours=2)
    send(run, transport, clock)

    assert outcomes(run) == {"SUCCESS": 252}
    assert set(transport.sent.values()) == {1}
    assert set(TotalUse.objects.values_list("count", flat=True)) == {1}
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED
    run.campaign.refresh_from_db()
    assert run.campaign.state == CampaignState.COMPLETED


# -- spread, warm-up ---------------------------------------------------------------------------------------------------


def test_sending_is_spread_evenly_over_the_hours(project: Project, clock: Clock) -> None:
    run = frozen(project, make_members(project=project, count=300), clock, Pabal={"SpreadHours": 1})
    transport = RecordingTransport()
    begin = clock()

    sent = []
    for minute in (0, 1, 2, 30, 59, 60):
        clock.now = begin + datetime.timedelta(minutes=minute)
        send(run, transport, clock)
        sent.append(len(transport.sent))

    assert sent == [5, 10, 15, 155, 300, 300]
    assert set(transport.sent.values()) == {1}


def test_a_warm_up_lets_out_so_many_a_day_and_the_rest_waits_for_tomorrow(project: Project, clock: Clock) -> None:
    rules(project, Pabal={"WarmUp": {"Start": "2026-11-24", "Caps": [70, 100]}})
    run = frozen(project, make_members(project=project, count=200), clock)
    other = frozen(project, make_members(project=project, count=20), clock)
    transport = RecordingTransport()

    send(run, transport, clock)
    send(other, transport, clock)
    assert len(transport.sent) == 70
    waiting = Slice.objects.filter(state=Slice.State.OPEN)
    midnight = datetime.datetime(2026, 11, 24, 15, tzinfo=datetime.UTC)  # in Seoul
    assert set(waiting.values_list("hold_reason", "not_before")) == {(HoldReason.WARM_UP, midnight)}
    clock.now = midnight
    send(run, transport, clock)
    assert len(transport.sent) == 170
    clock.pass_(days=1)
    send(run, transport, clock)
    send(other, transport, clock)

    assert (outcomes(run), outcomes(other)) == ({"SUCCESS": 200}, {"SUCCESS": 20})
    assert list(WarmUpDay.objects.order_by("date").values_list("used", flat=True)) == [70, 100]


def test_what_a_warm_up_day_did_not_send_is_free_again(project: Project, clock: Clock) -> None:
    rules(project, Pabal={"WarmUp": {"Start": "2026-11-24", "Caps": [70]}})
    run = frozen(project, make_members(project=project, count=60), clock)

    send(run, RecordingTransport(lambda _message: DeliveryStatus.FAILURE_PERMANENT), clock)

    assert outcomes(run) == {"FAILURE_PERMANENT": 60}
    assert WarmUpDay.objects.get().used == 0
