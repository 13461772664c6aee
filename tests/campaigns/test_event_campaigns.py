"""Campaigns that events start: within seconds, each event once, only to members of the segment, with every limit."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from analytics import ports as analytics_ports
from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.event_types import kinds_of
from analytics.services.record import record_events
from campaigns import event_conditions, queries, schedule
from campaigns.models import Campaign, CampaignState, EventListener, EventTrigger, Outcome, Run, RunExclusion, RunState
from campaigns.schedule import EventFilter
from campaigns.sending import freezing
from campaigns.services import events, launch, occurrences
from campaigns.services.drafts import CampaignRefused
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import Project, SendingSettings
from segments.models import Segment
from segments.services.segments import create_segment
from tests.campaigns.test_sending import Clock, RecordingTransport, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
END = "2026-11-25T01:00:00Z"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def segment(project: Project) -> Segment:
    return gold(project)


def gold(project: Project) -> Segment:
    dimension = {"Attributes": {"tier": {"AttributeType": "INCLUSIVE", "Values": ["gold"]}}}
    return create_segment(
        project=project, actor=None, name="골드", document={"SegmentGroups": {"Groups": [{"Dimensions": [dimension]}]}}, now=NOW
    )


def member(project: Project, **fields: Any) -> Endpoint:
    return make_endpoint(project=project, attributes={"tier": ["gold"]}, **fields)


def by_event(*types: str, start: str = "IMMEDIATE", end: str = END, **dimensions: Any) -> dict[str, Any]:
    wanted = {"EventType": {"DimensionType": "INCLUSIVE", "Values": list(types or ["cart.viewed"])}} | dimensions
    return {
        "StartTime": start, "EndTime": end, "Frequency": "EVENT", "Timezone": "UTC",
        "EventFilter": {"FilterType": "ENDPOINT", "Dimensions": wanted},
    }  # fmt: skip


def launched(segment: Segment, clock: Clock, plan: dict[str, Any] | None = None, **members: Any) -> Campaign:
    document = campaign_document(segment=segment, schedule=plan or by_event()) | members
    campaign = make_campaign(project=segment.project, document=document, name="장바구니")
    launch.launch_campaign(campaign=campaign, actor=None, now=clock())
    occurrences.claim_due(now=clock())
    campaign.refresh_from_db()
    return campaign


def tell(endpoint: Endpoint, at: datetime.datetime, name: str = "cart.viewed", data: Any = None, **fields: Any) -> EventRow:
    """Write an event as the consumer of hits does."""
    kind = kinds_of(project_id=endpoint.project_id, names=[name])[name]
    row = EventRow(
        id=uuid.uuid4(), occurred_at=at, project_id=endpoint.project_id, endpoint_id=endpoint.pk, kind=kind, data=data, **fields
    )
    tell_again(row)
    return row


def tell_again(row: EventRow) -> None:
    new: list[EventRow] = []
    with transaction.atomic():
        record_events(events=[row], may_repeat=True, new=new)
        if new:
            analytics_ports.events_written.call(new)


def work(clock: Clock, transport: RecordingTransport) -> list[Run]:
    """A tick, the freeze of its runs, and their sending."""
    ids = events.claim_events(now=clock())
    for run_id in ids:
        freezing.freeze_run(run_id=run_id, clock=clock)
        send(Run.objects.get(pk=run_id), transport, clock)
    return list(Run.objects.filter(pk__in=ids).order_by("pk"))


def test_whoever_does_it_gets_one_message_and_the_campaign_waits_for_the_next(
    project: Project, segment: Segment, clock: Clock
) -> None:
    campaign, transport = launched(segment, clock), RecordingTransport()
    assert campaign.state == CampaignState.PENDING_NEXT_RUN
    kim, _lee, stranger = member(project), member(project), make_endpoint(project=project)

    row = tell(kim, clock())
    tell(stranger, clock())
    tell(kim, clock(), "_session.start")
    clock.pass_(seconds=2)
    (run,) = work(clock, transport)

    assert dict(transport.sent) == {kim.pk: 1}
    assert (run.state, run.targeted, run.frozen, run.triggered) == (RunState.COMPLETED, 1, 1, None)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PENDING_NEXT_RUN
    tell_again(row)
    clock.pass_(seconds=10)
    assert work(clock, transport) == []
    assert not EventTrigger.objects.exists()
    tell(kim, clock())
    work(clock, transport)
    assert dict(transport.sent) == {kim.pk: 2}


def test_several_events_of_one_tick_are_one_message_and_a_run_follows_another_after_a_pause(
    project: Project, segment: Segment, clock: Clock
) -> None:
    launched(segment, clock)
    transport, kim, lee = RecordingTransport(), member(project), member(project)
    for _time in range(3):
        tell(kim, clock())
    work(clock, transport)
    clock.pass_(seconds=1)
    tell(lee, clock())
    assert work(clock, transport) == []

    clock.pass_(seconds=5)
    work(clock, transport)

    assert dict(transport.sent) == {kim.pk: 1, lee.pk: 1}


@pytest.mark.parametrize(
    ("data", "is_meant"),
    [
        ({"attributes": {"category": "shoes"}, "metrics": {"price": 100}}, True),
        ({"attributes": {"category": "bags"}, "metrics": {"price": 100.5}}, True),
        ({"attributes": {"category": "hats"}, "metrics": {"price": 100}}, False),
        ({"attributes": {"category": "shoes"}, "metrics": {"price": 99.9}}, False),
        ({"attributes": {"category": "shoes"}}, False),
        ({"metrics": {"price": 100}}, False),
        (None, False),
    ],
)
def test_attributes_have_one_of_their_values_and_all_conditions_hold(
    project: Project, segment: Segment, clock: Clock, data: Any, is_meant: bool
) -> None:
    plan = by_event(
        Attributes={"category": {"AttributeType": "INCLUSIVE", "Values": ["shoes", "bags"]}},
        Metrics={"price": {"ComparisonOperator": "GREATER_THAN_OR_EQUAL", "Value": 100}},
    )
    launched(segment, clock, plan)

    tell(member(project), clock(), data=data)

    assert EventTrigger.objects.exists() == is_meant


def test_what_came_before_the_start_after_the_end_or_while_it_is_paused_starts_nothing(
    project: Project, segment: Segment, clock: Clock
) -> None:
    campaign = launched(segment, clock, by_event(start="2026-11-24T02:00:00Z"))
    kim, transport = member(project), RecordingTransport()
    assert campaign.state == CampaignState.SCHEDULED
    tell(kim, clock())
    clock.pass_(hours=1)
    occurrences.claim_due(now=clock())
    launch.pause_campaign(campaign=campaign, actor=None, now=clock())  # type: ignore[arg-type]
    tell(kim, clock())
    launch.resume_campaign(campaign=campaign, actor=None, now=clock())  # type: ignore[arg-type]
    occurrences.claim_due(now=clock())
    assert work(clock, transport) == []

    tell(kim, clock())
    assert len(work(clock, transport)) == 1
    clock.now = datetime.datetime(2026, 11, 25, 1, 0, tzinfo=datetime.UTC)
    tell(kim, clock())
    occurrences.claim_due(now=clock())

    assert work(clock, transport) == []
    assert dict(transport.sent) == {kim.pk: 1}
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


def test_an_event_before_the_end_is_still_answered_and_one_of_no_member_does_not_keep_the_campaign(
    project: Project, segment: Segment, clock: Clock
) -> None:
    campaign, transport, kim = launched(segment, clock), RecordingTransport(), member(project)
    clock.now = datetime.datetime(2026, 11, 25, 0, 59, 59, tzinfo=datetime.UTC)
    tell(kim, clock())
    tell(make_endpoint(project=project), clock())
    clock.pass_(seconds=2)
    occurrences.claim_due(now=clock())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PENDING_NEXT_RUN

    work(clock, transport)

    assert dict(transport.sent) == {kim.pk: 1}
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


def test_it_ends_although_the_last_events_were_of_nobody_in_the_segment(project: Project, segment: Segment, clock: Clock) -> None:
    campaign = launched(segment, clock)
    tell(make_endpoint(project=project), clock())
    clock.pass_(days=1)
    occurrences.claim_due(now=clock())

    assert work(clock, RecordingTransport()) == []

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED
    assert not Run.objects.exists()


@pytest.mark.parametrize(("minutes", "waited", "is_sent"), [(None, 4, True), (None, 6, False), (30, 29, True), (30, 31, False)])
def test_a_message_that_comes_too_late_after_its_event_is_dropped_and_counted(
    project: Project, segment: Segment, clock: Clock, minutes: int | None, waited: int, is_sent: bool
) -> None:
    if minutes:
        SendingSettings.objects.create(project=project, document={"Pabal": {"EventExpiryMinutes": minutes}}, updated_at=NOW)
    launched(segment, clock)
    kim, lee, transport = member(project), member(project), RecordingTransport()
    tell(kim, clock())
    clock.pass_(minutes=waited)
    tell(lee, clock())

    runs = work(clock, transport)

    assert set(transport.sent) == ({kim.pk, lee.pk} if is_sent else {lee.pk})
    ended = [outcomes(run) for run in runs]
    assert ended == [{"SUCCESS": 1}, {"SUCCESS": 1} if is_sent else {Outcome.EXPIRED: 1}]


def test_whoever_opted_out_is_excluded_and_limits_hold(project: Project, segment: Segment, clock: Clock) -> None:
    campaign, transport = launched(segment, clock, Limits={"Total": 1}), RecordingTransport()
    kim, out = member(project), member(project, opt_out="ALL")

    for _time in range(2):
        tell(kim, clock())
        tell(out, clock())
        last = work(clock, transport)
        clock.pass_(seconds=6)

    assert dict(transport.sent) == {kim.pk: 1}
    assert outcomes(last[0]) == {Outcome.CAMPAIGN_CAP: 1}
    assert [(one.reason, one.total) for one in RunExclusion.objects.all()] == [("ENDPOINT_OPT_OUT", 1)] * 2
    summary = queries.campaign_summary(campaign=campaign)
    assert (summary.targeted, summary.frozen, summary.attempted, summary.adds_up) == (4, 2, 2, True)
    assert [(line.count, line.sent) for line in summary.runs] == [(2, 1)]


def cut_off(step: Callable[[], object]) -> None:
    """The step is done, and killed before anything of it is committed."""
    with transaction.atomic():
        step()
        transaction.set_rollback(True)


def test_a_killed_tick_or_freeze_leaves_nobody_out_and_sends_nobody_twice(
    project: Project, segment: Segment, clock: Clock
) -> None:
    launched(segment, clock)
    kim, transport = member(project), RecordingTransport()
    tell(kim, clock())

    cut_off(lambda: events.claim_events(now=clock()))
    assert EventTrigger.objects.count() == 1
    (run_id,) = events.claim_events(now=clock())
    assert events.claim_events(now=clock()) == []
    cut_off(lambda: freezing.freeze_run(run_id=run_id, clock=clock))
    freezing.freeze_run(run_id=run_id, clock=clock)
    send(Run.objects.get(pk=run_id), transport, clock)

    assert dict(transport.sent) == {kim.pk: 1}


def test_a_message_of_its_own_and_a_scanner_start_nothing_but_an_opened_mail_does(
    project: Project, segment: Segment, clock: Clock
) -> None:
    campaign = launched(segment, clock, by_event("_email.open"))
    kim = member(project)
    own = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": 1, "hit_class": HitClass.PERSON}
    tell(kim, clock(), "_email.open", **own)
    tell(kim, clock(), "_email.open", **own | {"source_id": campaign.pk + 1, "hit_class": HitClass.SCANNER})
    assert not EventTrigger.objects.exists()

    tell(kim, clock(), "_email.open", **own | {"source_id": campaign.pk + 1})

    assert EventTrigger.objects.count() == 1


def test_another_projects_event_starts_nothing(segment: Segment, clock: Clock) -> None:
    launched(segment, clock, by_event("_session.start"))
    tell(member(make_project()), clock(), "_session.start")
    assert not EventTrigger.objects.exists()


def test_a_deleted_campaign_forgets_what_waits(project: Project, segment: Segment, clock: Clock) -> None:
    campaign = launched(segment, clock)
    tell(member(project), clock())

    launch.delete_campaign(campaign=campaign, actor=None, now=clock())

    assert work(clock, RecordingTransport()) == []
    assert not EventTrigger.objects.exists()


def test_the_holdout_gets_nothing_whatever_the_order_of_events(project: Project, segment: Segment, clock: Clock) -> None:
    people = [member(project) for _number in range(20)]
    launched(segment, clock, HoldoutPercent=50)
    transport = RecordingTransport()
    for _time in range(2):
        for one in people:
            tell(one, clock())
            work(clock, transport)
            clock.pass_(seconds=6)

    assert 0 < len(transport.sent) < 20
    assert set(transport.sent.values()) == {2}
    held = RunExclusion.objects.filter(reason="TREATMENT_HOLDOUT")
    assert sum(one.total for one in held) == 2 * (20 - len(transport.sent))


def test_the_26th_active_one_is_refused_and_a_paused_one_makes_room(project: Project, segment: Segment, clock: Clock) -> None:
    first, *_others = [launched(segment, clock) for _number in range(25)]
    with pytest.raises(CampaignRefused, match="at most 25 active event campaigns"):
        launched(segment, clock)
    assert EventListener.objects.count() == 25

    launch.pause_campaign(campaign=first, actor=None, now=clock())  # type: ignore[arg-type]
    launched(segment, clock)
    with pytest.raises(CampaignRefused, match="at most 25 active event campaigns"):
        launch.resume_campaign(campaign=first, actor=None, now=clock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Schedule": by_event(end="")}, "Choose when it stops waiting"),
        ({"Schedule": by_event(end="2026-11-24T00:00:00Z")}, "leaves no run in the future"),
        ({"Schedule": by_event("_email.delivered")}, "can't start a message"),
        ({"Schedule": by_event() | {"EventFilter": {}}}, "SYSTEM or ENDPOINT"),
        (
            {"Schedule": by_event(Attributes={"a": {"AttributeType": "CONTAINS", "Values": ["x"]}})},
            "only be compared with the values",
        ),
        ({"Schedule": by_event(Metrics={"a": {"ComparisonOperator": "NEAR", "Value": 1}})}, "compared with a number"),
        ({"AdditionalTreatments": [{"SizePercent": 50}], "Pabal": {"Varies": "MESSAGE"}}, "one message"),
        ({"Pabal": {"SpreadHours": 2}}, "can't be spread"),
    ],
)
def test_what_can_not_be_is_refused_at_the_launch(
    project: Project, segment: Segment, clock: Clock, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CampaignRefused, match=sentence):
        launched(segment, clock, **change)
    assert not EventListener.objects.exists()


def test_an_imported_segment_is_refused(project: Project, clock: Clock) -> None:
    imported = make_import_segment(project=project, members=Audience([member(project).pk]))
    with pytest.raises(CampaignRefused, match="goes to a dynamic segment"):
        launched(imported, clock)


def test_a_segment_that_can_not_be_evaluated_any_more_fails_the_run_and_says_why(
    project: Project, segment: Segment, clock: Clock
) -> None:
    campaign = launched(segment, clock)
    segment.versions.update(document={"Dimensions": {"Attributes": 1}})
    tell(member(project), clock())

    (run_id,) = events.claim_events(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)

    run = Run.objects.get(pk=run_id)
    campaign.refresh_from_db()
    assert (run.state, run.triggered, campaign.state) == (RunState.FAILED, None, CampaignState.INVALID)


def test_numbers_and_people_of_many_runs_are_read_at_once(
    project: Project, segment: Segment, clock: Clock, django_assert_max_num_queries: Any
) -> None:
    campaign, kim, transport = launched(segment, clock), member(project), RecordingTransport()
    for _time in range(30):
        tell(kim, clock())
        (run,) = work(clock, transport)
        clock.pass_(minutes=5)
    opened = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": run.pk, "hit_class": HitClass.PERSON}
    tell(kim, clock(), str(EventKind.EMAIL_OPEN.label), **opened)

    with django_assert_max_num_queries(9):
        summary = queries.campaign_summary(campaign=campaign)
    with django_assert_max_num_queries(15):
        fates = queries.fates(campaign=campaign, endpoint_id=kim.pk)
    nobody = queries.fates(campaign=campaign, endpoint_id=kim.pk + 1)

    assert [line.count for line in summary.runs] == [6, 12, 12]
    assert {tile.label: tile.value for tile in summary.tiles}["Opened"] == 1
    assert [line.opened for line in summary.runs] == [1, 0, 0]
    assert (len(fates), nobody) == (30, [])


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="=<>"), min_size=1)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@given(
    attributes=st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple), max_size=3),
    metrics=st.dictionaries(NAMES, st.tuples(st.sampled_from(list(schedule.COMPARE)), st.integers(-(10**9), 10**9)), max_size=2),
)
def test_conditions_are_read_as_they_were_written(attributes: dict[str, Any], metrics: dict[str, Any]) -> None:
    numbers = tuple((name, sign, Decimal(value)) for name, (sign, value) in metrics.items() if name not in attributes)
    found = EventFilter(("a",), tuple(attributes.items()), numbers)

    assert event_conditions.read(event_conditions.write(found), types=("a",)) == found
