"""A folder of thousands of small files in one import: 10,000 with ``make soak``, some hundreds else."""

from __future__ import annotations

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from endpoints.models import Endpoint
from projects.models import Project
from segments.models import ImportJob, ImportPiece, JobStatus
from segments.services import connections, imports, running
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
FILES = 9_900 if os.environ.get("PABAL_SOAK") else 300  # and one in a hundred of the other format beside them
LINES = 3
_PEAK_MB = 400  # of the whole test process; what it may grow by over a folder of ten thousand


@pytest.fixture
def project(settings: Any) -> Project:
    settings.CELERY_BROKER_URL = "memory://"
    return make_project()


def put(s3: Any, count: int) -> None:
    """Each file has some lines of its own, a refused one, and a column that is ignored."""

    def one(number: int) -> None:
        lines = [f"f{number}-{line},EMAIL,f{number}-{line}@example.com,ACTIVE,{number % 7}" for line in range(LINES)]
        text = "\n".join(["Id,ChannelType,Address,EndpointStatus,Attributes.group", *lines, f"x{number},FAX,x@example.com,,"])
        s3.put_object(Bucket="sample-audience", Key=f"many/{number:05}.csv", Body=text.encode())
        if number % 100 == 0:
            s3.put_object(Bucket="sample-audience", Key=f"many/{number:05}.json", Body=b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(count)))


def ordered(project: Project) -> ImportJob:
    connection = connections.create_connection(
        project=project, actor=project.created_by, name="bucket", access_key_id="test", secret_access_key="test", now=clock.now()
    )
    return imports.create_s3_import(
        project=project, actor=project.created_by, s3_url="s3://sample-audience/many/", connection=connection, now=clock.now()
    )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_folder_of_many_files_is_one_import_in_flat_memory(
    project: Project, s3: Any, django_assert_max_num_queries: Any
) -> None:
    put(s3, FILES)
    job, before, began = ordered(project), peak_mb(), time.monotonic()

    running.run_job(job_id=job.pk, clock=clock.now)

    print(f"{FILES} files in {time.monotonic() - began:.1f} s, {peak_mb() - before:.0f} MB more")
    job.refresh_from_db()
    assert (job.status, job.failure) == (JobStatus.COMPLETED, None)
    assert (job.total_pieces, job.completed_pieces) == (FILES, FILES)
    assert (job.total_processed, job.total_failures) == (FILES * (LINES + 1), FILES)
    assert job.segment is not None
    assert len(job.segment.versions.get().members) == FILES * LINES == Endpoint.objects.count()
    assert peak_mb() - before < _PEAK_MB
    client = Client()
    client.force_login(project.created_by)
    with django_assert_max_num_queries(15):
        page = client.get(
            reverse("segments:show-import", args=[project.public_id, job.public_id]), headers={"HX-Request": "true"}
        )
    assert len(page.content) < 60_000, "asked for every second: it must not grow with the number of files"
    assert "many/00000.json" in page.content.decode()


def test_a_cancelled_folder_stops_between_two_files(project: Project, s3: Any) -> None:
    put(s3, 60)
    job, asked = ordered(project), iter(range(10_000))

    def now() -> Any:
        if next(asked) == 40:
            imports.cancel_import(job=ImportJob.objects.get(pk=job.pk), actor=project.created_by, now=clock.now())
        return clock.now()

    running.run_job(job_id=job.pk, clock=now)

    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert ImportPiece.objects.filter(job=job, state=ImportPiece.State.DONE).count() < 60
