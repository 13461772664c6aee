"""Members files of N rows through the whole import, beside a raw COPY of the same file into a table of texts."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

from django.core.files.base import File
from django.db import connection

from bench.memory import Watch
from bench.report import ENOUGH_ROWS, Figure, Report
from bench.sample import members, one_in_ten_changed
from core import clock
from projects.models import Project
from projects.services.projects import create_project
from segments.models import ImportJob, JobStatus
from segments.services import imports, running

_TABLES = ("endpoints_endpoint", "endpoints_endpointuser", "endpoints_optoutentry")


def measure(*, report: Report, project: Project, file: Path, rows: int) -> ImportJob:
    """Import the file: new endpoints, all of them unchanged, one in ten changed; then other shapes. Returns the first job."""
    raw = rows / _raw_copy(file)
    before = _size()
    with Watch() as watch:
        created, job = _import(project, file, rows)
    connection.cursor().execute("CHECKPOINT")
    size = (_size() - before) / rows
    unchanged, _job = _import(project, file, rows)
    changed, _job = _import(project, one_in_ten_changed(file), rows)
    _rate(report, "import, new endpoints", rows / created, raw, goal=40_000, floor=25_000, rows=rows)
    _rate(report, "import, nothing changed", rows / unchanged, raw, goal=100_000, floor=50_000, rows=rows)
    _rate(report, "import, one row in ten changed", rows / changed, raw, goal=60_000, floor=30_000, rows=rows)
    report.add(
        Figure(
            figure="bytes of an endpoint, users and indexes",
            value=size,
            unit="bytes",
            rows=rows,
            goal=700,
            floor=1024,
            floor_rows=ENOUGH_ROWS,
        )
    )
    report.add(Figure(figure="memory of the import worker (PSS)", value=watch.own, unit="MB", rows=rows, goal=400, floor=700))
    report.add(Figure(figure="import, all processes together", value=watch.peak, unit="MB", rows=rows, floor=4096))
    lines = members(rows=rows, folder=file.parent, ending="jsonl")
    seconds, _job = _import(_other(project), lines, rows)
    csv_rate = rows / created
    figure = "import of JSON lines, new endpoints"
    report.add(
        Figure(figure=figure, value=rows / seconds, unit="rows/s", rows=rows, yardstick=csv_rate, yardstick_name="CSV",
               goal=0.7 * csv_rate, floor=0.5 * csv_rate, floor_rows=ENOUGH_ROWS)
    )  # fmt: skip
    shared = members(rows=rows, folder=file.parent, per_user=3, stores=5000)
    raw = rows / _raw_copy(shared)
    other = _other(project)
    seconds, _job = _import(other, shared, rows)
    _rate(report, "import, three endpoints a user, lists", rows / seconds, raw, goal=40_000, floor=25_000, rows=rows)
    seconds, _job = _import(other, shared, rows)
    _rate(report, "  the same, nothing changed", rows / seconds, raw, goal=100_000, floor=50_000, rows=rows)
    return job


def _other(project: Project) -> Project:
    assert project.created_by is not None
    return create_project(actor=project.created_by, name="bench", description="", time_zone="Asia/Seoul", now=clock.now())


def _rate(report: Report, figure: str, value: float, raw: float, *, goal: float, floor: float, rows: int) -> None:
    report.add(
        Figure(
            figure=figure,
            value=value,
            unit="rows/s",
            rows=rows,
            yardstick=raw,
            yardstick_name="raw COPY",
            goal=goal,
            floor=floor,
            floor_rows=ENOUGH_ROWS,
        )
    )


def _import(project: Project, file: Path, rows: int) -> tuple[float, ImportJob]:
    with file.open("rb") as content:
        job = imports.create_upload_import(
            project=project, actor=project.created_by, upload=File(content, name=file.name),
            format="CSV" if file.suffix == ".csv" else "JSON", segment_name="", now=clock.now(),
        )  # fmt: skip
    begun = time.perf_counter()
    running.run_job(job_id=job.pk, clock=clock.now)
    seconds = time.perf_counter() - begun
    job.refresh_from_db()
    if (job.status, job.total_processed, job.total_failures) != (JobStatus.COMPLETED, rows, 0):
        raise RuntimeError(
            f"the import ended {job.status}, {job.total_processed} rows, {job.total_failures} refused: {job.failure}"
        )
    return seconds, job


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE relname = ANY(%s) OR relname LIKE %s",
                       [list(_TABLES), "endpoints_facet%"])  # fmt: skip
        return int(cursor.fetchone()[0])


def _raw_copy(file: Path) -> float:
    with file.open(encoding="utf-8") as lines:
        columns = next(csv.reader(io.StringIO(next(lines))))
    with connection.cursor() as cursor, file.open(encoding="utf-8") as lines:
        cursor.execute(f"CREATE TABLE bench_raw ({', '.join(f'c{number} text' for number in range(len(columns)))})")
        begun = time.perf_counter()
        cursor.copy_expert("COPY bench_raw FROM STDIN WITH (FORMAT csv, HEADER)", lines)
        seconds = time.perf_counter() - begun
        cursor.execute("DROP TABLE bench_raw")
    return seconds
