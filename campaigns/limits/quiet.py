"""Quiet time: hours of the recipient's own clock in which nothing is sent."""

from __future__ import annotations

import datetime
import functools
import zoneinfo
from dataclasses import dataclass

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietTime:
    """Quiet from ``start`` until ``end``, every day, past midnight when the end is the earlier one. At ``end`` one may send."""

    start: datetime.time
    end: datetime.time

    def covers(self, wall: datetime.time) -> bool:
        if self.start < self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def until(self, *, now: datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.datetime | None:
        """The first instant (UTC) from ``now`` on that is not quiet in a zone; None when ``now`` is not quiet."""
        local = now.astimezone(zone)
        if not self.covers(local.time()):
            return None
        # Twice: a clock that is set back shows the end twice, and the first of the two may be past.
        found = min(
            instant
            for days in (0, 1, 2)
            for fold in (0, 1)
            if (instant := _instant(datetime.datetime.combine(local.date() + days * _DAY, self.end), fold, zone)) > now
        )
        change = _change(now.astimezone(datetime.UTC), found, zone)
        if change is not None and not self.covers(change.astimezone(zone).time()):
            return change  # the clock jumped out of the quiet hours
        return found


def _instant(wall: datetime.datetime, fold: int, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC)


def _change(since: datetime.datetime, until: datetime.datetime, zone: zoneinfo.ZoneInfo) -> datetime.datetime | None:
    """The instant at which the zone's clock is set, between two instants less than two days apart, to the second."""
    before = since.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return None
    early, late = since.replace(microsecond=0), until
    while late - early > datetime.timedelta(seconds=1):
        middle = (early + (late - early) // 2).replace(microsecond=0)
        if middle == early:
            middle = early + datetime.timedelta(seconds=1)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def zone_of(*, name: object, project_zone: str) -> zoneinfo.ZoneInfo:
    """The zone of an endpoint's ``Demographic.Timezone``; the project's when it has none, or one that nobody knows."""
    return zoneinfo.ZoneInfo(name if isinstance(name, str) and name in _known() else project_zone)
