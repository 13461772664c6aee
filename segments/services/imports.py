"""Import jobs: asked for, carried on by whichever worker has the lease, cancelled, retried."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.errors import Refusal
from core.ids import public_id
from projects.models import Project, User
from projects.services import audit
from segments.files.mapping import Mapping
from segments.models import Connection, ImportJob, ImportPiece, JobStatus, ScheduledImport, Segment, SegmentType
from segments.services import mappings
from segments.sources import s3

ACTIVE_LIMIT = 10  # jobs of a project under way (reference, section 3)


class ImportRefused(Refusal):
    """The import was not begun (or not cancelled, not retried)."""


class TooManyImports(ImportRefused):
    """Ten jobs of the project are under way."""


@dataclass(frozen=True, slots=True)
class Order:
    """How files shall be imported: Pinpoint's ImportJobRequest without its source, and what ours can do beside.

    ``into`` other than NEW needs ``into_segment``, an imported segment. ``is_held``: nothing begins until the columns are chosen.
    """

    format: str = "CSV"
    segment_name: str = ""
    encoding: str = "UTF-8"
    sheet: str = ""
    mapping: Mapping | None = None
    register_endpoints: bool = True
    define_segment: bool = True
    into: str = ImportJob.Into.NEW
    into_segment: Segment | None = None
    is_dry_run: bool = False
    is_held: bool = False

    def fields(self) -> dict[str, Any]:
        """As columns of the job."""
        return {
            "format": self.format, "encoding": self.encoding, "sheet": self.sheet,
            "mapping": self.mapping.to_json() if self.mapping else None, "register_endpoints": self.register_endpoints,
            "define_segment": self.define_segment, "into": self.into, "into_segment": self.into_segment,
            "is_dry_run": self.is_dry_run, "status": JobStatus.PENDING_JOB if self.is_held else JobStatus.CREATED,
        }  # fmt: skip


def create_s3_import(
    *,
    project: Project,
    actor: User | None,
    s3_url: str,
    connection: Connection | None,
    now: datetime.datetime,
    order: Order | None = None,
    schedule: ScheduledImport | None = None,
    format: str = "CSV",
    segment_name: str = "",
    role_arn: str = "",
) -> ImportJob:
    """Ask for an import of ``s3://bucket/key`` or a prefix. A worker takes it up when this is committed."""
    s3.parse_url(s3_url)
    order = order or Order(format=format, segment_name=segment_name)
    return _create(
        project=project, actor=actor, now=now, source=ImportJob.Source.S3, s3_url=s3_url.strip(), connection=connection, role_arn=role_arn,
        schedule=schedule, segment_name=order.segment_name or default_name(s3_url), order=order,
    )  # fmt: skip


def create_upload_import(
    *,
    project: Project,
    actor: User | None,
    upload: File[bytes],
    now: datetime.datetime,
    order: Order | None = None,
    format: str = "CSV",
    segment_name: str = "",
) -> ImportJob:
    """Keep an uploaded file in the default storage and ask for its import."""
    name = PurePath(upload.name or "upload").name
    if upload.size and upload.size > settings.IMPORT_MAX_BYTES:
        raise ImportRefused(
            _("“%(name)s” is larger than %(limit)s MB, the limit of one import.")
            % {"name": name, "limit": settings.IMPORT_MAX_BYTES >> 20}
        )
    order = order or Order(format=format, segment_name=segment_name)
    _check(project=project, order=order)
    key = default_storage.save(f"imports/{project.public_id}/{public_id()}", upload)
    return _create(
        project=project, actor=actor, now=now, source=ImportJob.Source.UPLOAD, upload_key=key, upload_name=name[:255],
        segment_name=order.segment_name or default_name(name), order=order,
    )  # fmt: skip


def default_name(path: str) -> str:
    """A file's name without folders and extension, as Pinpoint names a segment."""
    return (PurePath(path.rstrip("/")).stem or "import")[:128]


def _create(*, project: Project, actor: User | None, now: datetime.datetime, order: Order, **fields: object) -> ImportJob:
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # so that two at once can't both be the tenth
        _check(project=project, order=order)
        job = ImportJob.objects.create(project=project, created_by=actor, created_at=now, **(fields | order.fields()))
        audit.record(project=project, actor=actor, verb="import.created", target=job, now=now, name=job.segment_name)
        if not order.is_held:
            transaction.on_commit(lambda: _dispatch(job.pk))
    return job


