"""Answers from the lake: many events, read column by column by a process of their own. A minute or two behind."""

from __future__ import annotations

import datetime
import itertools
import zoneinfo

from django.db.models import Sum

from analytics.explorer import reading
from analytics.explorer.question import Answer, Question
from analytics.kpis.measures import COUNTED
from analytics.lake import sql
from analytics.models import Counter, LakeFile
from analytics.statistics.daily import Days

_UTC = zoneinfo.ZoneInfo("UTC")
_EVENT = """
    SELECT (epoch_ms(arrival_timestamp) + {ahead}) // {length} AS bucket, {group} AS name, endpoint_id AS who, {metric} AS metric
      FROM all_events
     WHERE coalesce(hit_class, 'none') <> 'scanner' AND arrival_timestamp >= {start} AND arrival_timestamp < {end}{conditions}
"""


def answer(question: Question) -> Answer:
    """Raises ``analytics.lake.sql.SqlRefused``: it is busy, the question needs too much, or files are missing."""
    files = sql.Part(question.kind, *_utc_days(question))
    found = sql.run(project_id=question.project_id, sql=reading.query(question, event=_event(question)), part=files)
    groups, total = reading.groups(question, found.rows)
    return Answer(groups, total, is_of_lake=True)


def share(question: Question) -> tuple[int, int]:
    """How many of the type's events of these days (UTC, whole ones) are in its files, and how many there were."""
    first, last = _utc_days(question)
    kept = LakeFile.objects.filter(
        project_id=question.project_id, kind=question.kind, replaced_at=None, day__gte=first, day__lte=last
    )
    counted = Counter.objects.filter(
        Days(first, last, _UTC).hours, project_id=question.project_id, kind=question.kind, hit_class__in=COUNTED
    )
    return tuple(rows.aggregate(sum=Sum(of))["sum"] or 0 for rows, of in ((kept, "rows"), (counted, "total")))  # type: ignore[return-value]


def _utc_days(question: Question) -> tuple[datetime.date, datetime.date]:
    buckets = question.buckets
    return buckets.start.date(), (buckets.end - datetime.timedelta(microseconds=1)).date()


def _event(question: Question) -> str:
    buckets = question.buckets
    conditions = [
        f"attributes[{_text(name)}] IN ({', '.join(_text(value) for value in values)})" for name, values in question.attributes
    ]
    conditions += [f"metrics[{_text(name)}] {_SIGNS[sign]} {float(value)!r}" for name, sign, value in question.metrics]
    return _EVENT.format(
        ahead=_ahead(question), length=buckets.grain.seconds * 1_000, start=_instant(buckets.start), end=_instant(buckets.end),
        group=f"coalesce(attributes[{_text(question.group)}], '')" if question.group else "''",
        metric=f"metrics[{_text(question.metric)}]" if question.measure.is_of_metric else "NULL::DOUBLE",
        conditions="".join(f" AND {one}" for one in conditions),
    )  # fmt: skip


_SIGNS = {"=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def _ahead(question: Question) -> str:
    """How many milliseconds the project's clocks are ahead of UTC at an event."""
    shifts = question.buckets.shifts()
    if len(shifts) == 1:
        return str(shifts[0][1] * 1_000)
    cases = [
        f"WHEN arrival_timestamp < {_instant(until)} THEN {ahead * 1_000}"
        for (_at, ahead), (until, _ahead) in itertools.pairwise(shifts)
    ]
    return f"CASE {' '.join(cases)} ELSE {shifts[-1][1] * 1_000} END"


def _instant(at: datetime.datetime) -> str:
    return f"TIMESTAMP '{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S}'"


def _text(value: str) -> str:
    """A name or value of the question as a literal: in DuckDB nothing but the quotation mark means anything in one."""
    return "'" + value.replace("'", "''") + "'"
