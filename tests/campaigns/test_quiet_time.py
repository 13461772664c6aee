"""Quiet time against a naive reading of the clock on the wall."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.limits.quiet import QuietTime, zone_of

ZONES = [
    "Asia/Seoul", "UTC", "Europe/London", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia",
    "Africa/Casablanca", "Asia/Kathmandu", "America/Santiago", "Antarctica/Troll", "Pacific/Chatham", "Africa/Cairo", "Asia/Gaza",
]  # fmt: skip
MINUTE = datetime.timedelta(minutes=1)
times = st.builds(datetime.time, st.integers(0, 23), st.integers(0, 59))
# Two days around each change of the clock in these years, and any other day.
CHANGES = {"Europe/London": ["2026-03-29", "2026-10-25"], "America/New_York": ["2026-03-08", "2026-11-01"],
           "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"], "Antarctica/Troll": ["2026-03-29", "2026-10-25"]}  # fmt: skip


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime.datetime]:
    zone = draw(st.sampled_from(ZONES))
    if zone in CHANGES and draw(st.booleans()):
        day = datetime.datetime.fromisoformat(draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=datetime.UTC)
        return zone, day + datetime.timedelta(seconds=draw(st.integers(-86_400, 86_400)))
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    return zone, day + datetime.timedelta(seconds=draw(st.integers(0, 6 * 365 * 86_400)))


def naive(start: datetime.time, end: datetime.time, wall: datetime.time) -> bool:
    return start <= wall < end if start < end else not end <= wall < start


@settings(max_examples=400)
@given(start=times, end=times, moment=moments())
@example(datetime.time(21), datetime.time(2, 30), ("America/New_York", datetime.datetime(2026, 3, 8, 6, 30, tzinfo=datetime.UTC)))
@example(
    datetime.time(21), datetime.time(1, 30), ("America/New_York", datetime.datetime(2026, 11, 1, 6, 10, tzinfo=datetime.UTC))
)
@example(datetime.time(1, 30), datetime.time(5), ("America/New_York", datetime.datetime(2026, 11, 1, 5, 45, tzinfo=datetime.UTC)))
def test_held_until_the_first_minute_that_is_not_quiet(
    start: datetime.time, end: datetime.time, moment: tuple[str, datetime.datetime]
) -> None:
    if start == end:
        return
    zone, now = zoneinfo.ZoneInfo(moment[0]), moment[1]

    until = QuietTime(start, end).until(now=now, zone=zone)

    if not naive(start, end, now.astimezone(zone).time()):
        assert until is None
        return
    minute = now.replace(second=0, microsecond=0) + MINUTE  # all these zones' clocks are set at full minutes
    while naive(start, end, minute.astimezone(zone).time()):
        minute += MINUTE
    assert until == minute


@pytest.mark.parametrize(("now", "until"), [
    ("2026-11-24T11:59:59", None),
    ("2026-11-24T12:00:00", "2026-11-24T23:00:00"),  # 21:00 in Seoul
    ("2026-11-24T22:59:59", "2026-11-24T23:00:00"),
    ("2026-11-24T23:00:00", None),  # 08:00: one may send
])  # fmt: skip
def test_past_midnight(now: str, until: str | None) -> None:
    found = QuietTime(datetime.time(21), datetime.time(8)).until(
        now=datetime.datetime.fromisoformat(now).replace(tzinfo=datetime.UTC), zone=zoneinfo.ZoneInfo("Asia/Seoul")
    )

    assert found == (datetime.datetime.fromisoformat(until).replace(tzinfo=datetime.UTC) if until else None)


@pytest.mark.parametrize("name", [None, "", "KST", "UTC+09", "../etc/passwd", 9, ["Asia/Tokyo"], "asia/tokyo"])
def test_a_zone_that_nobody_knows_is_the_projects(name: object) -> None:
    assert zone_of(name=name, project_zone="Asia/Seoul").key == "Asia/Seoul"
    assert zone_of(name="Asia/Tokyo", project_zone="Asia/Seoul").key == "Asia/Tokyo"
