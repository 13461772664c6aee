"""The calendar: what will be sent when, and what was."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from campaigns import schedule
from campaigns.calendar import entries, estimates, span
from campaigns.calendar.entries import Entry, Kind
from campaigns.models import Campaign, Run, Treatment
from campaigns.sending import freezing
from campaigns.services import launch, occurrences
from core.audience import Audience
from projects.models import Project
from segments.models import Segment
from tests.campaigns.test_schedule_properties import FREQUENCIES, plan, starts, zone_names
from tests.campaigns.test_sending import Clock, RecordingTransport, send
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

UTC = datetime.UTC
SEOUL = zoneinfo.ZoneInfo("Asia/Seoul")
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # a Tuesday, ten in Seoul
SUNDAY = 6


@pytest.fixture
def project(clean_redis: Any) -> Project:
    project = make_project()
    make_sender(project=project)
    return project


@pytest.fixture
def segment(project: Project) -> Segment:
    return make_import_segment(project=project, members=Audience(make_members(project=project, count=7)))


def launched(segment: Segment, schedule_: dict[str, Any], name: str = "가을 세일", **pabal: str) -> Campaign:
    document = campaign_document(segment=segment, schedule=schedule_, **pabal)
    campaign = make_campaign(project=segment.project, document=document, name=name)
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)
    return campaign


def shown(view: str = "month", on: str = "2026-11-24") -> span.Span:
    return span.span(view=view, on=on, today=datetime.date(2026, 11, 24), zone=SEOUL, first_weekday=SUNDAY)


def calendar(project: Project, view: str = "month", on: str = "2026-11-24", now: datetime.datetime = NOW) -> list[Entry]:
    found = entries.entries(project=project, span=shown(view, on), now=now)
    return [entry for day in sorted(found) for entry in found[day]]


def test_a_month_is_filled_up_to_whole_weeks_and_nonsense_is_this_month() -> None:
    month = shown()

    assert (month.days[0], month.days[-1], len(month.days)) == (datetime.date(2026, 11, 1), datetime.date(2026, 12, 5), 35)
    assert (month.earlier, month.later) == (datetime.date(2026, 10, 1), datetime.date(2026, 12, 1))
    assert (shown("week").days[0], shown("week").days[-1]) == (datetime.date(2026, 11, 22), datetime.date(2026, 11, 28))
    for view, on in (("", ""), ("year", "2026-13-40"), ("month", "0001-01-01"), ("month", "9999-12-31")):
        assert shown(view, on).days == month.days


@pytest.mark.django_db
def test_what_is_planned_stands_on_its_days_in_the_projects_zone(project: Project, segment: Segment) -> None:
    launched(segment, {"StartTime": "2026-11-25T15:30:00Z", "EndTime": "2026-11-28T00:00:00Z", "Frequency": "DAILY"})

    found = calendar(project)

    assert [(entry.day.day, f"{entry.wall:%H:%M}", entry.kind, entry.people) for entry in found] == [
        (26, "00:30", Kind.PLANNED, None), (27, "00:30", Kind.PLANNED, None), (28, "00:30", Kind.PLANNED, None),
    ]  # fmt: skip


@pytest.mark.django_db
def test_an_hourly_campaign_is_one_entry_a_day(project: Project, segment: Segment) -> None:
    launched(segment, {"StartTime": "2026-11-25T00:00:00Z", "EndTime": "2026-11-26T05:00:00Z", "Frequency": "HOURLY"})

    assert [(entry.day.day, f"{entry.wall:%H:%M}", entry.times) for entry in calendar(project)] == [
        (25, "09:00", 15),
        (26, "00:00", 15),
    ]


@pytest.mark.django_db
def test_a_paused_campaign_shows_what_it_would_send_from_now_on(project: Project, segment: Segment) -> None:
    campaign = launched(segment, {"StartTime": "2026-11-25T00:00:00Z", "EndTime": "2026-11-27T00:00:00Z", "Frequency": "DAILY"})
    launch.pause_campaign(campaign=campaign, actor=None, now=NOW)

    found = calendar(project, now=datetime.datetime(2026, 11, 26, tzinfo=UTC) + datetime.timedelta(hours=1))

    assert [(entry.day.day, entry.kind) for entry in found] == [(27, Kind.PAUSED)]


@pytest.mark.django_db
def test_waves_stand_where_they_are_due_and_what_ran_with_its_numbers(project: Project) -> None:
    for zone in ("Asia/Seoul", "Asia/Seoul", "America/Los_Angeles"):
        make_endpoint(project=project, demographic={"Timezone": zone})
    everyone = Audience(project_ids(project))
    campaign = launched(
        make_import_segment(project=project, members=everyone),
        {"StartTime": "2026-11-26T09:00:00", "Frequency": "DAILY", "IsLocalTime": True},
    )
    assert [(entry.day.day, entry.is_local) for entry in calendar(project, "week")] == [(26, True), (27, True), (28, True)]
    clock = Clock()
    clock.now = datetime.datetime(2026, 11, 25, 19, tzinfo=UTC)
    (run_id,) = occurrences.claim_due(now=clock())
    freezing.freeze_run(run_id=run_id, clock=clock)
    clock.now = datetime.datetime(2026, 11, 26, 0, tzinfo=UTC)
    freezing.start_waves(now=clock())
    send(Run.objects.get(zone_wave="Asia/Seoul"), RecordingTransport(), clock)

    found = entries.with_numbers(project=project, shown=calendar(project, "week", now=clock()))

    assert [(entry.day.day, f"{entry.wall:%H:%M}", entry.kind, entry.people, entry.sent) for entry in found] == [
        (26, "09:00", Kind.SENT, 2, 2), (27, "02:00", Kind.WAITING, 1, 0), (27, "09:00", Kind.PLANNED, 3, 0),
        (28, "09:00", Kind.PLANNED, 3, 0),
    ]  # fmt: skip
    assert {entry.campaign_id for entry in found} == {campaign.public_id}


def project_ids(project: Project) -> list[int]:
    from endpoints.models import Endpoint

    return list(Endpoint.objects.filter(project=project).values_list("pk", flat=True))


@pytest.mark.django_db
def test_who_ran_before_is_estimated_by_the_last_run_and_who_did_not_by_a_count_in_the_background(
    project: Project, segment: Segment
) -> None:
    daily = {"StartTime": "2026-11-24T02:00:00Z", "EndTime": "2026-11-26T02:00:00Z", "Frequency": "DAILY"}
    ran, new = (
        launched(segment, daily, "ran"),
        launched(segment, {"StartTime": "2026-11-26T03:00:00Z", "Frequency": "ONCE"}, "new"),
    )
    Treatment.objects.filter(campaign=ran).update(next_run_at=NOW + datetime.timedelta(days=1, hours=1))
    Run.objects.create(
        project=project, campaign=ran, occurrence_at=NOW, due_at=NOW, state="COMPLETED", campaign_version=1, targeted=9, frozen=5
    )
    people = lambda: {(one.name, one.day.day): one.people for one in calendar(project)}  # noqa: E731
    assert people() == {("ran", 24): 5, ("ran", 25): 5, ("ran", 26): 5, ("new", 26): None}

    assert entries.count_missing(project=project, clock=lambda: NOW) == 1
    assert people()["new", 26] == 7

    assert entries.count_missing(project=project, clock=lambda: NOW) == 0, "it is kept for a day"
    assert entries.count_missing(project=project, clock=lambda: NOW + datetime.timedelta(hours=25)) == 1
    Segment.objects.filter(pk=segment.pk).update(deleted_at=NOW)
    assert entries.count_missing(project=project, clock=lambda: NOW + datetime.timedelta(days=3)) == 0
    assert new.pk != ran.pk


@pytest.mark.django_db
def test_a_worker_is_asked_once_and_again_when_it_is_done(project: Project) -> None:
    assert [estimates.ask(project_id=project.pk), estimates.ask(project_id=project.pk)] == [True, False]

    estimates.count(project=project, keys=[], clock=lambda: NOW)

    assert estimates.ask(project_id=project.pk)


@pytest.mark.django_db
def test_without_redis_there_are_no_estimates_but_a_calendar(project: Project, segment: Segment, settings: Any) -> None:
    launched(segment, {"StartTime": "2026-11-26T03:00:00Z", "Frequency": "ONCE"})
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"

    found, is_asked = calendar(project), estimates.ask(project_id=project.pk)

    settings.REDIS_URL = there
    assert [entry.people for entry in found] == [None]
    assert not is_asked


def visitor(project: Project) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(project.created_by)
    return client


def page(project: Project, query: str = "", client: Client | None = None) -> Any:
    client = client or visitor(project)
    with time_machine.travel(NOW, tick=False):
        return client.get(reverse("campaigns:show-calendar", args=[project.public_id]) + query)


@pytest.mark.django_db
@pytest.mark.parametrize("view", ["month", "week", "day"])
def test_each_view_leads_to_the_campaign(project: Project, segment: Segment, view: str) -> None:
    campaign = launched(segment, {"StartTime": "2026-11-26T03:00:00Z", "Frequency": "ONCE"}, "<b>세일</b>")
    gone = launched(segment, {"StartTime": "IMMEDIATE"}, "gone")
    Run.objects.create(
        project=project,
        campaign=gone,
        occurrence_at=NOW,
        due_at=NOW + datetime.timedelta(days=2),
        state="COMPLETED",
        campaign_version=1,
    )
    launch.delete_campaign(campaign=gone, actor=None, now=NOW)

    text = page(project, f"?view={view}&on=2026-11-26").content.decode()

    assert reverse("campaigns:show-campaign", args=[project.public_id, campaign.public_id]) in text
    assert "&lt;b&gt;세일&lt;/b&gt;" in text
    assert "gone" in text
    assert gone.public_id not in text


@pytest.mark.django_db
def test_the_page_with_five_hundred_campaigns_takes_few_queries(
    project: Project, segment: Segment, django_assert_num_queries: Any
) -> None:
    campaigns = Campaign.objects.bulk_create(
        Campaign(
            project=project, name=f"campaign {number}", state="PENDING_NEXT_RUN", launched_at=NOW,
            document=campaign_document(
                segment=segment, schedule={"StartTime": f"2026-11-01T{number % 24:02}:00:00Z", "Frequency": FREQUENCIES[1 + number % 4]}
            ),
        )
        for number in range(500)
    )  # fmt: skip
    Treatment.objects.bulk_create(
        Treatment(campaign=campaign, next_run_at=NOW + datetime.timedelta(minutes=number))
        for number, campaign in enumerate(campaigns)
    )
    Run.objects.bulk_create(
        Run(
            project=project, campaign=campaign, occurrence_at=at, due_at=at, state="COMPLETED", completed_at=at, campaign_version=1,
            targeted=100, frozen=100,
        )
        for campaign in campaigns[:400] for at in (NOW - datetime.timedelta(days=day) for day in range(1, 11))
    )  # fmt: skip
    client = visitor(project)
    page(project, client=client)  # what a process reads once

    with django_assert_num_queries(7):  # session, person, access, runs, campaigns, their last sizes, the numbers of what is shown
        answer = page(project, client=client)

    assert answer.content.decode().count('class="calendar-entry') == 3 * 10 + 3 * 12  # ten days with runs, twelve to come
    with django_assert_num_queries(7):
        page(project, "?view=week", client)


@given(
    data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES), later=st.integers(0, 60), length=st.integers(1, 42),
    ends=st.integers(0, 60 * 24 * 60) | st.none(), since=st.integers(0, 60 * 24 * 10),
)  # fmt: skip
def test_days_are_counted_as_one_by_one(
    data: st.DataObject, name: str, frequency: str, later: int, length: int, ends: int | None, since: int
) -> None:
    start = data.draw(starts(name))
    zone = schedule.zone_of(data.draw(zone_names))
    end = None if ends is None else start + datetime.timedelta(minutes=ends)
    made = plan(start, frequency, name, end=end)
    days = [start.date() + datetime.timedelta(days=later + number) for number in range(length)]
    begin = start.replace(tzinfo=UTC) + datetime.timedelta(minutes=since)
    one_by_one: dict[datetime.date, int] = {}
    for occurrence in schedule.upcoming(made, after=begin - datetime.timedelta(microseconds=1), limit=110 * 24):
        day = occurrence.at.astimezone(zone).date()
        one_by_one[day] = one_by_one.get(day, 0) + 1

    counted = {day: times for day, _wall, times in schedule.per_day(made, days=days, zone=zone, since=begin)}

    assert counted == {day: times for day, times in one_by_one.items() if day in days}
