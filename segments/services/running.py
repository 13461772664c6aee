"""Carrying an import job on. Its first pass and its end are one worker's, by a lease; its pieces any number of workers share.

Every step can be taken over and run again: a step's last write states the epoch of its lease, so who lost it moves nothing.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q

from endpoints.importer.refusals import FileRefused
from segments.heartbeat import Heartbeat, LeaseLost
from segments.models import ImportJob, ImportPiece, JobStatus
from segments.services import completing, pieces, preparing
from segments.sources import SourceRefused

LEASE = datetime.timedelta(seconds=settings.IMPORT_LEASE_SECONDS)
CLOSED = (JobStatus.COMPLETED, JobStatus.FAILED)
# Nobody's to carry on: closed, or waiting for a person who says what the columns are.
_AT_REST = (*CLOSED, JobStatus.PENDING_JOB)
_HELPERS = 8  # workers that are asked to help with the pieces of a job, beside the one that prepared it

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


def due_jobs(*, now: datetime.datetime) -> list[int]:
    """Jobs of which a step or a piece is free: no live worker has it."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    waiting = ImportPiece.objects.filter(job=OuterRef("pk"), state=ImportPiece.State.WAITING)
    in_pieces = Q(status=JobStatus.PROCESSING)
    jobs = ImportJob.objects.exclude(status__in=_AT_REST).filter(free)
    due = jobs.filter(~in_pieces | Exists(waiting.filter(free)) | ~Exists(waiting))
    return list(due.order_by("id").values_list("pk", flat=True)[:20])


def run_job(*, job_id: int, clock: Clock, ask_for_help: Callable[[int, int], None] = lambda _job_id, _workers: None) -> None:
    """Carry a job on from where it stands, as far as no other worker has it.

    ``ask_for_help`` is told the job and how many more workers would find a piece of it.
    """
    with Heartbeat() as heartbeat:
        try:
            if _prepare(job_id, clock, heartbeat, ask_for_help):
                job = _get(job_id)
                pieces.Worker(job=job, clock=clock, heartbeat=heartbeat).carry_on()
                _complete(job_id, clock, heartbeat)
        except LeaseLost:
            _log.info("import %s: the lease is gone", job_id)


def _get(job_id: int) -> ImportJob:
    return ImportJob.objects.select_related("project", "connection__project", "created_by", "into_segment", "schedule").get(
        pk=job_id
    )


class _Hold:
    """One worker's hold on a job's own step: the lease, renewed by the heartbeat."""

    def __init__(self, job: ImportJob, clock: Clock, heartbeat: Heartbeat) -> None:
        self.job, self._clock, self._heartbeat = job, clock, heartbeat

    def __enter__(self) -> _Hold:
        self._heartbeat.hold(self, self._beat)
        return self

    def __exit__(self, *_error: object) -> None:
        self._heartbeat.let_go(self)

    def _beat(self) -> bool:
        held = ImportJob.objects.filter(pk=self.job.pk, epoch=self.job.epoch).exclude(status__in=CLOSED)
        return held.update(lease_until=self._clock() + LEASE) == 1

    def release(self, **changes: Any) -> None:
        """The last write of the step. A beat that is under way finds another epoch, and can't bring the lease back."""
        self._heartbeat.let_go(self)
        self.update(lease_until=None, epoch=F("epoch") + 1, **changes)

    def update(self, **changes: Any) -> None:
        """Every write to the job states the epoch; raises ``LeaseLost``."""
        held = ImportJob.objects.filter(pk=self.job.pk, epoch=self.job.epoch).exclude(status__in=CLOSED)
        if held.update(**changes) != 1:
            raise LeaseLost
        for name, value in changes.items():
            if not isinstance(value, models.expressions.Combinable):
                setattr(self.job, name, value)


def _claim(job_id: int, now: datetime.datetime, *, states: Q, **changes: Any) -> ImportJob | None:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    claimed = ImportJob.objects.filter(free & states, pk=job_id).exclude(status__in=_AT_REST)
    if not claimed.update(epoch=F("epoch") + 1, lease_until=now + LEASE, **changes):
        return None
    return _get(job_id)


# -- first pass ------------------------------------------------------------------------------------------------------------


def _prepare(job_id: int, clock: Clock, heartbeat: Heartbeat, ask_for_help: Callable[[int, int], None]) -> bool:
    """Whether the job has its pieces; makes them if no other worker is at it."""
    if ImportJob.objects.filter(pk=job_id, status__in=[JobStatus.PROCESSING, JobStatus.COMPLETING]).exists():
        return True
    before = Q(status__in=[JobStatus.CREATED, JobStatus.PREPARING_FOR_INITIALIZATION, JobStatus.INITIALIZING])
    job = _claim(job_id, clock(), states=before, status=JobStatus.INITIALIZING)
    if job is None:
        return False
    with _Hold(job, clock, heartbeat) as hold:
        hold.update(started_at=job.started_at or clock())
        try:
            found = preparing.prepare(job=job, check=heartbeat.check)
        except (FileRefused, SourceRefused) as refusal:
            completing.fail(job_id=job.pk, code=refusal.code, params=refusal.params, now=clock(), epoch=job.epoch)
            return False
        with transaction.atomic():
            ImportPiece.objects.filter(job=job).delete()
            ImportPiece.objects.bulk_create(found.pieces, batch_size=1000)
            hold.release(
                status=JobStatus.PROCESSING, total_pieces=len(found.pieces), bytes_total=found.bytes_total, notes=found.notes
            )
    if len(found.pieces) > 1:
        ask_for_help(job.pk, min(len(found.pieces) - 1, _HELPERS))
    return True


# -- the end ---------------------------------------------------------------------------------------------------------------


def _complete(job_id: int, clock: Clock, heartbeat: Heartbeat) -> None:
    """Once no piece is open, by whichever worker comes first."""
    if ImportPiece.objects.filter(job_id=job_id, state=ImportPiece.State.WAITING).exists():
        return
    at_end = Q(status__in=[JobStatus.PROCESSING, JobStatus.COMPLETING])
    job = _claim(job_id, clock(), states=at_end, status=JobStatus.COMPLETING)
    if job is None:
        return
    with _Hold(job, clock, heartbeat) as hold, transaction.atomic():
        completing.complete(job=job, update=hold.update, now=clock())
