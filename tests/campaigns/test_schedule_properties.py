"""The schedule against ``dateutil.rrule``: random zones and dates, leap days, and both sides of each clock change."""

from __future__ import annotations

import datetime
import functools
import itertools
import zoneinfo
from collections.abc import Iterator

from dateutil import rrule, tz
from hypothesis import assume, example, given
from hypothesis import strategies as st

from campaigns.schedule import (
    EARLIEST,
    PINPOINT_OFFSETS,
    Frequency,
    Schedule,
    claim,
    first_due,
    parse_schedule,
    resolve,
    upcoming,
    wave_due_at,
    zone_of,
)

UTC = datetime.UTC
MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)
LATEST = datetime.timezone(datetime.timedelta(hours=-12))
FIRST, LAST = datetime.datetime(2001, 1, 1), datetime.datetime(2037, 1, 1)
ZONES = sorted(name for name in zoneinfo.available_timezones() if not name.startswith(("posix", "right")) and name != "localtime")
# Half an hour, forty-five minutes, a whole day, no change at all, and a change at midnight.
ODD_ZONES = [
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Asia/Seoul",
    "America/Havana",
    "America/New_York",
    "Africa/Cairo",
]
FREQUENCIES = ["ONCE", "HOURLY", "DAILY", "WEEKLY", "MONTHLY"]

zone_names = st.one_of(st.sampled_from(ODD_ZONES), st.sampled_from(ZONES), st.sampled_from(PINPOINT_OFFSETS))


@functools.cache
def changes(name: str) -> list[datetime.datetime]:
    """The wall-clock times around which a zone's clocks change, to the minute."""
    zone, found = zone_of(name), []
    at = FIRST.replace(tzinfo=UTC)
    while at.year < LAST.year:
        if at.astimezone(zone).utcoffset() != (at + DAY).astimezone(zone).utcoffset():
            minutes = (at + n * MINUTE for n in range(24 * 60 + 1))
            found += [
                one.astimezone(zone).replace(tzinfo=None, fold=0)
                for one in minutes
                if one.astimezone(zone).utcoffset() != (one + MINUTE).astimezone(zone).utcoffset()
            ]
        at += DAY
    return found


@st.composite
def starts(draw: st.DrawFn, name: str) -> datetime.datetime:
    """A wall-clock time to the minute: anywhere, at the end of a month, on a leap day, or about a change of the zone's clocks."""
    kind = draw(st.sampled_from(["any", "month", "leap", "change"]))
    anywhere = draw(st.datetimes(min_value=FIRST, max_value=LAST)).replace(second=0, microsecond=0, fold=0)
    if kind == "month":
        return (anywhere.replace(day=1) - DAY * draw(st.integers(0, 2))).replace(fold=0)
    if kind == "leap":
        return anywhere.replace(year=draw(st.sampled_from([2004, 2008, 2024, 2028])), month=2, day=29)
    known = changes(name)
    if kind == "change" and known:
        change = draw(st.sampled_from(known))
        return change + MINUTE * draw(st.integers(-150, 150)) - DAY * draw(st.integers(0, 40))
    return anywhere


