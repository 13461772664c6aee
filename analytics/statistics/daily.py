"""What happened, by day or by hour of the week, in the project's time zone: sums of counters."""

from __future__ import annotations

import datetime
import zoneinfo
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q, Sum
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay, TruncDate

from analytics.kpis.measures import COUNTED
from analytics.models import Counter, EventKind, SourceKind


@dataclass(frozen=True, slots=True)
class Days:
    """The days ``first`` … ``last`` of ``zone``, both counted."""

    first: datetime.date
    last: datetime.date
    zone: zoneinfo.ZoneInfo

    @property
    def all(self) -> list[datetime.date]:
        return [self.first + datetime.timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def hours(self) -> Q:
        start = datetime.datetime.combine(self.first, datetime.time(), tzinfo=self.zone)
        end = datetime.datetime.combine(self.last + datetime.timedelta(days=1), datetime.time(), tzinfo=self.zone)
        return Q(hour__gte=start, hour__lt=end)

    @property
    def before(self) -> Days:
        """As many days, just before."""
        length = self.last - self.first + datetime.timedelta(days=1)
        return Days(self.first - length, self.last - length, self.zone)


def totals(*, project_id: int, days: Days, kinds: Collection[int]) -> dict[int, int]:
    """How many events of each kind. One query."""
    found = _counters(project_id, days, kinds).values_list("kind").annotate(sum=Sum("total"))
    return defaultdict(int, found)


def by_day(*, project_id: int, days: Days, kinds: Collection[int]) -> dict[int, list[int]]:
    """Of each kind the events of each day, in order. One query."""
    rows = (
        _counters(project_id, days, kinds)
        .annotate(day=TruncDate("hour", tzinfo=days.zone))
        .values_list("kind", "day")
        .annotate(sum=Sum("total"))
    )
    place = {day: number for number, day in enumerate(days.all)}
    found = {int(kind): [0] * len(place) for kind in kinds}
    for kind, day, total in rows:
        found[kind][place[day]] = total
    return found


def by_hour_of_week(*, project_id: int, days: Days, kinds: Collection[int]) -> list[list[int]]:
    """Seven lists, Monday first, of twenty-four numbers: the events of these kinds at that hour. One query."""
    rows = (
        _counters(project_id, days, kinds)
        .annotate(weekday=ExtractIsoWeekDay("hour", tzinfo=days.zone), at=ExtractHour("hour", tzinfo=days.zone))
        .values_list("weekday", "at")
        .annotate(sum=Sum("total"))
    )
    found = [[0] * 24 for _weekday in range(7)]
    for weekday, hour, total in rows:
        found[weekday - 1][hour] = total
    return found


def by_source(*, project_id: int, days: Days, kinds: Sequence[EventKind], source_kind: SourceKind) -> dict[int, dict[int, int]]:
    """The events of each kind of each campaign or journey. One query."""
    rows = (
        _counters(project_id, days, kinds)
        .filter(source_kind=source_kind)
        .values_list("source_id", "kind")
        .annotate(sum=Sum("total"))
    )
    found: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for source_id, kind, total in rows:
        found[source_id][kind] = total
    return found


def known_kinds(*, project_id: int, days: Days) -> dict[int, int]:
    """All kinds that occur, with their totals, the most frequent first. One query."""
    rows = Counter.objects.filter(days.hours, project_id=project_id, hit_class__in=COUNTED)
    return dict(rows.values_list("kind").annotate(sum=Sum("total")).order_by("-sum", "kind"))


def _counters(project_id: int, days: Days, kinds: Collection[int]):  # type: ignore[no-untyped-def]
    return Counter.objects.filter(days.hours, project_id=project_id, kind__in=kinds, hit_class__in=COUNTED)
