"""Recipients' local time: who gets which wave, and what a pause or an outage does to it."""

from __future__ import annotations

import datetime

import pytest

from campaigns.models import Campaign, CampaignState, Run, RunExclusion, RunState, Treatment
from campaigns.sending import freezing
from campaigns.services import launch, occurrences
from core.audience import Audience
from projects.models import Project
from tests.campaigns.test_sending import Clock, RecordingTransport, outcomes, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

UTC = datetime.UTC
DAILY = {"StartTime": "2026-11-26T09:00:00", "Frequency": "DAILY", "IsLocalTime": True}
EASTERN = datetime.datetime(2026, 11, 25, 19, tzinfo=UTC)  # nine o'clock comes first at UTC+14 …
SEOUL = datetime.datetime(2026, 11, 26, 0, tzinfo=UTC)  # … five hours later in Seoul


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def launched(project: Project, *, zones: list[str], at: datetime.datetime, schedule: dict[str, object], **pabal: str) -> Campaign:
    people = [make_endpoint(project=project, demographic={"Timezone": zone} if zone else {}).pk for zone in zones]
    segment = make_import_segment(project=project, members=Audience(people))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment, schedule=schedule, **pabal))
    launch.launch_campaign(campaign=campaign, actor=None, now=at)
    return campaign


def freeze_due(clock: Clock) -> None:
    for run_id in occurrences.claim_due(now=clock()):
        freezing.freeze_run(run_id=run_id, clock=clock)


@pytest.mark.parametrize("choice", [{"MissingTimeZone": "SKIP"}, {}])
def test_members_without_a_zone_are_left_out_as_pinpoint_did(project: Project, choice: dict[str, str]) -> None:
    launched(project, zones=["Asia/Seoul", "", "Mars/Olympus"], at=EASTERN, schedule=DAILY, **choice)
    clock = Clock()
    clock.now = EASTERN

    freeze_due(clock)

    assert {run.zone_wave: run.frozen for run in Run.objects.all()} == {"": 0, "Asia/Seoul": 1}
    assert dict(RunExclusion.objects.values_list("reason", "total")) == {"ENDPOINT_MISSING_TIMEZONE": 2}


def test_members_without_a_zone_get_it_in_the_projects_zone(project: Project) -> None:
    launched(project, zones=["Europe/London", ""], at=EASTERN, schedule=DAILY, MissingTimeZone="PROJECT")
    clock = Clock()
    clock.now = EASTERN

    freeze_due(clock)

    assert dict(Run.objects.exclude(zone_wave="").values_list("zone_wave", "due_at")) == {
        "Asia/Seoul": SEOUL, "Europe/London": datetime.datetime(2026, 11, 26, 9, tzinfo=UTC),
    }  # fmt: skip


def test_a_pause_while_it_began_in_the_east_does_not_cost_the_west_its_hour(project: Project) -> None:
    campaign = launched(project, zones=["Asia/Seoul"], at=EASTERN - datetime.timedelta(hours=3), schedule=DAILY)
    clock = Clock()
    launch.pause_campaign(campaign=campaign, actor=None, now=EASTERN - datetime.timedelta(hours=1))
    clock.now = EASTERN + datetime.timedelta(hours=2)

    launch.resume_campaign(campaign=campaign, actor=None, now=clock())
    freeze_due(clock)

    assert dict(Run.objects.exclude(zone_wave="").values_list("zone_wave", "due_at")) == {"Asia/Seoul": SEOUL}
    assert Treatment.objects.get().next_run_at == EASTERN + datetime.timedelta(days=1)


def test_a_pause_after_it_began_in_the_east_makes_no_second_run(project: Project) -> None:
    campaign = launched(project, zones=["Asia/Seoul"], at=EASTERN, schedule=DAILY)
    clock = Clock()
    clock.now = EASTERN
    freeze_due(clock)
    launch.pause_campaign(campaign=campaign, actor=None, now=clock())
    clock.pass_(minutes=1)

    launch.resume_campaign(campaign=campaign, actor=None, now=clock())
    freeze_due(clock)

    assert Run.objects.exclude(zone_wave="").count() == 1
    assert Treatment.objects.get().next_run_at == EASTERN + datetime.timedelta(days=1)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.EXECUTING


def test_after_an_outage_the_hours_that_are_still_to_come_are_all_kept(project: Project) -> None:
    hourly = DAILY | {"Frequency": "HOURLY", "EndTime": "2026-11-26T12:00:00"}
    launched(project, zones=["Asia/Seoul"], at=EASTERN, schedule=hourly)
    clock = Clock()
    clock.now = EASTERN + datetime.timedelta(hours=6, minutes=30)  # half past ten in Seoul: 9 and 10 are past, 11 and 12 are not

    for _tick in range(5):
        freeze_due(clock)

    waves = Run.objects.exclude(zone_wave="").order_by("occurrence_at")
    assert list(waves.values_list("due_at", flat=True)) == [
        clock(), SEOUL + datetime.timedelta(hours=2), SEOUL + datetime.timedelta(hours=3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("late", "end"), [(datetime.timedelta(hours=25), ""), (datetime.timedelta(hours=1), "2026-11-26T09:30:00")]
)
def test_a_wave_that_nobody_began_in_time_is_not_sent_any_more(project: Project, late: datetime.timedelta, end: str) -> None:
    schedule = DAILY | {"Frequency": "ONCE"} | ({"Frequency": "DAILY", "EndTime": end} if end else {})
    campaign = launched(project, zones=["Asia/Seoul"], at=EASTERN, schedule=schedule)
    clock, transport = Clock(), RecordingTransport()
    clock.now = EASTERN
    freeze_due(clock)
    clock.now = SEOUL + late

    assert freezing.start_waves(now=clock()) == []

    for run in Run.objects.all():
        send(run, transport, clock)
    wave = Run.objects.get(zone_wave="Asia/Seoul")
    assert (wave.state, outcomes(wave)) == (RunState.CANCELLED, {"EXPIRED": 1})
    assert not transport.sent
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED


def test_a_wave_is_begun_a_moment_late_though_its_end_falls_on_its_hour(project: Project) -> None:
    hourly = {"StartTime": "2026-11-26T08:00:00", "EndTime": "2026-11-26T09:00:00", "Frequency": "HOURLY", "IsLocalTime": True}
    hour = datetime.timedelta(hours=1)
    launched(project, zones=["Asia/Seoul"], at=EASTERN - hour, schedule=hourly)
    clock = Clock()
    for clock.now in (EASTERN - hour, EASTERN):
        freeze_due(clock)

    begun = [freezing.start_waves(now=at + datetime.timedelta(seconds=2)) for at in (SEOUL - hour, SEOUL)]

    assert [len(waves) for waves in begun] == [1, 1]


def test_a_campaign_may_be_launched_in_the_hour_that_comes_twice(project: Project) -> None:
    again = datetime.datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # half past one in New York, for the second time
    launched(
        project, zones=[""], at=again, schedule={"StartTime": "IMMEDIATE", "Frequency": "HOURLY"}, TimeZone="America/New_York"
    )

    assert Treatment.objects.get().next_run_at == again
