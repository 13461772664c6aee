"""An indicator's rows over a range of time: sums of counters and sizes of sets, however many events lie behind them.

Times are inclusive. Counters are kept by hour and sets by day (UTC): a range counts the hours, and of distinct endpoints the days, that
it touches. A group of which nothing is known has no row, and neither has a ratio over nothing.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _

from analytics.kpis import measures
from analytics.kpis.declarations import KPIS, Grain, Kpi, Scope
from analytics.kpis.measures import COUNTED, Events, Measure, Messages, Part, Ratio, Sms, Unique
from analytics.models import Counter, SendCounter, SmsCounter
from analytics.ports import public_ids
from analytics.reach_sets import sets_by
from core.errors import Refusal

DEFAULT_DAYS = 31
Group = Any  # what the rows are by: a date, a number, a text, or None


class KpiRefused(Refusal):
    """No such indicator, or a range that is none."""


@dataclass(frozen=True, slots=True)
class KpiRow:
    """``group``: the value of the group as a text, None without groups."""

    group: str | None
    value: float


@dataclass(frozen=True, slots=True)
class KpiResult:
    kpi: Kpi
    start: datetime.datetime
    end: datetime.datetime
    rows: list[KpiRow]


@dataclass(frozen=True, slots=True)
class _Asked:
    project_id: int
    kpi: Kpi
    start: datetime.datetime
    end: datetime.datetime
    source_id: int | None

    @property
    def hours(self) -> Q:
        first = self.start.replace(minute=0, second=0, microsecond=0)
        return self.whose & Q(hour__gte=first, hour__lte=self.end)

    @property
    def whose(self) -> Q:
        narrow = Q(project_id=self.project_id, source_kind__in=self.kpi.sources)
        return narrow if self.source_id is None else narrow & Q(source_id=self.source_id)


def kpi_result(
    *,
    project_id: int,
    scope: Scope,
    name: str,
    now: datetime.datetime,
    start: datetime.datetime | None = None,
    end: datetime.datetime | None = None,
    source_id: int | None = None,
) -> KpiResult:
    """``source_id``: the campaign or journey, for those scopes. Without a range: the last 31 days. Raises ``KpiRefused``."""
    kpi = KPIS[scope].get(name)
    if kpi is None:
        raise KpiRefused(_("There is no indicator “%(name)s”.") % {"name": name[:100]})
    last = (end or now).astimezone(datetime.UTC)
    first = (start or last - datetime.timedelta(days=DEFAULT_DAYS)).astimezone(datetime.UTC)
    if last < first:
        raise KpiRefused(_("The end is before the start."))
    asked = _Asked(project_id, kpi, first, last, source_id)
    found = {part: _part(asked, part) for part in measures.parts_of(kpi.measure)}
    groups = sorted({group for values in found.values() for group in values}, key=str)
    values = {group: _value(kpi.measure, {part: some.get(group, 0) for part, some in found.items()}) for group in groups}
    named = _named(asked, [group for group, value in values.items() if value is not None])
    rows = [KpiRow(named[group], value) for group, value in values.items() if value is not None]
    return KpiResult(kpi, first, last, rows)


def _value(measure: Measure, found: Mapping[Part, float]) -> float | None:
    if isinstance(measure, Ratio):
        of, by = _value(measure.of, found), _value(measure.by, found)
        return of / by if of is not None and by else None
    return max(sum(found[part] for part in measure.plus) - sum(found[part] for part in measure.minus), 0.0)


def _part(asked: _Asked, part: Part) -> dict[Group, float]:
    match part:
        case Events():
            rows = Counter.objects.filter(asked.hours, kind__in=part.kinds, hit_class__in=COUNTED)
            return _summed(asked, rows, "total")
        case Messages():
            sends = SendCounter.objects.filter(asked.hours, channel__in=part.channels)
            return _summed(asked, sends.filter(status__in=part.statuses) if part.statuses else sends, "total")
        case Sms():
            return _summed(asked, SmsCounter.objects.filter(asked.hours, kind__in=part.kinds), part.column)
        case Unique():
            return _distinct(asked, part)


_BY = {
    Grain.CAMPAIGN: "source_id", Grain.CAMPAIGN_ACTIVITY: "run_id", Grain.JOURNEY_ACTIVITY: "run_id", Grain.COUNTRY: "country",
    Grain.STATUS: "status",
}  # fmt: skip


def _summed(asked: _Asked, rows: Any, column: str) -> dict[Group, float]:
    grain = asked.kpi.grain
    if grain is Grain.NONE:
        total = rows.aggregate(sum=Sum(column))["sum"]
        return {} if total is None else {None: total}
    by = TruncDate("hour", tzinfo=datetime.UTC) if grain is Grain.DATE else F(_BY[grain])
    return dict(rows.annotate(by=by).values("by").annotate(sum=Sum(column)).values_list("by", "sum"))


def _distinct(asked: _Asked, part: Unique) -> dict[Group, float]:
    """By the group, and within it by run where the measure asks for that."""
    by = {Grain.NONE: None, Grain.DATE: "day"}.get(asked.kpi.grain, _BY.get(asked.kpi.grain))
    names = [name for name in (by, "run_id" if part.by_run else None) if name]
    narrow = asked.whose & Q(kind__in=part.kinds, hit_class__in=COUNTED, link_number=-1)
    found: dict[Group, float] = defaultdict(int)
    for key, members in sets_by(narrow, names, first=asked.start.date(), last=asked.end.date()).items():
        found[key[0] if by else None] += len(members)
    return found


def _named(asked: _Asked, groups: list[Group]) -> dict[Group, str | None]:
    """The groups as texts: public ids of campaigns and runs, days as ISO 8601 says them."""
    grain = asked.kpi.grain
    if grain is Grain.NONE:
        return dict.fromkeys(groups)
    if grain in (Grain.CAMPAIGN, Grain.CAMPAIGN_ACTIVITY, Grain.JOURNEY_ACTIVITY):
        runs = grain is not Grain.CAMPAIGN
        known: dict[int, str] = {}
        for found in public_ids.call(asked.project_id, asked.kpi.sources[0], groups, runs):
            known |= found
        return {group: known.get(group, str(group)) for group in groups}
    return {group: group.isoformat() if isinstance(group, datetime.date) else str(group) for group in groups}
