"""Who answers a question: the counters, the table, or the lake."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from django.db.models import Case, F, Sum, Value, When
from django.db.models.functions import TruncDate, TruncHour
from django.utils.translation import gettext as _

from analytics.explorer import lake, table
from analytics.explorer.question import Answer, Group, Question, QuestionRefused
from analytics.explorer.reading import MOST_GROUPS
from analytics.kpis.measures import COUNTED
from analytics.lake.sql import SqlRefused
from analytics.models import Counter, SourceKind
from analytics.statistics.buckets import Grain
from analytics.statistics.daily import totals

_LEAST_SHARE = 0.9  # of the events that the lake must have to answer


def answer(question: Question) -> Answer:
    """Raises ``QuestionRefused``. Of few events (``table.MOST_EVENTS``) the table tells; of many the lake, or else the newest of them."""
    if question.is_counted:
        return _counted(question)
    if question.is_by_campaign or not question.has_attributes:
        raise QuestionRefused(_("Only how many events there are is known by campaign, and of what the console itself writes."))
    events = totals(project_id=question.project_id, days=question.buckets.days, kinds=[question.kind])[question.kind]
    if events <= table.MOST_EVENTS:
        return table.answer(question)
    kept, counted = lake.share(question)
    if kept < _LEAST_SHARE * counted:
        reason = _("The lake has only %(kept)s of the %(counted)s events.") % {"kept": f"{kept:,}", "counted": f"{counted:,}"}
    else:
        try:
            return replace(lake.answer(question), missing=max(counted - kept, 0))
        except SqlRefused as refused:
            reason = refused.message
    return replace(table.newest(question, events=events), reason=reason)


def _counted(question: Question) -> Answer:
    """From the counters. One query."""
    buckets = question.buckets
    truncated = TruncDate if buckets.grain is Grain.DAY else TruncHour
    group = Case(When(source_kind=SourceKind.CAMPAIGN, then=F("source_id")), default=Value(0))
    rows = (
        Counter.objects.filter(buckets.days.hours, project_id=question.project_id, kind=question.kind, hit_class__in=COUNTED)
        .annotate(at=truncated("hour", tzinfo=buckets.days.zone), campaign=group if question.is_by_campaign else Value(0))
        .values_list("campaign", "at")
        .annotate(sum=Sum("total"))
    )
    found: dict[int, list[float | None]] = defaultdict(lambda: [0] * buckets.count)
    for campaign, at, total in rows:
        values = found[campaign]
        place = buckets.place(f"{at:%Y-%m-%d}" if buckets.grain is Grain.DAY else f"{at:%Y-%m-%d %H:%M}")
        assert place is not None  # the hours are those of the days
        values[place] = (values[place] or 0) + total
    groups = [Group(str(campaign or ""), values, sum(one or 0 for one in values)) for campaign, values in found.items()]
    groups.sort(key=lambda one: (-(one.total or 0), one.name))
    groups = _with_rest(groups) or [Group("", [0] * buckets.count, 0)]
    return Answer(groups, sum(one.total or 0 for one in groups))


def _with_rest(groups: list[Group]) -> list[Group]:
    if len(groups) <= MOST_GROUPS:
        return groups
    rest = groups[MOST_GROUPS:]
    values = [sum(one or 0 for one in column) for column in zip(*(one.values for one in rest), strict=True)]
    return [*groups[:MOST_GROUPS], Group("", values, sum(one.total or 0 for one in rest), is_rest=True)]