def instant(wall: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """By dateutil: a skipped time is the next one that exists, found minute by minute; one that comes twice is the first."""
    while not tz.datetime_exists(wall, zone):
        wall += MINUTE
    return tz.enfold(wall, fold=0).replace(tzinfo=zone).astimezone(UTC)


def walls(frequency: str, start: datetime.datetime) -> Iterator[datetime.datetime]:
    """The wall-clock times of a schedule by dateutil; without end."""
    if frequency == "MONTHLY":  # of the days up to the start's, the last that the month has
        yield from iter(rrule.rrule(rrule.MONTHLY, dtstart=start, bymonthday=range(1, start.day + 1), bysetpos=-1))
    elif frequency == "ONCE":
        yield from iter(rrule.rrule(rrule.DAILY, dtstart=start, count=1))
    else:
        yield from iter(
            rrule.rrule({"DAILY": rrule.DAILY, "WEEKLY": rrule.WEEKLY, "HOURLY": rrule.HOURLY}[frequency], dtstart=start)
        )


def expected(frequency: str, start: datetime.datetime, zone: datetime.tzinfo) -> Iterator[datetime.datetime]:
    """The instants of a schedule. Elapsed hours are counted on a clock that never changes."""
    if frequency == "HOURLY":
        return (one.replace(tzinfo=UTC) for one in walls("HOURLY", instant(start, zone).replace(tzinfo=None)))
    return (at for at, _same in itertools.groupby(instant(wall, zone) for wall in walls(frequency, start)))


def plan(
    start: datetime.datetime, frequency: str, name: str, *, end: datetime.datetime | None = None, is_local: bool = False
) -> Schedule:
    document = {"StartTime": start.isoformat(), "Frequency": frequency, "IsLocalTime": is_local}
    if end is not None:
        document["EndTime"] = end.isoformat()
    return parse_schedule(
        schedule=document, pabal={"TimeZone": name}, project_zone="Asia/Seoul", launched_at=start.replace(tzinfo=UTC)
    )


@given(data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES), skip=st.integers(0, 60))
def test_the_occurrences_are_those_of_rrule(data: st.DataObject, name: str, frequency: str, skip: int) -> None:
    start = data.draw(starts(name))
    by_rrule = list(itertools.islice(expected(frequency, start, zone_of(name)), skip, skip + 30))
    assume(by_rrule)

    ours = upcoming(plan(start, frequency, name), after=by_rrule[0] - datetime.timedelta(microseconds=1), limit=30)

    assert [one.at for one in ours] == by_rrule


@given(data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES), count=st.integers(0, 40), over=st.integers(0, 90))
def test_none_comes_after_the_end_and_none_before_it_is_left_out(
    data: st.DataObject, name: str, frequency: str, count: int, over: int
) -> None:
    start = data.draw(starts(name))
    last = list(itertools.islice(expected(frequency, start, zone_of(name)), count + 1))[-1]
    end = last + over * MINUTE
    by_rrule = list(
        itertools.takewhile(lambda at: at <= end, itertools.islice(expected(frequency, start, zone_of(name)), count + 3))
    )

    ours = upcoming(plan(start, frequency, name, end=end), after=by_rrule[0] - MINUTE, limit=count + 3)

    assert [one.at for one in ours] == by_rrule


@given(data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES))
def test_an_instant_that_was_given_is_kept_on_either_side_of_a_change(data: st.DataObject, name: str, frequency: str) -> None:
    at = data.draw(starts(name)).replace(tzinfo=UTC)

    first = first_due(plan(at, frequency, name), now=at)

    assert first is not None
    assert first.at == at


@given(
    data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES), limit=st.integers(1, 40),
    outages=st.lists(st.integers(0, 60 * 24 * 40), max_size=8),
)  # fmt: skip
def test_ticks_run_each_occurrence_once_and_of_those_an_outage_hid_the_newest(
    data: st.DataObject, name: str, frequency: str, limit: int, outages: list[int]
) -> None:
    start = data.draw(starts(name))
    by_rrule = list(itertools.islice(expected(frequency, start, zone_of(name)), limit))
    schedule = plan(start, frequency, name, end=by_rrule[-1])
    due_at: datetime.datetime | None = by_rrule[0]
    ran, wanted, left = [], [], list(outages)

    while due_at is not None:
        now = due_at + MINUTE * (left.pop() if left else 0)
        hidden = [at for at in by_rrule if due_at <= at <= now]
        if now - hidden[-1] <= MINUTE or now <= by_rrule[-1]:
            wanted.append(hidden[-1])
        told = claim(schedule, due_at=due_at, now=now)
        ran += [told.occurrence.at] if told.occurrence else []
        assert told.next_at is None or told.next_at > now
        due_at = told.next_at

    assert ran == wanted
    assert len(set(ran)) == len(ran)


# -- recipients' local time --------------------------------------------------------------------------------------------


