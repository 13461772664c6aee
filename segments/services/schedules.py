"""Scheduled imports: a folder of a bucket looked at again and again, what is new or changed in it imported."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.models import Connection, ImportJob, JobStatus, ScheduledImport, Segment
from segments.services import imports, preparing
from segments.sources import SourceRefused, s3

_UNITS = {"MINUTES": "minutes", "HOURS": "hours", "DAYS": "days"}
_AGAIN = datetime.timedelta(minutes=1)  # after which a look is taken once more that no worker came to


class ScheduleRefused(Refusal):
    """The scheduled import was not made or changed."""


def interval(schedule: ScheduledImport) -> datetime.timedelta:
    return datetime.timedelta(**{_UNITS[schedule.unit]: schedule.every})


def create_schedule(
    *,
    project: Project,
    actor: User,
    name: str,
    s3_url: str,
    connection: Connection,
    every: int,
    unit: str,
    now: datetime.datetime,
    format: str = "CSV",
    encoding: str = "UTF-8",
    into: str = ImportJob.Into.EXTEND,
    segment: Segment | None = None,
) -> ScheduledImport:
    """Look at once, then every N minutes, hours or days. ``segment``: an imported one to change; else the first run makes it.

    Raises ``SourceRefused`` for an address that is none, ``ScheduleRefused`` for anything else.
    """
    s3.parse_url(s3_url)
    if every < 1 or (unit == ScheduledImport.Unit.MINUTES and every < 5):
        raise ScheduleRefused(_("A scheduled import looks every 5 minutes or less often."))
    if segment is not None and segment.project_id != project.pk:
        raise ScheduleRefused(_("Choose an imported segment of this project to replace or extend."))
    with transaction.atomic():
        schedule = ScheduledImport.objects.create(
            project=project, name=name or imports.default_name(s3_url), s3_url=s3_url.strip(), connection=connection, every=every,
            unit=unit, format=format, encoding=encoding, into=into, segment=segment, next_run_at=now, created_by=actor, created_at=now,
        )  # fmt: skip
        audit.record(project=project, actor=actor, verb="scheduled_import.created", target=schedule, now=now, name=schedule.name)
    return schedule


def pause_schedule(*, schedule: ScheduledImport, actor: User, now: datetime.datetime) -> None:
    _change(schedule, actor, now, "scheduled_import.paused", is_paused=True)


def resume_schedule(*, schedule: ScheduledImport, actor: User, now: datetime.datetime) -> None:
    """Looks at once, and goes on from there."""
    _change(schedule, actor, now, "scheduled_import.resumed", is_paused=False, next_run_at=now)


def delete_schedule(*, schedule: ScheduledImport, actor: User, now: datetime.datetime) -> None:
    """What it imported stays, and so does its segment."""
    _change(schedule, actor, now, "scheduled_import.deleted", deleted_at=now)


def _change(schedule: ScheduledImport, actor: User, now: datetime.datetime, verb: str, **changes: object) -> None:
    with transaction.atomic():
        if not ScheduledImport.objects.filter(pk=schedule.pk, deleted_at=None).update(**changes):
            raise ScheduleRefused(_("This scheduled import was deleted already."))
        audit.record(project=schedule.project, actor=actor, verb=verb, target=schedule, now=now, name=schedule.name)


def due_schedules(*, now: datetime.datetime) -> list[tuple[int, datetime.datetime]]:
    """(id, the time that was due), to be claimed by stating that time."""
    due = ScheduledImport.objects.filter(deleted_at=None, is_paused=False, next_run_at__lte=now, project__deleted_at=None)
    return list(due.order_by("next_run_at").values_list("pk", "next_run_at")[:20])


def run_schedule(*, schedule_id: int, due_at: datetime.datetime, now: datetime.datetime) -> ImportJob | None:
    """Look at the folder once, if no other worker has: an import job for what is new, None when there is nothing.

    While an import of the schedule is under way nothing is begun; its files would be imported twice.
    """
    claimed = ScheduledImport.objects.filter(pk=schedule_id, next_run_at=due_at, is_paused=False, deleted_at=None)
    if not claimed.update(next_run_at=now + _AGAIN):
        return None
    schedule = ScheduledImport.objects.select_related("project", "connection__project", "segment", "created_by").get(
        pk=schedule_id
    )
    after = _next(due_at, interval(schedule), now)
    if schedule.jobs.exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED]).exists():
        ScheduledImport.objects.filter(pk=schedule_id, next_run_at=now + _AGAIN).update(next_run_at=after)
        return None
    job: ImportJob | None = None
    failure = None
    found = None
    try:
        found = _count_new(schedule)
        if found:
            job = _begin(schedule, now)
    except SourceRefused as refusal:
        failure = {"code": refusal.code, "params": {key: str(value) for key, value in refusal.params.items()}}
    except imports.ImportRefused as refusal:
        failure = {"code": "other", "params": {"reason": refusal.message}}
    mine = ScheduledImport.objects.filter(Q(next_run_at=now + _AGAIN), pk=schedule_id)
    mine.update(next_run_at=after, last_run_at=now, last_found=found, last_failure=failure)
    return job


def _count_new(schedule: ScheduledImport) -> int:
    if schedule.connection is None:
        raise SourceRefused("no_connection")
    bucket, key = s3.parse_url(schedule.s3_url)
    try:
        files = s3.S3Source(connection=schedule.connection, bucket=bucket).find(key)
    except SourceRefused as refusal:
        if refusal.code == "empty_prefix":
            return 0  # nothing there yet
        raise
    return len(preparing.new_files(schedule_id=schedule.pk, files=files, is_csv=schedule.format == ImportJob.Format.CSV))


def _begin(schedule: ScheduledImport, now: datetime.datetime) -> ImportJob:
    segment = schedule.segment if schedule.segment and schedule.segment.deleted_at is None else None
    order = imports.Order(
        format=schedule.format, segment_name=schedule.name, encoding=schedule.encoding,
        into=schedule.into if segment else ImportJob.Into.NEW, into_segment=segment,
    )  # fmt: skip
    return imports.create_s3_import(
        project=schedule.project, actor=schedule.created_by, s3_url=schedule.s3_url, connection=schedule.connection, order=order,
        schedule=schedule, now=now,
    )  # fmt: skip


def _next(due_at: datetime.datetime, every: datetime.timedelta, now: datetime.datetime) -> datetime.datetime:
    """The next time on the schedule's own beat that is still to come: after a standstill one look, not many."""
    return due_at + every * ((now - due_at) // every + 1)
