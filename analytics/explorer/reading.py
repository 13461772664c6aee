"""The one query that answers a question, whoever runs it: PostgreSQL over the table, or DuckDB over the lake's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from analytics.explorer.question import Group, Measure, Question

MOST_GROUPS = 8  # lines that are told apart; all others are one
# ``event`` has a row an event: bucket, name (of its group, or the empty text), who, metric.
_ANSWER = """
  top AS (SELECT name, row_number() OVER (ORDER BY {rank} DESC, name) AS place FROM event GROUP BY name ORDER BY place LIMIT {most})
SELECT event.bucket, top.place, top.name, {measure}, grouping(event.bucket) + 2 * grouping(top.place) AS level
  FROM event LEFT JOIN top ON top.name = event.name
 GROUP BY GROUPING SETS ((event.bucket, top.place, top.name), (top.place, top.name), ())
"""
_MEASURES = {
    Measure.EVENTS: "count(*)",
    Measure.ENDPOINTS: "count(DISTINCT event.who)",
    Measure.SUM: "coalesce(sum(event.metric), 0)",
    Measure.AVERAGE: "avg(event.metric)",
    Measure.LEAST: "min(event.metric)",
    Measure.GREATEST: "max(event.metric)",
}
_RANKS = {Measure.SUM: "coalesce(sum(metric), 0)"}  # of all others: how many events
_OF_BUCKET, _OF_GROUP, _OF_ALL = 0, 1, 3


def query(question: Question, *, event: str) -> str:
    """``event``: a SELECT of the columns above."""
    rest = _ANSWER.format(
        rank=_RANKS.get(question.measure, "count(*)"), most=MOST_GROUPS, measure=_MEASURES[question.measure],
    )  # fmt: skip
    return f"WITH event AS MATERIALIZED ({event}),\n{rest}"


def groups(question: Question, rows: Iterable[Sequence[Any]], *, known_from: int = 0) -> tuple[list[Group], float | None]:
    """The answer's lines and the whole, of the query's rows. Buckets before ``known_from`` are not known."""
    nothing = 0 if question.measure.is_total else None
    empty = [None if number < known_from else nothing for number in range(question.buckets.count)]
    names: dict[int | None, str] = {}
    values: dict[int | None, list[float | None]] = {}
    totals: dict[int | None, float | None] = {}
    whole: float | None = nothing
    for bucket, place, name, value, level in rows:
        if level == _OF_ALL:
            whole = value if value is not None else nothing
        elif level == _OF_GROUP:
            totals[place] = value
        else:
            names[place] = name or ""
            number = int(bucket) - question.buckets.first
            if known_from <= number < question.buckets.count:
                values.setdefault(place, list(empty))[number] = value
    order = sorted(one for one in totals if one is not None) + ([None] if None in totals else [])
    found = [Group(names.get(one, ""), values.get(one, list(empty)), totals[one], one is None) for one in order]
    return found or [Group("", list(empty), nothing)], whole
