"""The count under the segment builder (matching and eligible): beside SQL by hand, over many millions, while others write.

``BENCH_FACET_ROWS`` (10 million) says how many endpoints the large count is over. Only their facets are made, at random: the
count reads nothing else.
"""

from __future__ import annotations

import datetime
import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction

from bench.facets import make_facet
from bench.report import Figure, Report
from core import clock
from endpoints import facets
from endpoints.facets import folding, reading
from endpoints.models import FacetDelta
from projects.models import Project
from projects.services.projects import create_project
from segments import queries
from segments.evaluation import indexed

WRITERS = 8
WRITING_SECONDS = 8.0
STORES = 5_000
DAYS = 4_000  # distinct sign-up days
RANGE = 2_000  # days that the range spans
FIRST_DAY = datetime.date(2015, 1, 1)

_ROOT = Path(__file__).resolve().parent.parent
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
    _fold_all()

    def by_hand() -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(_BY_HAND, [project.pk])
            matching, eligible = cursor.fetchone()
        return matching, eligible

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
    _without_facets(report, project, rows)
    _while_others_write(report, project, rows)
    _over_millions(report, project, int(os.environ.get("BENCH_FACET_ROWS", "10000000")))


def _environment() -> dict[str, str]:
    """For a process that works on the benchmark's database."""
    return os.environ | {"BENCH_DATABASE": str(connection.settings_dict["NAME"]), "LOG_LEVEL": "WARNING"}


def _fold_all() -> None:
    """What the tick has done by the time somebody looks at a segment: after every import, of other projects too."""
    for project in Project.objects.all():
        while FacetDelta.objects.filter(subject__project=project).exists():
            folding.fold_project(project_id=project.pk)


def _count(project: Project, *dimensions: dict[str, Any]) -> queries.Counts:
    document = {"SegmentGroups": {"Groups": [{"Type": "ALL", "Dimensions": list(dimensions)}]}}
    return queries.document_counts(project=project, document=document, now=clock.now())


def _without_facets(report: Report, project: Project, rows: int) -> None:
    """Amounts and names have too many values for facets: one scan."""
    changes = facets.Changes()
    for name in ("MBR_FULLNM", "age"):  # the sample's people share few names and ages
        changes.give_up(facets.Subject(facets.SubjectKind.USER_ATTRIBUTE, name))
    with transaction.atomic():
        changes.record(project_id=project.pk)
    spend = {"Metrics": {"spend": {"ComparisonOperator": "GREATER_THAN", "Value": 5000}}}
    part = {"UserAttributes": {"MBR_FULLNM": {"AttributeType": "CONTAINS", "Values": ["민"]}}}
    filters: list[tuple[str, dict[str, Any]]] = [("a range of a metric", spend), ("a part of a name", part)]
    for share, until in (("a seventh", 29), ("half", 54)):
        age = {"ComparisonOperator": "BETWEEN", "Value": 20, "To": until}
        filters.append((f"a range of texts that {share} meet", {"Pabal": {"UserAttributesAsNumber": {"age": age}}}))
    for name, dimension in filters:
        value = _milliseconds(functools.partial(_count, project, dimension))
        report.add(Figure(figure=f"count, {name} without facets", value=value, unit="ms", rows=rows, goal=300, floor=600))


