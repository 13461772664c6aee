"""What happened by one more thing, the receiving domain or the program that opened: sums of counters, by days of UTC."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection

from analytics.hit_classes import COUNTED
from analytics.models import Detail, EventKind

# With what waits to be folded in, in one statement: nothing is missed or doubled meanwhile.
_ROWS = """
    SELECT {what}, sum(total) FROM (
        SELECT value, kind, hit_class, day, total FROM analytics_detailcounter WHERE {narrow}
         UNION ALL
        SELECT one.value, kind, hit_class, day, one.total
          FROM analytics_detailaddition CROSS JOIN LATERAL unnest(numbers, totals) AS one (value, total) WHERE {narrow}) AS counted
     WHERE {wanted} GROUP BY {what}
"""
_NARROW = "project_id = %(project)s AND detail = %(detail)s AND day BETWEEN %(first)s AND %(last)s AND kind = ANY(%(kinds)s)"
_OF_CAMPAIGN = " AND source_kind = 1 AND source_id = %(campaign)s"
_CLASSES = f"(kind NOT IN ({EventKind.EMAIL_OPEN:d}, {EventKind.EMAIL_CLICK:d}) OR hit_class = ANY(%(classes)s))"
_VALUES = " AND value = ANY(%(values)s)"


@dataclass(frozen=True, slots=True)
class Looked:
    """Which counters: a project's, or those of one of its campaigns, from ``first`` to ``last`` (days of UTC, both counted)."""

    project_id: int
    detail: Detail
    first: datetime.date
    last: datetime.date
    campaign_id: int | None = None
    classes: Collection[int] = COUNTED


def totals(*, looked: Looked, kinds: Collection[int]) -> dict[int, dict[int, int]]:
    """Value → kind → how many. One query."""
    found: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for value, kind, total in _asked(looked, kinds, "value, kind"):
        found[value][kind] = int(total)
    return found


def by_class(*, looked: Looked, kinds: Collection[int]) -> dict[tuple[int, int, int], int]:
    """(value, kind, class) → how many. One query."""
    return {(value, kind, hit): int(total) for value, kind, hit, total in _asked(looked, kinds, "value, kind, hit_class")}


def by_day(
    *, looked: Looked, kinds: Collection[int], values: Collection[int]
) -> dict[tuple[int, int, datetime.date], int]:  # fmt: skip
    """(value, kind, day) → how many, of these values. One query."""
    rows = _asked(looked, kinds, "value, kind, day", _VALUES, values=list(values))
    return {(value, kind, day): int(total) for value, kind, day, total in rows}


def days_of(*, looked: Looked) -> tuple[datetime.date, datetime.date] | None:
    """The first and the last day of which anything is counted; None where nothing is."""
    given: dict[str, Any] = {"project": looked.project_id, "detail": int(looked.detail), "campaign": looked.campaign_id}
    narrow = "project_id = %(project)s AND detail = %(detail)s" + (_OF_CAMPAIGN if looked.campaign_id is not None else "")
    tables = ("analytics_detailcounter", "analytics_detailaddition")
    query = " UNION ALL ".join(f"SELECT min(day) AS first, max(day) AS last FROM {table} WHERE {narrow}" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(first), max(last) FROM ({query}) AS found", given)
        first, last = cursor.fetchone()
    return None if first is None else (first, last)


def _asked(looked: Looked, kinds: Collection[int], what: str, more: str = "", **values: Any) -> list[tuple[Any, ...]]:
    narrow = _NARROW + (_OF_CAMPAIGN if looked.campaign_id is not None else "")
    given: dict[str, Any] = {
        "project": looked.project_id, "detail": int(looked.detail), "first": looked.first, "last": looked.last,
        "kinds": [int(kind) for kind in kinds], "campaign": looked.campaign_id, "classes": [int(one) for one in looked.classes],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(what=what, narrow=narrow, wanted=_CLASSES + more), given | values)
        return list(cursor.fetchall())
