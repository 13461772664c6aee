"""A schedule by days, for a calendar: how many occurrences each day has, without walking through every hour of a month."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from campaigns.schedule.document import Frequency, Schedule
from campaigns.schedule.occurrences import from_instant, listens_until
from campaigns.schedule.zones import midnight, resolve

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


def per_day(
    schedule: Schedule, *, days: Sequence[datetime.date], zone: datetime.tzinfo, since: datetime.datetime
) -> Iterator[tuple[datetime.date, datetime.time, int]]:
    """For each of the days that has one: the clock's time of its first occurrence, and how many there are. None before ``since``.

    The days are a zone's; of a schedule in local time they are each recipient's own.
    """
    if schedule.event is not None:
        yield from _listening(schedule, days, zone, since)
        return
    if schedule.is_local or schedule.frequency != Frequency.HOURLY:
        yield from _one_by_one(schedule, days, zone, since)
        return
    start = resolve(schedule.start, schedule.zone)
    end = None if schedule.end is None else resolve(schedule.end, schedule.zone) + datetime.timedelta(microseconds=1)
    for day in days:
        begin, until = max(midnight(day, zone), since), midnight(day + DAY, zone)
        until = until if end is None else min(until, end)
        first = start + max(0, -((start - begin) // HOUR)) * HOUR  # the first elapsed hour that is not before
        if first < until:
            yield day, first.astimezone(zone).time(), -((first - until) // HOUR)


def _listening(
    schedule: Schedule, days: Sequence[datetime.date], zone: datetime.tzinfo, since: datetime.datetime
) -> Iterator[tuple[datetime.date, datetime.time, int]]:
    """Each day on which it waits for events, once, by when it begins to on that day."""
    start, until = max(resolve(schedule.start, schedule.zone), since), listens_until(schedule)
    for day in days:
        begin = max(midnight(day, zone), start)
        if begin < midnight(day + DAY, zone) and (until is None or begin < until):
            yield day, begin.astimezone(zone).time(), 1


def _one_by_one(
    schedule: Schedule, days: Sequence[datetime.date], zone: datetime.tzinfo, since: datetime.datetime
) -> Iterator[tuple[datetime.date, datetime.time, int]]:
    last = datetime.datetime.combine(days[-1], datetime.time.max)
    found: dict[datetime.date, list[datetime.time]] = {}
    begin = datetime.datetime.combine(days[0], datetime.time()).replace(tzinfo=datetime.UTC) - 2 * DAY
    for occurrence in from_instant(schedule, max(since, begin)):
        wall = occurrence.wall if schedule.is_local else occurrence.at.astimezone(zone).replace(tzinfo=None)
        if wall > last:
            break
        if occurrence.at >= since and wall.date() >= days[0]:
            found.setdefault(wall.date(), []).append(wall.time())
    for day in days:
        if day in found:
            yield day, found[day][0], len(found[day])
