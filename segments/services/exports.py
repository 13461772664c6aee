"""Export jobs: asked for, cancelled, tried again; downloads taken away after their time."""

from __future__ import annotations

import datetime

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from core import leases
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection, ExportJob, JobStatus, Segment
from segments.sources import s3

KEEP = datetime.timedelta(days=7)  # a download holds personal data: it is not kept for longer than somebody needs to fetch it


class ExportRefused(Refusal):
    """The export was not begun (or not cancelled, not tried again)."""


def create_export(
    *,
    project: Project,
    actor: User | None,
    segment: Segment | None,
    destination: str,
    format: str,
    now: datetime.datetime,
    version: int | None = None,
    s3_url_prefix: str = "",
    connection: Connection | None = None,
    role_arn: str = "",
) -> ExportJob:
    """Ask for an export of a segment, or of every endpoint. A worker takes it up when this is committed."""
    if destination == ExportJob.Destination.S3:
        if format != ExportJob.Format.JSON:
            raise ExportRefused(_("Exports to S3 are JSON lines, as Pinpoint's were. Choose a download for a table."))
        s3.parse_url(s3_url_prefix)
    with transaction.atomic():
        job = ExportJob.objects.create(
            project=project, created_by=actor, created_at=now, segment=segment, segment_version=version,
            name=segment.name if segment else "", destination=destination, format=format, s3_url_prefix=s3_url_prefix.strip(),
            connection=connection, role_arn=role_arn,
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="export.created", target=job, now=now, name=job.name, to=destination)
        transaction.on_commit(lambda: _dispatch(job.pk))
    return job


def _dispatch(job_id: int) -> None:
    from segments.tasks import export_job

    export_job.delay(job_id)


def cancel_export(*, job: ExportJob, actor: User, now: datetime.datetime) -> None:
    """Stop a job. Parts that lie in the bucket already stay there."""
    with transaction.atomic():
        open_jobs = ExportJob.objects.filter(pk=job.pk).exclude(
            status__in=[JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.FAILING]
        )
        if not open_jobs.update(status=JobStatus.FAILING, failure={"code": "cancelled", "params": {}}):
            raise ExportRefused(_("This export is finished already."))
        audit.record(project=job.project, actor=actor, verb="export.cancelled", target=job, now=now)
        transaction.on_commit(lambda: _dispatch(job.pk))


def retry_export(*, job: ExportJob, actor: User, now: datetime.datetime) -> ExportJob:
    """A new job with the same order as one that failed."""
    if job.status != JobStatus.FAILED:
        raise ExportRefused(_("Only an export that failed can be tried again."))
    return create_export(
        project=job.project, actor=actor, segment=job.segment, version=job.segment_version, destination=job.destination,
        format=job.format, s3_url_prefix=job.s3_url_prefix, connection=job.connection, role_arn=job.role_arn, now=now,
    )  # fmt: skip


def end_lease(*, job: ExportJob, actor: User, now: datetime.datetime) -> None:
    """Let another worker carry an open export on at once: it writes again the part that was under way."""
    with transaction.atomic():
        leases.end_lease(rows=ExportJob.objects.filter(pk=job.pk).exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED]))
        audit.record(project=job.project, actor=actor, verb="export.lease_ended", target=job, now=now)
        transaction.on_commit(lambda: _dispatch(job.pk))


def note_download(*, job: ExportJob, actor: User, now: datetime.datetime) -> None:
    """Who fetched the file: it holds personal data."""
    audit.record(project=job.project, actor=actor, verb="export.downloaded", target=job, now=now, name=job.name)


def remove_old_files(*, now: datetime.datetime) -> int:
    """Take away the downloads that are older than seven days; how many there were."""
    old = ExportJob.objects.filter(completed_at__lt=now - KEEP, removed_at=None).exclude(file_key="")
    jobs = list(old.order_by("pk")[:100])
    for job in jobs:
        default_storage.delete(job.file_key)  # twice does no harm; a row that says "gone" before the file is would
        ExportJob.objects.filter(pk=job.pk).update(removed_at=now)
    return len(jobs)
