"""A members file of N rows through the whole import, beside a raw COPY of the same file into a table of texts."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

from django.core.files.base import File
from django.db import connection

from bench.memory import Watch
from bench.report import Figure, Report
from core import clock
from projects.models import Project
from segments.models import ImportJob, JobStatus
from segments.services import imports, running


def measure(*, report: Report, project: Project, file: Path, rows: int) -> ImportJob:
    """Import the file twice: new endpoints, then all of them unchanged. Returns the first job."""
    raw = _raw_copy(file)
    with Watch() as watch:
        seconds, job = _import(project, file, rows)
        again, _job = _import(project, file, rows)
    yard = {"yardstick": rows / raw, "yardstick_name": "raw COPY"}
    report.add(Figure(figure="import, new endpoints", value=rows / seconds, unit="rows/s", rows=rows, **yard))
    report.add(Figure(figure="import, nothing changed", value=rows / again, unit="rows/s", rows=rows, **yard))
    report.add(Figure(figure="import, all processes together", value=watch.peak, unit="MB", rows=rows, floor=4096))
    return job


def _import(project: Project, file: Path, rows: int) -> tuple[float, ImportJob]:
    with file.open("rb") as content:
        job = imports.create_upload_import(
            project=project, actor=project.created_by, upload=File(content, name=file.name), format="CSV", segment_name="",
            now=clock.now(),
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
