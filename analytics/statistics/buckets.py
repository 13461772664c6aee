"""Days or hours of a project's zone, numbered: what many events are counted into at once."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from analytics.statistics.daily import Days

_EPOCH = datetime.date(1970, 1, 1)
_STEP = datetime.timedelta(minutes=15)  # clocks change on a quarter of an hour of UTC


class Grain(enum.StrEnum):
    DAY = "day"
    HOUR = "hour"

    @property
    def seconds(self) -> int:
        return 86_400 if self is Grain.DAY else 3_600


@dataclass(frozen=True, slots=True)
class Buckets:
    """Each day of ``days``, or each hour of each. A bucket's number is that of its wall-clock time since 1970.

    Where clocks are set back an hour comes twice: both are one bucket; where they are set forward one stays empty.
    """

    days: Days
    grain: Grain

    @property
    def first(self) -> int:
        return (self.days.first - _EPOCH).days * 86_400 // self.grain.seconds

    @property
    def count(self) -> int:
        return len(self.days.all) * 86_400 // self.grain.seconds

    @property
    def labels(self) -> list[str]:
        """``2026-11-03`` or ``2026-11-03 14:00``."""
        return [self.label(number) for number in range(self.count)]

    def label(self, place: int) -> str:
        at = self._wall_clock(place)
        return f"{at:%Y-%m-%d}" if self.grain is Grain.DAY else f"{at:%Y-%m-%d %H:%M}"

    def place(self, label: str) -> int | None:
        """The place of a label among ``labels``."""
        try:
            at = datetime.datetime.strptime(label, "%Y-%m-%d" if self.grain is Grain.DAY else "%Y-%m-%d %H:%M")  # noqa: DTZ007
        except ValueError:
            return None
        place = (at - datetime.datetime.combine(_EPOCH, datetime.time())) // datetime.timedelta(seconds=self.grain.seconds)
        return place - self.first if 0 <= place - self.first < self.count else None

    def span(self, place: int) -> tuple[datetime.datetime, datetime.datetime]:
        """When a bucket begins and when the next one does, in UTC."""
        return self._instant(place), self._instant(place + 1)

    @property
    def start(self) -> datetime.datetime:
        return self._instant(0)

    @property
    def end(self) -> datetime.datetime:
        return self._instant(self.count)

    def place_of(self, at: datetime.datetime) -> int:
        """In which bucket an instant lies."""
        wall = at.astimezone(self.days.zone).replace(tzinfo=None)
        seconds = (wall - datetime.datetime.combine(_EPOCH, datetime.time())) // datetime.timedelta(seconds=1)
        return seconds // self.grain.seconds - self.first

    def shifts(self) -> list[tuple[datetime.datetime, int]]:
        """From which instants on clocks are so many seconds ahead of UTC, in their order; the first is the first of all."""
        zone, at = self.days.zone, self.start
        found = [(at, _ahead(at, zone))]
        while at < self.end:
            following = min(at + datetime.timedelta(days=1), self.end)
            if _ahead(following, zone) != found[-1][1]:
                while _ahead(at, zone) == found[-1][1]:
                    at += _STEP
                found.append((at, _ahead(at, zone)))
            else:
                at = following
        return found

    def _wall_clock(self, place: int) -> datetime.datetime:
        seconds = (self.first + place) * self.grain.seconds
        return datetime.datetime.combine(_EPOCH, datetime.time()) + datetime.timedelta(seconds=seconds)

    def _instant(self, place: int) -> datetime.datetime:
        return self._wall_clock(place).replace(tzinfo=self.days.zone).astimezone(datetime.UTC)


def _ahead(at: datetime.datetime, zone: datetime.tzinfo) -> int:
    return int((at.astimezone(zone).utcoffset() or datetime.timedelta()).total_seconds())
