"""The end of an import job: its segment, or why there is none."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F

from core.audience import Audience
from endpoints.eligibility import channel_counts
from endpoints.importer.piece import refresh_statistics
from segments.models import ImportJob, JobStatus, ScheduledFile, ScheduledImport, Segment
from segments.services import segments


def complete(*, job: ImportJob, update: Callable[..., None], now: datetime.datetime) -> None:
    """Make or change the segment, in the caller's transaction. ``update`` writes the job under its lease."""
    refresh_statistics(created=job.total_created)
    members = Audience.union(_sets(job, "members"))
    segment: Segment | None = None
    version: int | None = None
    if job.is_dry_run:
        update(total_created=len(Audience.union(_sets(job, "created"))), total_changed=len(Audience.union(_sets(job, "changed"))))
    elif job.define_segment:
        segment = _segment(job, members, now)
        version = segment.version
    if job.schedule is not None and not job.is_dry_run:
        _note_files(job, job.schedule, segment, now)
    update(status=JobStatus.COMPLETED, segment=segment, segment_version=version, completed_at=now, lease_until=None)


def _sets(job: ImportJob, name: str) -> list[Audience]:
    pieces = job.pieces.only(name).iterator(chunk_size=50)
    return [found for piece in pieces if (found := getattr(piece, name)) is not None]


def _segment(job: ImportJob, members: Audience, now: datetime.datetime) -> Segment:
    into = job.into_segment
    if into is None or into.deleted_at is not None:
        return segments.create_import_segment(
            project=job.project, actor=job.created_by, name=job.segment_name, members=members,
            import_definition=definition(job, members), now=now,
        )  # fmt: skip
    if job.into == ImportJob.Into.EXTEND:
        into = Segment.objects.select_for_update(of=("self",)).get(
            pk=into.pk
        )  # two that extend it: the second sees the first's members
        before = into.versions.get(version=into.version).members
        members = members | before if before is not None else members
    return segments.update_import_segment(
        segment=into, actor=job.created_by, members=members, import_definition=definition(job, members), now=now
    )


def definition(job: ImportJob, members: Audience) -> dict[str, Any]:
    """Pinpoint's SegmentImportResource."""
    connection_ = job.connection
    return {
        "Format": job.format,
        "S3Url": job.s3_url or job.upload_name,
        "RoleArn": job.role_arn or (connection_.role_arn if connection_ else ""),
        "ExternalId": connection_.project.public_id if connection_ and connection_.role_arn else "",
        "Size": len(members),
        "ChannelCounts": channel_counts(project_id=job.project_id, members=members),
        "JobId": job.public_id,
    }


def _note_files(job: ImportJob, schedule: ScheduledImport, segment: Segment | None, now: datetime.datetime) -> None:
    """What the schedule need not import again; its segment, when this was the first run."""
    files = dict(job.pieces.values_list("file_name", "etag"))
    ScheduledFile.objects.bulk_create(
        [ScheduledFile(schedule=schedule, key=key, etag=etag, imported_at=now) for key, etag in files.items()],
        update_conflicts=True, unique_fields=["schedule", "key"], update_fields=["etag", "imported_at"], batch_size=1000,
    )  # fmt: skip
    if segment is not None:
        ScheduledImport.objects.filter(pk=schedule.pk).update(segment=segment)


def fail(
    *, job_id: int, code: str, params: dict[str, Any], now: datetime.datetime, epoch: int | None = None, failed_pieces: int = 0
) -> None:
    """The whole job is refused: no further piece is written. ``epoch``: of a lease that must still be held."""
    with transaction.atomic():
        open_job = ImportJob.objects.filter(pk=job_id).exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
        if epoch is not None:
            open_job = open_job.filter(epoch=epoch)
        plain = {name: value if isinstance(value, int) else str(value) for name, value in params.items()}
        open_job.update(
            status=JobStatus.FAILED, failure={"code": code, "params": plain}, completed_at=now, lease_until=None,
            failed_pieces=F("failed_pieces") + failed_pieces,
        )  # fmt: skip
