"""Counters = events."""

from __future__ import annotations

from django.db import connection

from analytics.models import kind_label
from core.invariants import Broken, Finding

# One statement, hence one moment: counters move with the events. Reads every event of the project.
_ROLLUPS = """
    WITH happened AS (
        SELECT coalesce(run_id, 0) AS run_id, kind, count(*) AS total FROM analytics_event
         WHERE project_id = %(project)s GROUP BY 1, 2),
    counted AS (
        SELECT run_id, kind, sum(total) AS total FROM analytics_counter WHERE project_id = %(project)s GROUP BY 1, 2)
    SELECT run_id, kind, coalesce(counted.total, 0), coalesce(happened.total, 0)
      FROM counted FULL JOIN happened USING (run_id, kind) ORDER BY 1, 2
"""


def rollups(*, project_id: int, has_erased: bool) -> Finding:
    """The runs and kinds of which more or fewer events are counted than there are.

    ``has_erased``: somebody of the project was erased. Events of such a person are gone and the numbers stay, so there may be fewer.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROLLUPS, {"project": project_id})
        rows = cursor.fetchall()
    broken = [
        Broken("rollup", {"run": run_id, "kind": kind_label(kind), "counted": int(counted), "events": events})
        for run_id, kind, counted, events in rows
        if events > counted or (events < counted and not has_erased)
    ]
    return Finding(checked=len(rows), broken=broken)
