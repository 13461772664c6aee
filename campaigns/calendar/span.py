"""The days that a page shows, in the project's zone."""

from __future__ import annotations

import calendar
import datetime
import enum
from dataclasses import dataclass

from campaigns import schedule

_YEARS = range(2000, 2100)


class View(enum.StrEnum):
    MONTH = "month"
    WEEK = "week"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Span:
    """``days`` in order. A month is filled up to whole weeks; ``month`` says which of its days are its own."""

    view: View
    on: datetime.date
    days: list[datetime.date]
    zone: datetime.tzinfo

    @property
    def since(self) -> datetime.datetime:
        return schedule.midnight(self.days[0], self.zone)

    @property
    def until(self) -> datetime.datetime:
        """Exclusive."""
        return schedule.midnight(self.days[-1] + datetime.timedelta(days=1), self.zone)

    def is_outside(self, day: datetime.date) -> bool:
        """Whether a day only fills up the month's first or last week."""
        return self.view == View.MONTH and (day.year, day.month) != (self.on.year, self.on.month)

    @property
    def earlier(self) -> datetime.date:
        if self.view == View.MONTH:
            return (self.on.replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
        return self.on - datetime.timedelta(days=len(self.days))

    @property
    def later(self) -> datetime.date:
        if self.view == View.MONTH:
            return (self.on.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)
        return self.on + datetime.timedelta(days=len(self.days))


def span(*, view: str, on: str, today: datetime.date, zone: datetime.tzinfo, first_weekday: int) -> Span:
    """What ``?view=&on=`` asks for; this month when it says nothing that can be read. ``first_weekday``: 0 is Monday."""
    kind = View(view) if view in set(View) else View.MONTH
    date = _date(on) or today
    if kind == View.DAY:
        return Span(kind, date, [date], zone)
    weeks = calendar.Calendar(first_weekday)
    if kind == View.MONTH:
        return Span(kind, date, list(weeks.itermonthdates(date.year, date.month)), zone)
    begin = date - datetime.timedelta(days=(date.weekday() - first_weekday) % 7)
    return Span(kind, date, [begin + datetime.timedelta(days=number) for number in range(7)], zone)


def _date(text: str) -> datetime.date | None:
    try:
        found = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in _YEARS else None