def _while_others_write(report: Report, project: Project, rows: int) -> None:
    command = [sys.executable, "-m", "bench.updater", str(project.pk), str(rows), str(WRITING_SECONDS)]
    writers = [
        subprocess.Popen(command, env=_environment(), cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _number in range(WRITERS)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()  # it is ready
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        times = _counts_and_ticks(project)
        written = sum(int(writer.communicate()[0]) for writer in writers)
        if any(writer.returncode for writer in writers):
            raise RuntimeError("a writer failed")
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    report.add(
        Figure(figure=f"updates of one endpoint, {WRITERS} writers", value=written / WRITING_SECONDS, unit="updates/s", rows=rows,
               goal=1_500, floor=700)
    )  # fmt: skip
    report.add(Figure(figure="count while they write, p95", value=_p95(times), unit="ms", rows=rows))


def _counts_and_ticks(project: Project) -> list[float]:
    """A count four times a second, the tick once, until the writers stop."""
    times: list[float] = []
    ticked = time.perf_counter()
    end = ticked + WRITING_SECONDS
    while (begun := time.perf_counter()) < end:
        _count(project, _signed_up(len(times)))
        times.append(1000 * (time.perf_counter() - begun))
        if time.perf_counter() > ticked + 1:
            folding.fold_due(now=clock.now())
            ticked = time.perf_counter()
        time.sleep(0.25)
    return times


def _signed_up(turn: int) -> dict[str, Any]:
    """A range that is another one each turn, as when somebody drags it."""
    first = FIRST_DAY + datetime.timedelta(days=turn)
    ends = [f"{day.isoformat()}T00:00:00Z" for day in (first, first + datetime.timedelta(days=RANGE - 1))]
    return {"Attributes": {"signup": {"AttributeType": "BETWEEN", "Values": ends}}}


def _over_millions(report: Report, project: Project, rows: int) -> None:
    assert project.created_by is not None
    large = create_project(actor=project.created_by, name="bench", description="", time_zone="Asia/Seoul", now=clock.now())
    _make_facets(large, rows)

    def count(turn: int) -> float:
        begun = time.perf_counter()
        counts = three_filters(large, turn)
        taken = 1000 * (time.perf_counter() - begun)
        if not 0 < counts.eligible < counts.matching < rows:
            raise RuntimeError(f"{counts} of {rows}")
        return taken

    def cold(turn: int) -> float:
        """As in a process that has answered nothing yet."""
        reading.forget()
        indexed.forget()
        return count(turn)

    count(0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE endpoints_facetchunk, endpoints_facetsubject, endpoints_facetdelta")
    figure = "count, three filters, {}, p95"
    new = [_in_new_process(large, turn) for turn in range(10)]
    report.add(Figure(figure=figure.format("first of a new process"), value=_p95(new), unit="ms", rows=rows, goal=60, floor=200))
    caches = [cold(turn) for turn in range(20)]
    report.add(Figure(figure=figure.format("empty caches"), value=_p95(caches), unit="ms", rows=rows, goal=60, floor=200))
    warm = [count(turn) for turn in range(40)]
    report.add(Figure(figure=figure.format("warm"), value=_p95(warm), unit="ms", rows=rows, goal=30, floor=100))


def three_filters(project: Project, turn: int) -> queries.Counts:
    """On attributes with up to 5,000 values, one a range over 2,000 of them; other ones each turn."""
    store = {"AttributeType": "INCLUSIVE", "Values": [f"매장-{number}" for number in range(turn, turn + 90)]}
    grade = {"AttributeType": "INCLUSIVE", "Values": ["A", "B"]}
    return _count(project, {"Attributes": {"store": store}}, {"UserAttributes": {"grade": grade}}, _signed_up(turn))


def _in_new_process(project: Project, turn: int) -> float:
    command = [sys.executable, "-m", "bench.counter", str(project.pk), str(turn)]
    return float(subprocess.run(command, env=_environment(), cwd=_ROOT, capture_output=True, text=True, check=True).stdout)


def _make_facets(project: Project, rows: int) -> None:
    chance = np.random.default_rng(7)
    ids = np.arange(1, rows + 1)
    standard, attribute = facets.SubjectKind.STANDARD, facets.SubjectKind.ATTRIBUTE
    days = [f"{(FIRST_DAY + datetime.timedelta(days=day)).isoformat()}T00:00:00Z" for day in range(DAYS)]
    made: list[tuple[facets.Subject, list[str]]] = [
        (facets.EVERYONE, [""]),
        (facets.ADDRESS, ["set"]),
        (facets.Subject(standard, "Demographic.Channel"), ["EMAIL"]),
        (facets.Subject(standard, "EndpointStatus"), ["ACTIVE"]),
        (facets.Subject(standard, "OptOut"), ["NONE"] * 49 + ["ALL"]),
        (facets.Subject(facets.SubjectKind.USER_ATTRIBUTE, "grade"), list("ABCDEF")),
        (facets.Subject(attribute, "store"), [f"매장-{number}" for number in range(STORES)]),
        (facets.Subject(attribute, "signup"), days),
    ]
    for subject, values in made:
        make_facet(project, subject, values, chance.integers(0, len(values), rows, dtype=np.int16), ids)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1) + 0.5)]


def _milliseconds(ask: Callable[[], object]) -> float:
    """The median of five."""
    times = []
    for _turn in range(5):
        begun = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)
