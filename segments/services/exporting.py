"""Carrying an export job on: one worker at a time, by a lease with an epoch; a part that was cut off is written again."""

from __future__ import annotations

import datetime
import gzip
import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.db.models import F, Q

from core.audience import Audience
from core.errors import Refusal
from endpoints.queries import endpoint_lines
from segments import evaluation
from segments.exports import table, workbook
from segments.models import ExportJob, ExportPart, JobStatus
from segments.sources import SourceRefused, s3

LEASE = datetime.timedelta(seconds=120)
PART_SIZE = 100_000  # endpoints of a part: some 10 MB of gzip
_BLOCK = 5_000  # endpoints read at once

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


class LeaseLost(Exception):
    """Another worker has the job, or it was cancelled."""


class TooLarge(Refusal):
    """More than a workbook holds."""


def due_jobs(*, now: datetime.datetime) -> list[int]:
    """Jobs that no live worker has."""
    return list(_open().filter(_free(now)).order_by("id").values_list("pk", flat=True)[:20])


def _open() -> models.QuerySet[ExportJob]:
    return ExportJob.objects.exclude(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])


def _free(now: datetime.datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def run_job(*, job_id: int, clock: Clock) -> None:
    """Carry a job on from where it stands to its end, if no other worker has it."""
    now = clock()
    if not _open().filter(_free(now), pk=job_id).update(epoch=F("epoch") + 1, lease_until=now + LEASE):
        return
    job = ExportJob.objects.select_related("project", "segment", "connection__project").get(pk=job_id)
    run = _Run(job, clock)
    try:
        run.carry_on()
    except LeaseLost:
        _log.info("export %s: the lease is gone", job.public_id)


class _Run:
    def __init__(self, job: ExportJob, clock: Clock) -> None:
        self.job, self.clock = job, clock

    def carry_on(self) -> None:
        if self.job.status == JobStatus.FAILING:
            self._fail(self.job.failure or {"code": "cancelled", "params": {}})
            return
        try:
            if self.job.audience is None:
                self._begin()
            for part in self.job.parts.filter(is_done=False).order_by("number"):
                self._write(part)
            self._complete()
        except SourceRefused as refusal:
            self._fail({"code": refusal.code, "params": {name: str(value) for name, value in refusal.params.items()}})
        except TooLarge as refusal:
            self._fail({"code": "too_large", "params": {"total": self.job.total, "limit": workbook.MAX_ROWS}})
            _log.info("export %s: %s", self.job.public_id, refusal)
        except OSError as error:  # the disk is full, the storage away: said, not tried for ever
            self._fail({"code": "storage", "params": {"reason": error.strerror or str(error)}})
        except Refusal as refusal:  # the segment's definition can't be evaluated any more
            self._fail({"code": "refused", "params": {"reason": refusal.message}})

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        audience = self._evaluate()
        self.job.total = len(audience)
        if self.job.format == ExportJob.Format.XLSX and len(audience) > workbook.MAX_ROWS:
            raise TooLarge("more rows than a sheet has")
        count = -(-len(audience) // PART_SIZE)
        with transaction.atomic():
            ExportPart.objects.filter(job=self.job).delete()
            ExportPart.objects.bulk_create(ExportPart(job=self.job, number=n, key=self._key(n)) for n in range(count))
            self._update(
                status=JobStatus.PROCESSING, audience=audience, total=len(audience), total_parts=count, completed_parts=0,
                total_processed=0,
            )  # fmt: skip

    def _evaluate(self) -> Audience:
        if self.job.segment is None:
            return evaluation.evaluate_document(project_id=self.job.project_id, document={}, now=self.clock())
        return evaluation.evaluate_segment(
            project_id=self.job.project_id,
            segment_id=self.job.segment.public_id,
            version=self.job.segment_version,
            now=self.clock(),
        )

    def _key(self, number: int) -> str:
        name = f"part-{number:05d}.jsonl.gz"
        if self.job.destination == ExportJob.Destination.DOWNLOAD:
            return f"exports/{self.job.project.public_id}/{self.job.public_id}-{name}"
        _bucket, prefix = s3.parse_url(self.job.s3_url_prefix)
        folder = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        return f"{folder}{self.job.public_id}/{name}"

    def _write(self, part: ExportPart) -> None:
        """One part: read in blocks, compressed into a file, put under its name. Written twice it is the same object."""
        is_table = self.job.format != ExportJob.Format.JSON
        needed: list[dict[str, int]] = []
        processed = 0
        with tempfile.TemporaryFile() as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
                for ids in self._blocks(part.number):
                    lines = endpoint_lines(project=self.job.project, ids=ids)
                    packed.write(lines)
                    processed += lines.count(b"\n")
                    if is_table:
                        needed.append(table.columns_of(lines))
                    self._renew()
            size = file.tell()
            file.seek(0)
            self._put(part.key, file)
        with transaction.atomic():
            done = ExportPart.objects.filter(pk=part.pk, is_done=False)
            if not done.update(is_done=True, processed=processed, bytes=size, columns=table.merged(needed)):
                raise LeaseLost
            self._update(completed_parts=F("completed_parts") + 1, total_processed=F("total_processed") + processed)

    def _blocks(self, number: int) -> Iterator[list[int]]:
        audience = self.job.audience or Audience()
        for start in range(number * PART_SIZE, min((number + 1) * PART_SIZE, len(audience)), _BLOCK):
            yield audience.between(start, min(start + _BLOCK, (number + 1) * PART_SIZE))

    def _put(self, key: str, file: IO[bytes]) -> None:
        if self.job.destination == ExportJob.Destination.S3:
            bucket, _prefix = s3.parse_url(self.job.s3_url_prefix)
            if self.job.connection is None and self.job.created_by_id is not None:  # the server's own keys are for operators
                raise SourceRefused("no_connection")
            s3.S3Source(connection=self.job.connection, bucket=bucket).put(key, file, content_type="application/gzip")
        else:
            default_storage.delete(key)
            default_storage.save(key, File(file))

    # -- the end -------------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        now = self.clock()
        if self.job.destination == ExportJob.Destination.S3:
            self._update(status=JobStatus.COMPLETED, completed_at=now, lease_until=None, audience=None)
            return
        self._update(status=JobStatus.COMPLETING)
        parts = list(self.job.parts.order_by("number"))
        key = f"exports/{self.job.project.public_id}/{self.job.public_id}.{self.job.format.lower()}"
        with tempfile.TemporaryFile() as file:
            self._assemble(file, parts)
            size = file.tell()
            file.seek(0)
            default_storage.delete(key)
            key = default_storage.save(key, File(file))
        self._update(
            status=JobStatus.COMPLETED, completed_at=self.clock(), lease_until=None, audience=None, file_key=key, file_bytes=size
        )
        for part in parts:
            default_storage.delete(part.key)

    def _assemble(self, out: IO[bytes], parts: list[ExportPart]) -> None:
        columns = table.merged(part.columns for part in parts)
        match self.job.format:
            case ExportJob.Format.JSON:
                for lines in self._stored(parts):
                    out.write(lines)
            case ExportJob.Format.CSV:
                out.write(table.csv_text([table.header(columns)]).encode())
                for lines in self._stored(parts):
                    out.write(table.csv_text(table.rows(lines, columns)).encode())
            case ExportJob.Format.XLSX:
                workbook.write(out, self._table(parts, columns))
                out.seek(0, 2)

    def _table(self, parts: list[ExportPart], columns: dict[str, int]) -> Iterator[list[str]]:
        yield table.header(columns)
        for lines in self._stored(parts):
            yield from table.rows(lines, columns)

    def _stored(self, parts: list[ExportPart]) -> Iterator[bytes]:
        """The parts' lines, some megabytes at a time, whole lines each."""
        for part in parts:
            with default_storage.open(part.key, "rb") as stored, gzip.open(stored) as lines:
                while block := lines.readlines(4 << 20):
                    self._renew()
                    yield b"".join(block)

    def _fail(self, failure: dict[str, Any]) -> None:
        self._update(status=JobStatus.FAILED, failure=failure, completed_at=self.clock(), lease_until=None, audience=None)
        if self.job.destination == ExportJob.Destination.DOWNLOAD:
            for part in self.job.parts.all():
                default_storage.delete(part.key)

    def _renew(self) -> None:
        self._update()

    def _update(self, **changes: Any) -> None:
        """Every write states the epoch: a worker that lost its lease moves nothing."""
        held = ExportJob.objects.filter(pk=self.job.pk, epoch=self.job.epoch)
        if changes.get("status") != JobStatus.FAILED:
            held = held.exclude(status__in=[JobStatus.FAILING, JobStatus.FAILED])
        if held.update(**({"lease_until": self.clock() + LEASE} | changes)) != 1:
            raise LeaseLost
        for name, value in changes.items():
            if not isinstance(value, models.expressions.Combinable):
                setattr(self.job, name, value)
