"""The occurrences of a schedule, by number: 0 is the start."""

from __future__ import annotations

import calendar
import datetime
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from campaigns.schedule.document import Frequency, Schedule
from campaigns.schedule.zones import DAY_ON_EARTH, EARLIEST, LATEST, UTC, resolve

_PAST_ZONE_LIMIT = datetime.timedelta(hours=24)
_PUNCTUAL = datetime.timedelta(minutes=1)  # what a tick may be late: the last run may fall on the end itself


@dataclass(frozen=True, slots=True)
class Occurrence:
    """``wall`` is the nominal wall-clock time; ``at`` the instant (UTC) at which a tick must claim it.

    For recipients' local time ``at`` is when the first place on earth reaches ``wall``.
    """

    number: int
    wall: datetime.datetime
    at: datetime.datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What a tick is to do about a treatment: the occurrence to run (None: it ended meanwhile), and when to look again."""

    occurrence: Occurrence | None
    next_at: datetime.datetime | None


def upcoming(schedule: Schedule, *, after: datetime.datetime, limit: int) -> list[Occurrence]:
    """The next occurrences after an instant, at most ``limit``."""
    later = (occurrence for occurrence in from_instant(schedule, after) if occurrence.at > after)
    return list(itertools.islice(later, limit))


def following(schedule: Schedule, *, after: datetime.datetime) -> Occurrence | None:
    """The next occurrence after an instant, or None."""
    return next(iter(upcoming(schedule, after=after, limit=1)), None)


def first_due(
    schedule: Schedule, *, now: datetime.datetime, done: Collection[datetime.datetime] = frozenset()
) -> Occurrence | None:
    """The occurrence with which a schedule begins, or goes on after a pause: the first that is not over.

    In local time that is also one that has begun in the east and is still to come in the west; ``done``: the instants of those that
    have their runs already. Of a schedule by events it is when it begins to listen.
    """
    if schedule.event is not None:
        return _listening(schedule, now)
    if not schedule.is_local:
        return following(schedule, after=now - datetime.timedelta(microseconds=1))
    begun = from_instant(schedule, now - DAY_ON_EARTH)
    return next((one for one in begun if not _is_over(one, now) and one.at not in done), None)


def _listening(schedule: Schedule, now: datetime.datetime) -> Occurrence | None:
    ends_at = listens_until(schedule)
    at = max(resolve(schedule.start, schedule.zone), now)
    return None if ends_at is None or at >= ends_at else Occurrence(number=0, wall=schedule.start, at=at)


def listens_until(schedule: Schedule) -> datetime.datetime | None:
    """The end of a schedule by events; what happens then or later starts nothing."""
    return None if schedule.end is None else resolve(schedule.end, schedule.zone)


def claim(schedule: Schedule, *, due_at: datetime.datetime, now: datetime.datetime) -> Claim:
    """What is to be done about an occurrence that was due at ``due_at``: missed ones are caught up once, the newest, never after the end.

    In local time each one that is still to come somewhere gets its own run, one a tick; ``wave_due_at`` leaves out whoever a newer one
    has reached.
    """
    missed = None
    for occurrence in from_instant(schedule, due_at):
        if occurrence.at > now:
            break
        if occurrence.at >= due_at:
            missed = occurrence
            if schedule.is_local and not _is_over(occurrence, now):
                break
    if (
        missed is not None
        and now - missed.at > _PUNCTUAL
        and _has_ended(schedule, LATEST if schedule.is_local else schedule.zone, now)
    ):
        missed = None
    later = following(schedule, after=missed.at if missed and schedule.is_local else now)
    return Claim(occurrence=missed, next_at=later.at if later else None)


def wave_due_at(
    schedule: Schedule, *, occurrence: Occurrence, zone: datetime.tzinfo, now: datetime.datetime
) -> datetime.datetime | None:
    """When the members of a zone get an occurrence; None when its hour is past and they are to be skipped.

    A zone whose hour is already past gets it at once if that was within 24 hours, unless the campaign says to skip, its end has come
    there, or the next occurrence has.
    """
    due_at = resolve(occurrence.wall, zone)
    if due_at >= now:
        return due_at
    if schedule.skips_past_zone or is_too_late(schedule, due_at=due_at, zone=zone, now=now):
        return None
    newer = following(schedule, after=occurrence.at)
    return None if newer is not None and resolve(newer.wall, zone) <= now else now


def is_too_late(schedule: Schedule, *, due_at: datetime.datetime, zone: datetime.tzinfo, now: datetime.datetime) -> bool:
    """Whether a wave that was due may not begin any more: the schedule's end has come in its zone, or a day has passed."""
    late = now - due_at
    return late > _PAST_ZONE_LIMIT or (late > _PUNCTUAL and _has_ended(schedule, zone, now))


def _has_ended(schedule: Schedule, zone: datetime.tzinfo, now: datetime.datetime) -> bool:
    return schedule.end is not None and resolve(schedule.end, zone) < now


def _is_over(occurrence: Occurrence, now: datetime.datetime) -> bool:
    """Whether an occurrence in local time is past everywhere on earth."""
    return resolve(occurrence.wall, LATEST) < now


def from_instant(schedule: Schedule, instant: datetime.datetime) -> Iterator[Occurrence]:
    """Occurrences in order, beginning at or shortly before an instant. Two that a skipped day moves to one instant are one."""
    end = None if schedule.end is None else resolve(schedule.end, EARLIEST if schedule.is_local else schedule.zone)
    last = None
    for number in itertools.count(max(0, _estimate(schedule, instant) - 2)):
        wall = _wall(schedule, number)
        at = None if wall is None else _instant(schedule, wall, number)
        if wall is None or at is None or (end is not None and at > end):
            return
        if at != last:
            yield Occurrence(number=number, wall=wall, at=at)
        last = at


def _instant(schedule: Schedule, wall: datetime.datetime, number: int) -> datetime.datetime:
    if schedule.is_local:
        return wall.replace(tzinfo=EARLIEST).astimezone(UTC)
    if schedule.frequency == Frequency.HOURLY:  # elapsed hours, whatever the clocks do
        return resolve(schedule.start, schedule.zone) + datetime.timedelta(hours=number)
    return resolve(wall, schedule.zone)


def _wall(schedule: Schedule, number: int) -> datetime.datetime | None:
    start = schedule.start
    if number == 0:
        return start  # with its fold: later ones take the first of an hour that comes twice
    match schedule.frequency:
        case Frequency.ONCE | Frequency.EVENT:
            return None
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
            return start.replace(year=year, month=month + 1, day=day, fold=0)


def _estimate(schedule: Schedule, instant: datetime.datetime) -> int:
    """About how many occurrences lie before an instant: never more than two too many."""
    passed = instant - resolve(schedule.start, EARLIEST if schedule.is_local else schedule.zone)
    match schedule.frequency:
        case Frequency.ONCE | Frequency.EVENT:
            return 0
        case Frequency.HOURLY:
            return passed // datetime.timedelta(hours=1)
        case Frequency.DAILY:
            return passed // datetime.timedelta(days=1)
        case Frequency.WEEKLY:
            return passed // datetime.timedelta(weeks=1)
        case Frequency.MONTHLY:
            return passed // datetime.timedelta(days=31)
