"""The occurrences of a schedule, by number: 0 is the start."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.schedule.document import Frequency, Schedule
from campaigns.schedule.zones import EARLIEST, UTC, resolve

_PAST_ZONE_LIMIT = datetime.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """``wall`` is the nominal wall-clock time; ``at`` the instant (UTC) at which a tick must claim it.

    For recipients' local time ``at`` is when the first place on earth reaches ``wall``.
    """

    number: int
    wall: datetime.datetime
    at: datetime.datetime


def upcoming(schedule: Schedule, *, after: datetime.datetime, limit: int) -> list[Occurrence]:
    """The next occurrences after an instant, at most ``limit``."""
    found = []
    for occurrence in _from(schedule, after):
        if occurrence.at > after:
            found.append(occurrence)
            if len(found) == limit:
                break
    return found


def following(schedule: Schedule, *, after: datetime.datetime) -> Occurrence | None:
    """The next occurrence after an instant, or None."""
    return next(iter(upcoming(schedule, after=after, limit=1)), None)


def latest_missed(schedule: Schedule, *, since: datetime.datetime, now: datetime.datetime) -> Occurrence | None:
    """Of the occurrences from ``since`` to ``now`` (both included) the last one: missed ones are caught up once.

    None when there is none, or when the schedule has ended by now.
    """
    if _has_ended(schedule, now):
        return None
    found = None
    for occurrence in _from(schedule, since):
        if occurrence.at > now:
            break
        if occurrence.at >= since:
            found = occurrence
    return found


def wave_due_at(
    schedule: Schedule, *, occurrence: Occurrence, zone: datetime.tzinfo, now: datetime.datetime
) -> datetime.datetime | None:
    """When the members of a zone get an occurrence; None when its hour is past and they are to be skipped.

    A zone whose hour is already past gets it at once if that was within 24 hours, unless the campaign says to skip.
    """
    due_at = resolve(occurrence.wall, zone)
    if due_at >= now:
        return due_at
    if schedule.skips_past_zone or now - due_at > _PAST_ZONE_LIMIT:
        return None
    return now


def _has_ended(schedule: Schedule, now: datetime.datetime) -> bool:
    if schedule.end is None:
        return False
    if schedule.is_local:  # it ends where the day comes last
        return resolve(schedule.end, datetime.timezone(datetime.timedelta(hours=-12))) < now
    return resolve(schedule.end, schedule.zone) < now


def _from(schedule: Schedule, instant: datetime.datetime) -> Iterator[Occurrence]:
    """Occurrences in order, beginning at or shortly before an instant."""
    number = max(0, _estimate(schedule, instant) - 2)
    while True:
        wall = _wall(schedule, number)
        if wall is None or (schedule.end is not None and wall > schedule.end):
            return
        yield Occurrence(number=number, wall=wall, at=_instant(schedule, wall, number))
        number += 1


def _instant(schedule: Schedule, wall: datetime.datetime, number: int) -> datetime.datetime:
    if schedule.is_local:
        return wall.replace(tzinfo=EARLIEST).astimezone(UTC)
    if schedule.frequency == Frequency.HOURLY:  # elapsed hours, whatever the clocks do
        return resolve(schedule.start, schedule.zone) + datetime.timedelta(hours=number)
    return resolve(wall, schedule.zone)


def _wall(schedule: Schedule, number: int) -> datetime.datetime | None:
    start = schedule.start
    match schedule.frequency:
        case Frequency.ONCE:
            return start if number == 0 else None
        case Frequency.HOURLY:
            if schedule.is_local:
                return start + datetime.timedelta(hours=number)
            instant = resolve(start, schedule.zone) + datetime.timedelta(hours=number)
            return instant.astimezone(schedule.zone).replace(tzinfo=None)
        case Frequency.DAILY:
            return start + datetime.timedelta(days=number)
        case Frequency.WEEKLY:
            return start + datetime.timedelta(weeks=number)
        case Frequency.MONTHLY:
            months = start.year * 12 + start.month - 1 + number
            year, month = divmod(months, 12)
            day = min(start.day, calendar.monthrange(year, month + 1)[1])  # the 31st: the last day of shorter months
            return start.replace(year=year, month=month + 1, day=day)


def _estimate(schedule: Schedule, instant: datetime.datetime) -> int:
    """About how many occurrences lie before an instant: never more than two too many."""
    passed = instant - resolve(schedule.start, EARLIEST if schedule.is_local else schedule.zone)
    match schedule.frequency:
        case Frequency.ONCE:
            return 0
        case Frequency.HOURLY:
            return passed // datetime.timedelta(hours=1)
        case Frequency.DAILY:
            return passed // datetime.timedelta(days=1)
        case Frequency.WEEKLY:
            return passed // datetime.timedelta(weeks=1)
        case Frequency.MONTHLY:
            return passed // datetime.timedelta(days=31)
