"""Import jobs: asked for, carried on by whichever worker has the lease, cancelled, retried."""

from __future__ import annotations

import datetime
from pathlib import PurePath

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.errors import Refusal
from core.ids import public_id
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection, ImportJob, JobStatus
from segments.sources import s3


class ImportRefused(Refusal):
    """The import was not begun (or not cancelled, not retried)."""


def create_s3_import(
    *,
    project: Project,
    actor: User | None,
    s3_url: str,
    connection: Connection | None,
    format: str,
    segment_name: str,
    now: datetime.datetime,
) -> ImportJob:
    """Ask for an import of ``s3://bucket/key`` or a prefix. A worker takes it up when this is committed."""
    s3.parse_url(s3_url)
    return _create(
        project=project, actor=actor, now=now, source=ImportJob.Source.S3, s3_url=s3_url.strip(), connection=connection,
        format=format, segment_name=segment_name or default_name(s3_url),
    )  # fmt: skip


def create_upload_import(
    *, project: Project, actor: User | None, upload: File[bytes], format: str, segment_name: str, now: datetime.datetime
) -> ImportJob:
    """Keep an uploaded file in the default storage and ask for its import."""
    name = PurePath(upload.name or "upload").name
    if upload.size and upload.size > settings.IMPORT_MAX_BYTES:
        raise ImportRefused(
            _("“%(name)s” is larger than %(limit)s MB, the limit of one import.")
            % {"name": name, "limit": settings.IMPORT_MAX_BYTES >> 20}
        )
    key = default_storage.save(f"imports/{project.public_id}/{public_id()}", upload)
    return _create(
        project=project, actor=actor, now=now, source=ImportJob.Source.UPLOAD, upload_key=key, upload_name=name[:255],
        format=format, segment_name=segment_name or default_name(name),
    )  # fmt: skip


def default_name(path: str) -> str:
    """A file's name without folders and extension, as Pinpoint names a segment."""
    return (PurePath(path.rstrip("/")).stem or "import")[:128]


def _create(*, project: Project, actor: User | None, now: datetime.datetime, **fields: object) -> ImportJob:
    with transaction.atomic():
        job = ImportJob.objects.create(project=project, created_by=actor, created_at=now, **fields)
        audit.record(project=project, actor=actor, verb="import.created", target=job, now=now, name=job.segment_name)
        transaction.on_commit(lambda: _dispatch(job.pk))
    return job


def _dispatch(job_id: int) -> None:
    from segments.tasks import import_job

    import_job.delay(job_id)


def cancel_import(*, job: ImportJob, actor: User, now: datetime.datetime) -> None:
    """Stop a job: pieces that are done stay imported, the rest is not begun, and no segment is made."""
    with transaction.atomic():
        open_jobs = ImportJob.objects.filter(pk=job.pk).exclude(
            status__in=[JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.FAILING]
        )
        if not open_jobs.update(status=JobStatus.FAILING, failure={"code": "cancelled", "params": {}}):
            raise ImportRefused(_("This import is finished already."))
        audit.record(project=job.project, actor=actor, verb="import.cancelled", target=job, now=now)
        transaction.on_commit(lambda: _dispatch(job.pk))


def retry_import(*, job: ImportJob, actor: User, now: datetime.datetime) -> ImportJob:
    """A new job with the same order as one that failed."""
    if job.status != JobStatus.FAILED:
        raise ImportRefused(_("Only an import that failed can be tried again."))
    return _create(
        project=job.project, actor=actor, now=now, source=job.source, s3_url=job.s3_url, connection=job.connection,
        upload_key=job.upload_key, upload_name=job.upload_name, format=job.format, segment_name=job.segment_name,
    )  # fmt: skip


def end_lease(*, job: ImportJob, actor: User, now: datetime.datetime) -> None:
    """Let another worker carry an open job on at once. The one that held it can write nothing more of it (its epoch is past)."""
    with transaction.atomic():
        open_jobs = ImportJob.objects.filter(pk=job.pk).exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
        if not open_jobs.update(epoch=F("epoch") + 1, lease_until=None):
            raise ImportRefused(_("This import is finished already."))
        audit.record(project=job.project, actor=actor, verb="import.lease_ended", target=job, now=now)
        transaction.on_commit(lambda: _dispatch(job.pk))
