"""When a campaign runs: pure arithmetic on instants and wall clocks (reference, section 6.2)."""

from campaigns.schedule.document import Frequency, Schedule, ScheduleRefused, parse_schedule
from campaigns.schedule.occurrences import Occurrence, following, latest_missed, upcoming, wave_due_at
from campaigns.schedule.zones import EARLIEST, PINPOINT_OFFSETS, resolve, zone_of

__all__ = [
    "EARLIEST",
    "PINPOINT_OFFSETS",
    "Frequency",
    "Occurrence",
    "Schedule",
    "ScheduleRefused",
    "following",
    "latest_missed",
    "parse_schedule",
    "resolve",
    "upcoming",
    "wave_due_at",
    "zone_of",
]