def _check(*, project: Project, order: Order) -> None:
    if not (order.register_endpoints or order.define_segment):
        raise ImportRefused(_("Choose whether to keep the endpoints, to make a segment, or both."))
    if order.into != ImportJob.Into.NEW:
        into = order.into_segment
        if (
            into is None
            or into.project_id != project.pk
            or into.segment_type != SegmentType.IMPORT
            or into.deleted_at is not None
        ):
            raise ImportRefused(_("Choose an imported segment of this project to replace or extend."))
    active = ImportJob.objects.filter(project=project).exclude(
        status__in=[JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PENDING_JOB]
    )
    if not order.is_held and active.count() >= ACTIVE_LIMIT:
        raise TooManyImports(
            _("%(limit)s imports of this project are under way, which is the limit. Wait for one to finish, or cancel one.")
            % {"limit": ACTIVE_LIMIT}
        )


def _dispatch(job_id: int) -> None:
    from segments.tasks import import_job

    import_job.delay(job_id)


def begin_held_import(
    *, job: ImportJob, actor: User, names: Sequence[str], mapping: Mapping, sheet: str, encoding: str, now: datetime.datetime
) -> None:
    """Begin an import that waited for its columns, and remember them for the next file with the same names.

    Raises ``FileRefused`` for columns that make no header, ``ImportRefused`` when the job no longer waits.
    """
    mapping.check(names)
    with transaction.atomic():
        _check(project=job.project, order=order_of(job))
        held = ImportJob.objects.filter(pk=job.pk, status=JobStatus.PENDING_JOB)
        if not held.update(status=JobStatus.CREATED, mapping=mapping.to_json(), sheet=sheet, encoding=encoding):
            raise ImportRefused(_("This import no longer waits for its columns."))
        mappings.remember(project=job.project, names=names, mapping=mapping, now=now)
        audit.record(project=job.project, actor=actor, verb="import.columns_chosen", target=job, now=now, **mapping.to_json())
        transaction.on_commit(lambda: _dispatch(job.pk))


def cancel_import(*, job: ImportJob, actor: User, now: datetime.datetime) -> None:
    """Stop a job at once: pieces that are written stay imported, those under way write nothing, and no segment is made."""
    with transaction.atomic():
        open_jobs = ImportJob.objects.filter(pk=job.pk).exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
        if not open_jobs.update(
            status=JobStatus.FAILED, failure={"code": "cancelled", "params": {}}, completed_at=now, epoch=F("epoch") + 1,
            lease_until=None,
        ):  # fmt: skip
            raise ImportRefused(_("This import is finished already."))
        audit.record(project=job.project, actor=actor, verb="import.cancelled", target=job, now=now)


def retry_import(*, job: ImportJob, actor: User, now: datetime.datetime, **changes: Any) -> ImportJob:
    """A new job with the same order as one that failed (or was a dry run); ``changes`` are fields of ``Order``."""
    if not (job.status == JobStatus.FAILED or (job.is_dry_run and job.status == JobStatus.COMPLETED)):
        raise ImportRefused(_("Only an import that failed can be tried again."))
    return _create(
        project=job.project, actor=actor, now=now, source=job.source, s3_url=job.s3_url, connection=job.connection, role_arn=job.role_arn,
        upload_key=job.upload_key, upload_name=job.upload_name, segment_name=job.segment_name, schedule=job.schedule,
        order=dataclasses.replace(order_of(job), **changes),
    )  # fmt: skip


def order_of(job: ImportJob) -> Order:
    return Order(
        format=job.format, segment_name=job.segment_name, encoding=job.encoding, sheet=job.sheet,
        mapping=Mapping.from_json(job.mapping), register_endpoints=job.register_endpoints, define_segment=job.define_segment,
        into=job.into, into_segment=job.into_segment, is_dry_run=job.is_dry_run,
    )  # fmt: skip


def end_lease(*, job: ImportJob, actor: User, now: datetime.datetime) -> None:
    """Let another worker carry an open job (or its undoing) on at once. The one that held it can write nothing more: its epoch is past."""
    with transaction.atomic():
        is_closed, is_undone = Q(status__in=[JobStatus.COMPLETED, JobStatus.FAILED]), Q(undo=ImportJob.Undo.ASKED)
        if not ImportJob.objects.filter(~is_closed | is_undone, pk=job.pk).update(epoch=F("epoch") + 1, lease_until=None):
            raise ImportRefused(_("This import is finished already."))
        ImportPiece.objects.filter(job=job, state=ImportPiece.State.WAITING).update(epoch=F("epoch") + 1, lease_until=None)
        audit.record(project=job.project, actor=actor, verb="import.lease_ended", target=job, now=now)
        transaction.on_commit(lambda: _dispatch(job.pk))
