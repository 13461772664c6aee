"""When a campaign runs: pure arithmetic on instants and wall clocks (reference, section 6.2)."""

from campaigns.schedule.days import per_day
from campaigns.schedule.document import Frequency, Schedule, ScheduleRefused, parse_schedule
from campaigns.schedule.event_filter import COMPARE, NAME_LIMIT, EventFilter, event_filter_document, parse_event_filter
from campaigns.schedule.occurrences import (
    Claim,
    Occurrence,
    claim,
    first_due,
    following,
    is_too_late,
    listens_until,
    upcoming,
    wave_due_at,
)
from campaigns.schedule.zones import DAY_ON_EARTH, EARLIEST, PINPOINT_OFFSETS, midnight, resolve, zone_of

__all__ = [
    "COMPARE",
    "DAY_ON_EARTH",
    "EARLIEST",
    "NAME_LIMIT",
    "PINPOINT_OFFSETS",
    "Claim",
    "EventFilter",
    "Frequency",
    "Occurrence",
    "Schedule",
    "ScheduleRefused",
    "claim",
    "event_filter_document",
    "first_due",
    "following",
    "is_too_late",
    "listens_until",
    "midnight",
    "parse_event_filter",
    "parse_schedule",
    "per_day",
    "resolve",
    "upcoming",
    "wave_due_at",
    "zone_of",
]
