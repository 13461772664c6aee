"""``make bench``: BENCH=imports,segments,sending,events,api,web,pages,rendering chooses, BENCH_ROWS says how many endpoints (100,000).

``events`` is all of ``hits``, ``numbers``, ``lake`` and ``stream``, each of which can be chosen by itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LAKE = 500  # events of an endpoint, in the lake
_OF_EVENTS = ("hits", "numbers", "lake", "stream")
_NEED_NO_ROWS = {"rendering", "api", "web", *_OF_EVENTS}
AREAS = ("rendering", "events", *_OF_EVENTS, "api", "web", "imports", "segments", "sending", "pages")


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    import django

    django.setup()
    from django.db import connection

    from bench.report import Report

    rows = int(os.environ.get("BENCH_ROWS", "100000"))
    wanted = [area for area in os.environ.get("BENCH", ",".join(AREAS)).split(",") if area]
    unknown = set(wanted) - set(AREAS)
    if unknown:
        print(f"BENCH knows {', '.join(AREAS)}; not {', '.join(sorted(unknown))}.")
        return 2
    if "events" in wanted:
        wanted += _OF_EVENTS
    folder = Path(__file__).resolve().parent.parent / "var" / "bench"
    report = Report(folder / "latest.jsonl")
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        _conditions(rows)
        _measure(report, wanted, rows, folder)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    for figure in report.missed:
        beside = f", ratio {figure.ratio}, floor {figure.ratio_floor}" if figure.ratio_floor else ""
        floor = f", floor {figure.floor:,.1f}" if figure.floor is not None else ""
        print(f"MISSED: {figure.figure}: {figure.value:,.1f} {figure.unit}{floor}{beside}")
    return 1 if report.missed else 0


def _conditions(rows: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for setting in ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"):
            cursor.execute(f"SHOW {setting}")
            print(f"{setting} = {cursor.fetchone()[0]}", end="   ")
    print(f"\n{os.cpu_count()} cores, {rows:,} rows", flush=True)


def _measure(report, wanted: list[str], rows: int, folder: Path) -> None:  # type: ignore[no-untyped-def]
    from bench import api, crowd, events, imports, lake, makeup, pages, rendering, segments, sending, stream, web_pages
    from bench.sample import members_csv
    from core import clock
    from projects.models import User
    from projects.services.projects import create_project

    if "rendering" in wanted:
        rendering.measure(report=report)
    owner = User.objects.create_user("bench@example.com", None)
    made = [
        create_project(actor=owner, name=name, description="", time_zone="Asia/Seoul", now=clock.now())
        for name in ("bench", "events", "makeup", "api")
    ]
    if "hits" in wanted:
        events.measure_hits(report=report)
    if "stream" in wanted:
        stream.measure(report=report)
    if "lake" in wanted:  # before there are many events, which it would carry, too
        lake.measure(report=report, events=rows * _LAKE)
    if "numbers" in wanted:
        events.measure_numbers(report=report, project=made[1])
        makeup.measure(report=report, project=made[2])
    if "api" in wanted:
        api.measure(report=report, project=made[3])
    if "web" in wanted:
        web_pages.measure(report=report, project=made[1])
    if set(wanted) <= {"events"} | _NEED_NO_ROWS:
        return
    project = made[0]
    file = members_csv(rows=rows, folder=folder)
    job = imports.measure(report=report, project=project, file=file, rows=rows)  # the others need its endpoints
    assert job.segment is not None
    segment_id = job.segment.public_id
    if "segments" in wanted:
        segments.measure(report=report, project=project, base=segment_id, rows=rows)
    campaign = sending.measure(report=report, project=project, segment_id=segment_id) if "sending" in wanted else None
    if "pages" in wanted:
        pages.measure(report=report, project=project, segment_id=segment_id, campaign=campaign, rows=rows)
        crowd.measure(report=report, owner_of=project)


if __name__ == "__main__":
    sys.exit(main())
