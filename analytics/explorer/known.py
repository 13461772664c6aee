"""Which attributes and metrics the events of a type have, as their newest tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from analytics.statistics.buckets import Buckets

_SAMPLE = 2_000  # newest events that are looked at
_NEWEST = f"""
    SELECT data FROM analytics_event
     WHERE project_id = %(project)s AND kind = %(kind)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
     ORDER BY occurred_at DESC LIMIT {_SAMPLE}
"""
_NAMES = f"""
    WITH newest AS MATERIALIZED ({_NEWEST})
    SELECT part, name, count(*) FROM newest
     CROSS JOIN LATERAL (VALUES ('attributes', data->'attributes'), ('metrics', data->'metrics')) AS held (part, pairs)
     CROSS JOIN LATERAL jsonb_object_keys(CASE jsonb_typeof(pairs) WHEN 'object' THEN pairs ELSE '{{}}' END) AS name
     GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
_VALUES = f"""
    SELECT value, count(*) FROM ({_NEWEST}) AS newest CROSS JOIN LATERAL (SELECT data->'attributes'->>%(name)s) AS held (value)
     WHERE value <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50
"""


@dataclass(frozen=True, slots=True)
class Known:
    """Names, the most frequent first. One that few events have may be missing."""

    attributes: Sequence[str]
    metrics: Sequence[str]


def known_names(*, project_id: int, kind: int, buckets: Buckets) -> Known:
    """One query, however many events there are."""
    rows = _asked(_NAMES, project_id, kind, buckets)
    return Known(
        [name for part, name, _count in rows if part == "attributes"], [name for part, name, _count in rows if part == "metrics"]
    )


def known_values(*, project_id: int, kind: int, buckets: Buckets, name: str) -> list[str]:
    """Values of an attribute, likewise."""
    return [value for value, _count in _asked(_VALUES, project_id, kind, buckets, name)]


def _asked(query: str, project_id: int, kind: int, buckets: Buckets, name: str = "") -> Sequence[tuple[str, ...]]:
    given: dict[str, Any] = {"project": project_id, "kind": kind, "start": buckets.start, "end": buckets.end, "name": name}
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return list(cursor.fetchall())
