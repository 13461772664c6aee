from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.schedule import (
    PINPOINT_OFFSETS,
    Schedule,
    claim,
    following,
    parse_schedule,
    resolve,
    upcoming,
    wave_due_at,
    zone_of,
)

UTC = datetime.UTC
NOW = datetime.datetime(2026, 11, 24, 3, tzinfo=UTC)


def plan(
    start: str, frequency: str = "DAILY", *, end: str = "", zone: str = "Asia/Seoul", local: bool = False, **pabal: Any
) -> Schedule:
    schedule = {"StartTime": start, "Frequency": frequency, "IsLocalTime": local} | ({"EndTime": end} if end else {})
    return parse_schedule(schedule=schedule, pabal={"TimeZone": zone} | pabal, project_zone="Asia/Seoul", launched_at=NOW)


def instants(schedule: Schedule, after: str, limit: int = 5) -> list[str]:
    found = upcoming(schedule, after=datetime.datetime.fromisoformat(after), limit=limit)
    return [occurrence.at.strftime("%Y-%m-%dT%H:%M:%SZ") for occurrence in found]


def test_daily_at_nine_in_korea_until_its_end() -> None:
    daily = plan("2026-12-01T00:00:00Z", end="2026-12-03T00:00:00Z")

    assert instants(daily, "2026-11-30T00:00:00Z") == ["2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", "2026-12-03T00:00:00Z"]
    assert instants(daily, "2026-12-03T00:00:00Z") == []


def test_monthly_on_the_31st_takes_the_last_day_of_shorter_months() -> None:
    monthly = plan("2026-12-31T00:00:00Z", "MONTHLY")

    assert instants(monthly, "2026-12-30T00:00:00Z") == [
        "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-02-28T00:00:00Z", "2027-03-31T00:00:00Z", "2027-04-30T00:00:00Z",
    ]  # fmt: skip


def test_a_time_that_a_clock_change_skips_is_the_instant_of_the_change_and_one_that_comes_twice_the_first() -> None:
    new_york = plan("2027-03-12T02:30:00", zone="America/New_York")
    autumn = plan("2026-10-31T01:30:00", zone="America/New_York")

    assert instants(new_york, "2027-03-12T12:00:00Z", 3) == [
        "2027-03-13T07:30:00Z",
        "2027-03-14T07:00:00Z",
        "2027-03-15T06:30:00Z",
    ]
    assert instants(autumn, "2026-10-31T12:00:00Z", 2) == ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]


def test_hourly_counts_elapsed_hours_over_a_clock_change() -> None:
    hourly = plan("2027-03-14T00:30:00", "HOURLY", zone="America/New_York")

    assert instants(hourly, "2027-03-14T05:30:00Z", 3) == ["2027-03-14T06:30:00Z", "2027-03-14T07:30:00Z", "2027-03-14T08:30:00Z"]


def test_weekly_and_once() -> None:
    assert instants(plan("2026-12-01T00:00:00Z", "WEEKLY"), "2026-12-01T00:00:00Z", 2) == [
        "2026-12-08T00:00:00Z",
        "2026-12-15T00:00:00Z",
    ]
    assert instants(plan("2026-12-01T00:00:00Z", "ONCE"), "2026-11-30T00:00:00Z") == ["2026-12-01T00:00:00Z"]


def test_missed_occurrences_are_caught_up_once_and_never_after_the_end() -> None:
    daily = plan("2026-12-01T00:00:00Z", end="2026-12-05T00:00:00Z")
    since = datetime.datetime(2026, 12, 1, tzinfo=UTC)

    caught_up = claim(daily, due_at=since, now=datetime.datetime(2026, 12, 3, 5, tzinfo=UTC))
    ended = claim(daily, due_at=since, now=datetime.datetime(2026, 12, 5, 0, 2, tzinfo=UTC))

    assert caught_up.occurrence is not None
    assert caught_up.occurrence.at == datetime.datetime(2026, 12, 3, tzinfo=UTC)
    assert caught_up.next_at == datetime.datetime(2026, 12, 4, tzinfo=UTC)
    assert (ended.occurrence, ended.next_at) == (None, None)


def test_the_last_run_may_fall_on_the_end_though_its_tick_is_a_moment_late() -> None:
    daily = plan("2026-12-01T00:00:00Z", end="2026-12-05T00:00:00Z")
    end = datetime.datetime(2026, 12, 5, tzinfo=UTC)

    last = claim(daily, due_at=end, now=end + datetime.timedelta(seconds=1))

    assert last.occurrence is not None
    assert last.occurrence.at == end
    assert last.next_at is None


def test_local_time_in_three_zones_to_the_second() -> None:
    local = plan("2026-12-01T09:00:00", "ONCE", local=True)
    occurrence = following(local, after=NOW)
    assert occurrence is not None

    assert occurrence.at == datetime.datetime(2026, 11, 30, 19, tzinfo=UTC)  # nine o'clock at UTC+14
    due = {
        name: wave_due_at(local, occurrence=occurrence, zone=zone_of(name), now=occurrence.at)
        for name in ("Asia/Seoul", "Europe/London", "America/Los_Angeles")
    }
    assert due == {
        "Asia/Seoul": datetime.datetime(2026, 12, 1, 0, tzinfo=UTC),
        "Europe/London": datetime.datetime(2026, 12, 1, 9, tzinfo=UTC),
        "America/Los_Angeles": datetime.datetime(2026, 12, 1, 17, tzinfo=UTC),
    }


def test_a_zone_whose_hour_is_past_gets_it_at_once_within_a_day_or_is_skipped() -> None:
    now = datetime.datetime(2026, 12, 1, 6, tzinfo=UTC)
    seoul = zone_of("Asia/Seoul")
    sends = plan("2026-12-01T09:00:00", "ONCE", local=True)
    skips = plan("2026-12-01T09:00:00", "ONCE", local=True, PastZone="SKIP")
    occurrence = following(sends, after=NOW)
    assert occurrence is not None

    assert wave_due_at(sends, occurrence=occurrence, zone=seoul, now=now) == now
    assert wave_due_at(skips, occurrence=occurrence, zone=seoul, now=now) is None
    assert wave_due_at(sends, occurrence=occurrence, zone=seoul, now=now + datetime.timedelta(hours=24)) is None


def test_all_of_pinpoints_offsets_are_zones() -> None:
    assert len(PINPOINT_OFFSETS) == 31
    assert [zone_of(name).utcoffset(NOW.replace(tzinfo=None)) for name in ("UTC+05:45", "UTC-11")] == [
        datetime.timedelta(hours=5, minutes=45), -datetime.timedelta(hours=11),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Mars"):
        zone_of("Mars/Olympus")


@given(
    wall=st.datetimes(min_value=datetime.datetime(2000, 1, 1), max_value=datetime.datetime(2040, 1, 1)),
    zone=st.sampled_from(["Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Europe/London", "UTC"]),
)
def test_a_resolved_time_is_what_the_clock_shows_or_the_change_itself(wall: datetime.datetime, zone: str) -> None:
    wall = wall.replace(microsecond=0)
    instant = resolve(wall, zoneinfo.ZoneInfo(zone))

    shown = instant.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == wall or datetime.timedelta(0) < shown - wall <= datetime.timedelta(hours=1)
