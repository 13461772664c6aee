"""Pinpoint's Schedule member, and what our ``Pabal`` member adds, as one frozen value."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.schedule.event_filter import EventFilter, EventFilterRefused, parse_event_filter
from campaigns.schedule.zones import zone_of
from core.errors import Refusal

IMMEDIATE = "IMMEDIATE"
_YEARS = range(2000, 2101)  # far from the ends of the calendar, where another zone's clock has no year any more


class ScheduleRefused(Refusal):
    """The schedule can't be read; the sentence says what is wrong."""


class Frequency(enum.StrEnum):
    ONCE = "ONCE"
    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    EVENT = "EVENT"


@dataclass(frozen=True, slots=True)
class Schedule:
    """``start`` and ``end`` are wall-clock times (naive) in ``zone``, or in each recipient's own zone with ``is_local``.

    Of an hour that comes twice, their ``fold`` says which is meant: an instant is never moved to the hour before.
    """

    frequency: Frequency
    zone: datetime.tzinfo
    zone_name: str
    is_local: bool
    is_immediate: bool
    start: datetime.datetime
    end: datetime.datetime | None
    skips_missing_zone: bool = True
    skips_past_zone: bool = False
    event: EventFilter | None = None  # it listens from start to end, and events start its runs; None: the clock does


def parse_schedule(
    *, schedule: Mapping[str, Any], pabal: Mapping[str, Any], project_zone: str, launched_at: datetime.datetime
) -> Schedule:
    """Read a campaign's schedule. "IMMEDIATE" starts at ``launched_at``. Raises ``ScheduleRefused``."""
    zone_name = pabal.get("TimeZone") or schedule.get("Timezone") or project_zone
    try:
        zone = zone_of(zone_name)
    except ValueError:
        raise ScheduleRefused(_("“%(name)s” is not a time zone.") % {"name": zone_name}) from None
    try:
        frequency = Frequency(schedule.get("Frequency") or "ONCE")
    except ValueError:
        raise ScheduleRefused(_("“%(name)s” is not a frequency.") % {"name": schedule.get("Frequency")}) from None
    is_event = frequency is Frequency.EVENT
    is_local = bool(schedule.get("IsLocalTime")) and not is_event
    start_text = schedule.get("StartTime") or ""
    is_immediate = start_text == IMMEDIATE
    start = launched_at.astimezone(zone).replace(tzinfo=None) if is_immediate else _wall(start_text, zone, is_local=is_local)
    end_text = schedule.get("EndTime") or ""
    return Schedule(
        frequency=frequency,
        zone=zone,
        zone_name=zone_name,
        is_local=is_local and not is_immediate,
        is_immediate=is_immediate,
        start=start,
        end=_wall(end_text, zone, is_local=is_local) if end_text else None,
        skips_missing_zone=pabal.get("MissingTimeZone", "SKIP")
        == "SKIP",  # a document of Pinpoint's says nothing of it, and skipped
        skips_past_zone=pabal.get("PastZone", "SEND") == "SKIP",
        event=_event(schedule) if is_event else None,
    )


def _event(schedule: Mapping[str, Any]) -> EventFilter:
    try:
        return parse_event_filter(schedule.get("EventFilter"))
    except EventFilterRefused as refused:
        raise ScheduleRefused(refused.message) from None


def _wall(text: str, zone: datetime.tzinfo, *, is_local: bool) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ScheduleRefused(_("“%(text)s” is not a time.") % {"text": text}) from None
    if moment.year not in _YEARS:
        raise ScheduleRefused(_("“%(text)s” is too far away.") % {"text": text})
    if moment.tzinfo is None:
        return moment
    if is_local:
        return moment.replace(tzinfo=None)  # Pinpoint's clients write a Z that means each recipient's own clock
    return moment.astimezone(zone).replace(tzinfo=None)
