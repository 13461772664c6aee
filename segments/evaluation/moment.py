"""What a definition means at one moment: days relative to today become instants, in the project's zone."""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import dataclass

from segments.evaluation.tree import Dated, Relation, Relative, Span

_TICK = datetime.timedelta(microseconds=1)  # the smallest step of PostgreSQL's clock: a day's last instant is one before the next

_FIRST = datetime.datetime(1, 1, 2, tzinfo=datetime.UTC)
_LAST = datetime.datetime(9999, 12, 30, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """``now`` is aware; days are those of ``zone``."""

    now: datetime.datetime
    zone: zoneinfo.ZoneInfo

    @property
    def today(self) -> datetime.date:
        return self.now.astimezone(self.zone).date()

    def start_of(self, days: int) -> datetime.datetime:
        """Midnight that begins the day so many days from today, as UTC; the calendar's ends where it would go beyond."""
        try:
            day = self.today + datetime.timedelta(days=days)
            return datetime.datetime.combine(day, datetime.time(), self.zone).astimezone(datetime.UTC)
        except OverflowError:
            return _FIRST if days < 0 else _LAST

    def dated(self, test: Relative) -> Dated:
        """The same filter with instants."""
        today, tomorrow = self.start_of(0), self.start_of(1)
        match test.span:
            case Span.TODAY:
                return Dated(test.subject, Relation.BETWEEN, (today, tomorrow - _TICK))
            case Span.WITHIN_LAST:
                return Dated(test.subject, Relation.BETWEEN, (self.start_of(-test.days), tomorrow - _TICK))
            case Span.MORE_THAN_AGO:
                return Dated(test.subject, Relation.BEFORE, (self.start_of(-test.days),))
            case Span.WITHIN_NEXT:
                return Dated(test.subject, Relation.BETWEEN, (today, self.start_of(test.days + 1) - _TICK))
            case Span.MORE_THAN_AHEAD:
                return Dated(test.subject, Relation.AFTER, (self.start_of(test.days + 1) - _TICK,))

    def days_ahead(self, days: int) -> list[str]:
        """Today and the days after it as ``MM-DD``. 29 February comes on 28 February in other years."""
        found = []
        for ahead in range(days + 1):
            day = self.today + datetime.timedelta(days=ahead)
            found.append(day.strftime("%m-%d"))
            if found[-1] == "02-28" and not _is_leap(day.year):
                found.append("02-29")
        return found


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
