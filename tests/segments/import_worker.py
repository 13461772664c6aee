"""A process of its own for the test that kills: ``begin URL`` asks for an import, ``work`` carries it on to its end, ``fold`` folds facets
until then, as the tick does, ``report`` tells."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import django
from django.db import Error, connection

django.setup()

from core import clock  # noqa: E402
from core.audience import Audience  # noqa: E402
from endpoints.facets import folding  # noqa: E402
from endpoints.models import Endpoint  # noqa: E402
from projects.models import User  # noqa: E402
from projects.services.projects import create_project  # noqa: E402
from segments.models import ImportJob, JobStatus  # noqa: E402
from segments.services import imports, running  # noqa: E402


def begin(url: str) -> None:
    owner = User.objects.create_user("owner@example.com", None)
    project = create_project(actor=owner, name="kills", description="", time_zone="Asia/Seoul", now=clock.now())
    imports.create_s3_import(project=project, actor=None, s3_url=url, connection=None, now=clock.now())


def work() -> None:
    _until_the_end(_carry_on)


def fold() -> None:
    _until_the_end(lambda: folding.fold_due(now=clock.now()))


def _carry_on() -> None:
    for job_id in running.due_jobs(now=clock.now()):
        running.run_job(job_id=job_id, clock=clock.now)


def _until_the_end(step: Callable[[], object]) -> None:
    while True:
        try:
            step()
            if ImportJob.objects.get().status in (JobStatus.COMPLETED, JobStatus.FAILED):
                return
        except Error:
            connection.close()  # the server is away; a worker waits for it
        time.sleep(0.05)


def report() -> None:
    job = ImportJob.objects.get()
    members = job.segment.versions.get().members if job.segment else Audience()
    document = {
        "status": job.status, "failure": job.failure, "processed": job.total_processed, "refused": job.total_failures,
        "listed": job.refused_lines.count(), "pieces": job.total_pieces, "completed": job.completed_pieces,
        "begun": sum(job.pieces.values_list("epoch", flat=True)),
        "members": len(members), "is_everyone": sorted(members) == sorted(Endpoint.objects.values_list("pk", flat=True)),
        "endpoints": {row[0]: [row[1], row[2]] for row in Endpoint.objects.values_list("endpoint_id", "attributes", "user__attributes")},
    }  # fmt: skip
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    {"begin": begin, "work": work, "fold": fold, "report": report}[sys.argv[1]](*sys.argv[2:])