@given(data=st.data(), name=zone_names, frequency=st.sampled_from(FREQUENCIES))
def test_in_local_time_each_zone_gets_it_when_its_own_clock_says_so(data: st.DataObject, name: str, frequency: str) -> None:
    start = data.draw(starts(name))
    by_rrule = list(itertools.islice(walls(frequency, start), 12))
    schedule = plan(start, frequency, "Asia/Seoul", is_local=True)
    first = start.replace(tzinfo=EARLIEST).astimezone(UTC)

    ours = upcoming(schedule, after=first - MINUTE, limit=12)

    assert [one.wall for one in ours] == by_rrule
    assert [one.at for one in ours] == [wall.replace(tzinfo=EARLIEST).astimezone(UTC) for wall in by_rrule]
    due = [wave_due_at(schedule, occurrence=one, zone=zone_of(name), now=one.at) for one in ours]
    assert due == [instant(wall, zone_of(name)) for wall in by_rrule]


@given(
    start=st.datetimes(min_value=FIRST, max_value=LAST), frequency=st.sampled_from(FREQUENCIES),
    names=st.lists(zone_names, min_size=1, max_size=4, unique=True), outages=st.lists(st.integers(0, 60 * 60), max_size=12),
)  # fmt: skip
@example(start=datetime.datetime(2026, 3, 1, 9), frequency="HOURLY", names=["Asia/Seoul", "UTC-11"], outages=[200, 0, 300])
@example(start=datetime.datetime(2026, 3, 1, 9), frequency="DAILY", names=["Asia/Seoul", "America/New_York"], outages=[60 * 47])
def test_ticks_give_each_zone_each_wall_clock_time_once_and_of_those_that_are_past_only_the_newest(
    start: datetime.datetime, frequency: str, names: list[str], outages: list[int]
) -> None:
    start = start.replace(second=0, microsecond=0, fold=0)
    schedule = plan(start, frequency, "Asia/Seoul", is_local=True)
    due_at: datetime.datetime | None = start.replace(tzinfo=EARLIEST).astimezone(UTC)
    made: list[tuple[str, datetime.datetime, datetime.datetime]] = []
    wanted: list[tuple[str, datetime.datetime, datetime.datetime]] = []

    for minutes in outages:
        if due_at is None:
            break
        now = due_at + minutes * MINUTE  # and from then on a tick follows another until nothing is due
        wanted += waves_by_hand(frequency, start, names, due_at, now)
        while due_at is not None and due_at <= now:
            told = claim(schedule, due_at=due_at, now=now)
            due_at = told.next_at
            for name in names if told.occurrence else []:
                assert told.occurrence is not None  # for the type checker
                when = wave_due_at(schedule, occurrence=told.occurrence, zone=zone_of(name), now=now)
                made += [(name, told.occurrence.wall, when)] if when else []

    assert sorted(made) == sorted(wanted)
    assert len({(name, wall) for name, wall, _when in made}) == len(made), "nobody gets one occurrence twice"


def waves_by_hand(
    frequency: str, start: datetime.datetime, names: list[str], due_at: datetime.datetime, now: datetime.datetime
) -> Iterator[tuple[str, datetime.datetime, datetime.datetime]]:
    """What a tick at ``now`` is to make of the occurrences from ``due_at`` on: zone, wall-clock time, instant."""
    soon = now.replace(tzinfo=None) + DAY
    known = list(itertools.takewhile(lambda wall: wall < soon, walls(frequency, start)))
    begun = [wall for wall in known if due_at <= wall.replace(tzinfo=EARLIEST) <= now]
    still_to_come = [wall for wall in begun if wall.replace(tzinfo=LATEST) >= now]
    for name, wall in itertools.product(names, still_to_come or begun[-1:]):
        proper = instant(wall, zone_of(name))
        next_one = known[known.index(wall) + 1 :][:1]
        if proper >= now:
            yield name, wall, proper
        elif now - proper <= DAY and not any(instant(one, zone_of(name)) <= now for one in next_one):
            yield name, wall, now


@given(wall=st.datetimes(min_value=FIRST, max_value=LAST), name=zone_names)
def test_a_resolved_time_never_comes_before_the_clock_shows_it(wall: datetime.datetime, name: str) -> None:
    wall, zone = wall.replace(second=0, microsecond=0, fold=0), zone_of(name)

    at = resolve(wall, zone)

    assert at == instant(wall, zone)
    assert at.astimezone(zone).replace(tzinfo=None) >= wall
    assert (at - MINUTE).astimezone(zone).replace(tzinfo=None) < wall


def test_all_five_frequencies_are_compared() -> None:
    assert set(FREQUENCIES) == set(Frequency) - {Frequency.EVENT}
