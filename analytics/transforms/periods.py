"""The parts of time that a transform asks about: hours or days of UTC, or all at once."""

from __future__ import annotations

import datetime

from analytics.models import LakeTransform

Mode = LakeTransform.Mode
START = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)  # of all at once
SETTLES = datetime.timedelta(minutes=5)  # after its end an hour is asked about: what happens is in the lake a minute later
LENGTH = {Mode.HOUR: datetime.timedelta(hours=1), Mode.DAY: datetime.timedelta(days=1)}


def start_of(mode: str, instant: datetime.datetime) -> datetime.datetime:
    """Of the part in which an instant lies."""
    instant = instant.astimezone(datetime.UTC)
    if mode == Mode.HOUR:
        return instant.replace(minute=0, second=0, microsecond=0)
    if mode == Mode.DAY:
        return instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return START


def end_of(mode: str, starts_at: datetime.datetime) -> datetime.datetime:
    """Of all at once there is none."""
    return starts_at + LENGTH[Mode(mode)] if mode in LENGTH else datetime.datetime.max.replace(tzinfo=datetime.UTC)


def can_be_asked(mode: str, starts_at: datetime.datetime, now: datetime.datetime) -> bool:
    """An hour when it is over; a day, and all at once, at any time."""
    return mode != Mode.HOUR or end_of(mode, starts_at) + SETTLES <= now


def next_look(now: datetime.datetime) -> datetime.datetime:
    """When the hour that runs is over and in the lake."""
    return start_of(Mode.HOUR, now - SETTLES) + LENGTH[Mode.HOUR] + SETTLES


def can_read(mode: str, other: str) -> bool:
    """Whether a transform may read a table of the other mode: what it reads must be of its part of time, or be no part."""
    return not (mode == Mode.HOUR and other == Mode.DAY)
