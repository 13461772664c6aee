"""Zones, and wall-clock times in them."""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo

UTC = datetime.UTC
# Pinpoint's 31 (reference, section 6.2): UTC, UTC+01 … UTC+13 with the half hours, UTC-02 … UTC-11.
PINPOINT_OFFSETS = (
    "UTC", "UTC+01", "UTC+02", "UTC+03", "UTC+03:30", "UTC+04", "UTC+04:30", "UTC+05", "UTC+05:30", "UTC+05:45", "UTC+06",
    "UTC+06:30", "UTC+07", "UTC+08", "UTC+09", "UTC+09:30", "UTC+10", "UTC+10:30", "UTC+11", "UTC+12", "UTC+13",
    "UTC-02", "UTC-03", "UTC-04", "UTC-05", "UTC-06", "UTC-07", "UTC-08", "UTC-09", "UTC-10", "UTC-11",
)  # fmt: skip
EARLIEST = datetime.timezone(datetime.timedelta(hours=14))  # where a wall-clock time comes first on earth
LATEST = datetime.timezone(datetime.timedelta(hours=-12))  # and where it comes last
DAY_ON_EARTH = datetime.timedelta(hours=26)  # between the two
_OFFSET = re.compile(r"UTC(?:([+-])(0\d|1[0-4])(?::([0-5]\d))?)?\Z")


def zone_of(name: str) -> datetime.tzinfo:
    """The zone of one of Pinpoint's offsets or of an IANA name; raises ``ValueError``."""
    match = _OFFSET.match(name)
    if match:
        sign, hours, minutes = match.groups()
        offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return datetime.timezone(-offset if sign == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError):
        raise ValueError(name) from None


def resolve(wall: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
    """The instant (UTC) at which the clock of a zone shows a naive ``wall`` time.

    A time that a clock change skips becomes the instant of the change. One that comes twice is the first of the two, unless its
    ``fold`` says that it was read from a clock the second time.
    """
    exact = wall.replace(tzinfo=zone).astimezone(UTC)
    if exact.astimezone(zone).replace(tzinfo=None) == wall:
        return exact
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    shift = before.astimezone(zone).utcoffset()
    while after - before > datetime.timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == shift:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


@functools.lru_cache(maxsize=2_000)
def midnight(day: datetime.date, zone: datetime.tzinfo) -> datetime.datetime:
    """When a day begins in a zone."""
    return resolve(datetime.datetime.combine(day, datetime.time()), zone)
