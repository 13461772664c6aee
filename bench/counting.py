"""The count under the segment builder (matching and eligible), beside the same question written by hand in SQL."""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from bench.report import Figure, Report
from projects.models import Project
from segments import queries

_BY_HAND = """
    SELECT count(*), count(*) FILTER (WHERE e.status = 'ACTIVE' AND e.opt_out = 'NONE' AND e.address <> '')
      FROM endpoints_endpoint e JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s AND u.attributes->'status' ? '정상' AND u.attributes->'type' ? '직원'
"""


def filtered(base: str) -> dict[str, Any]:
    """The segment of the samples: status is 정상 and type is 직원."""
    attributes = {
        name: {"AttributeType": "INCLUSIVE", "Values": [value]} for name, value in (("status", "정상"), ("type", "직원"))
    }
    group = {"SourceSegments": [{"Id": base}], "Type": "ALL", "Dimensions": [{"UserAttributes": attributes}]}
    return {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}


def measure(*, report: Report, project: Project, base: str, rows: int) -> None:
    def by_hand() -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(_BY_HAND, [project.pk])
            return cursor.fetchone()

    def counted() -> tuple[int, int]:
        counts = queries.document_counts(project=project, document=filtered(base), now=datetime.datetime.now(datetime.UTC))
        return counts.matching, counts.eligible

    if counted() != by_hand():
        raise RuntimeError(f"{counted()} counted, {by_hand()} by hand")
    yardstick, value = _milliseconds(by_hand), _milliseconds(counted)
    report.add(
        Figure(
            figure="count of a dynamic segment",
            value=value,
            unit="ms",
            rows=rows,
            yardstick=yardstick,
            yardstick_name="SQL by hand",
        )
    )


def _milliseconds(ask: Callable[[], object]) -> float:
    """The median of five."""
    times = []
    for _turn in range(5):
        begun = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)
