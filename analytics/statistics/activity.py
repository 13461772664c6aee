"""Who is active: distinct endpoints by day and over windows, and who comes back. From sets, by days of UTC.

Active is who did something: opened, clicked, or used an app or a web page.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from analytics.kpis.measures import COUNTED
from analytics.models import EventKind
from analytics.reach_sets import daily_sets
from core.audience import Audience

MONTH = 30  # days of “monthly”
WEEKS = 8  # of retention
_DONE = Q(kind__in=[EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK]) | Q(kind__gte=EventKind.SESSION_START)


@dataclass(frozen=True, slots=True)
class ActiveDay:
    """``sticky``: daily by monthly; None when nobody was active in the month."""

    day: datetime.date
    daily: int
    monthly: int

    @property
    def sticky(self) -> float | None:
        return self.daily / self.monthly if self.monthly else None


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who were active in a week and never in the weeks before it that are looked at; ``back``: how many in each week since."""

    week: datetime.date  # its Monday
    size: int
    back: list[int]


def active_days(*, project_id: int, first: datetime.date, last: datetime.date) -> list[ActiveDay]:
    """One query; two unions a day, however long the window is."""
    length = (last - first).days + 1
    start = first - datetime.timedelta(days=MONTH - 1)
    sets = _daily(project_id, start, last)
    all_days = [sets.get(start + datetime.timedelta(days=number), Audience()) for number in range(length + MONTH - 1)]
    monthly = _windows(all_days, MONTH)
    return [
        ActiveDay(first + datetime.timedelta(days=number), len(all_days[number + MONTH - 1]), len(monthly[number]))
        for number in range(length)
    ]


def active(*, project_id: int, first: datetime.date, last: datetime.date) -> Audience:
    """Who was active on one of the days. One query."""
    return Audience.union(_daily(project_id, first, last).values())


def mondays(last: datetime.date, weeks: int = WEEKS) -> list[datetime.date]:
    """The Mondays of so many weeks to that of ``last``, the oldest first."""
    this = last - datetime.timedelta(days=last.weekday())
    return [this - datetime.timedelta(weeks=number) for number in reversed(range(weeks))]


def retention(*, project_id: int, last: datetime.date, weeks: int = WEEKS) -> list[Cohort]:
    """The newest weeks (from Monday), the oldest first. One query."""
    found = []
    active = _weekly(project_id, last, weeks)
    for number, (monday, new) in enumerate(zip(mondays(last, weeks), _new(active), strict=True)):
        found.append(Cohort(monday, len(new), [len(new & later) for later in active[number + 1 :]]))
    return found


def came_back(*, project_id: int, last: datetime.date, week: int, later: int) -> Audience:
    """Of those who are new in one of the weeks (by its number) whoever was active ``later`` weeks after it; 0: all of them. One query."""
    active = _weekly(project_id, last, WEEKS)
    return _new(active)[week] & active[week + later]


def _weekly(project_id: int, last: datetime.date, weeks: int) -> list[Audience]:
    """Who was active in each of the weeks."""
    starts = mondays(last, weeks)
    by_week: dict[datetime.date, list[Audience]] = defaultdict(list)
    for day, members in _daily(project_id, starts[0], last).items():
        by_week[day - datetime.timedelta(days=day.weekday())].append(members)
    return [Audience.union(by_week[monday]) for monday in starts]


def _new(active: Sequence[Audience]) -> list[Audience]:
    """Of each week those who were not active in the ones before it."""
    seen, found = Audience(), []
    for members in active:
        found.append(members - seen)
        seen |= members
    return found


def _daily(project_id: int, first: datetime.date, last: datetime.date) -> dict[datetime.date, Audience]:
    narrow = _DONE & Q(project_id=project_id, hit_class__in=COUNTED, link_number=-1)
    found: dict[datetime.date, Audience] = {}
    for (day,), members in daily_sets(narrow, first=first, last=last).items():
        found[day] = members
    return found


def _windows(sets: Sequence[Audience], length: int) -> list[Audience]:
    """The union of each ``length`` that follow each other: of stretches of that length, from their ends and from their beginnings."""
    forward: list[Audience] = []
    for number, one in enumerate(sets):
        forward.append(one if number % length == 0 else forward[-1] | one)
    backward: list[Audience] = [Audience()] * len(sets)
    for number in range(len(sets) - 1, -1, -1):
        is_end = number % length == length - 1 or number == len(sets) - 1
        backward[number] = sets[number] if is_end else sets[number] | backward[number + 1]
    return [backward[number] | forward[number + length - 1] for number in range(len(sets) - length + 1)]
