"""Import jobs for tests: ordered, and carried out in this process."""

from __future__ import annotations

import datetime

from django.core.files.base import ContentFile

from core import clock
from projects.models import Project
from segments.models import Connection, ImportJob
from segments.services import connections, imports, running

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


def connect(project: Project) -> Connection:
    return connections.create_connection(
        project=project, actor=project.created_by, name="bucket", access_key_id="test", secret_access_key="test", now=NOW
    )


def from_s3(project: Project, url: str, format: str = "CSV") -> ImportJob:
    job = imports.create_s3_import(
        project=project,
        actor=project.created_by,
        s3_url=url,
        connection=connect(project),
        format=format,
        segment_name="",
        now=NOW,
    )
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def upload(project: Project, content: bytes, name: str = "members.csv", format: str = "CSV") -> ImportJob:
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(content, name=name), format=format, segment_name="", now=NOW
    )
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job
