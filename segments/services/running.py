"""Carrying an import job on: one worker at a time, by a lease with an epoch; every step can be taken over and run again."""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.db.models import F, Q

from core.audience import Audience
from endpoints.importer.columns import ColumnKind, columns_of
from endpoints.importer.merge import refresh_statistics
from endpoints.importer.piece import PieceResult, import_piece
from endpoints.importer.refusals import FileRefused
from endpoints.importer.scan import scan
from endpoints.models import AttributeKind
from endpoints.services import catalogue
from segments.models import ImportJob, ImportPiece, JobStatus, RefusedLine
from segments.services import segments
from segments.sources import s3

LEASE = datetime.timedelta(seconds=60)
_FAILURE_LIMIT = 1000  # refused lines written at once

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


class LeaseLost(Exception):
    """Another worker has the job, or it was cancelled: this one must write nothing more."""


def due_jobs(*, now: datetime.datetime) -> list[int]:
    """Jobs that no live worker has."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    done = Q(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
    return list(ImportJob.objects.filter(free & ~done).order_by("id").values_list("pk", flat=True)[:20])


def run_job(*, job_id: int, clock: Clock) -> None:
    """Carry a job on from where it stands to its end, if no other worker has it."""
    job = _claim(job_id, clock())
    if job is None:
        return
    run = _Run(job, clock)
    try:
        run.carry_on()
    except LeaseLost:
        _log.info("import %s: the lease is gone", job.public_id)
    finally:
        run.close()


def _claim(job_id: int, now: datetime.datetime) -> ImportJob | None:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    done = Q(status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
    claimed = ImportJob.objects.filter(free & ~done, pk=job_id).update(epoch=F("epoch") + 1, lease_until=now + LEASE)
    return ImportJob.objects.select_related("project", "connection", "created_by").get(pk=job_id) if claimed else None


class _Run:
    """One worker's hold on a job. ``_note`` writes beside the piece's transaction, so that the bar moves while it is open."""

    def __init__(self, job: ImportJob, clock: Clock) -> None:
        self.job = job
        self.clock = clock
        self._beside: Any = None

    def close(self) -> None:
        if self._beside is not None:
            self._beside.close()

    def carry_on(self) -> None:
        try:
            if self.job.status == JobStatus.FAILING:
                self._fail(self.job.failure or {"code": "cancelled", "params": {}})
                return
            if self.job.total_pieces == 0:
                self._initialise()
            is_first = True
            for piece in self.job.pieces.filter(state=ImportPiece.State.WAITING).order_by("number"):
                self._import(piece)
                if is_first:  # the other pieces merge into tables that were perhaps empty before
                    refresh_statistics()
                    is_first = False
            refresh_statistics()
            self._complete()
        except (FileRefused, s3.SourceRefused) as refusal:
            self._fail({"code": refusal.code, "params": refusal.params})

    # -- first pass ------------------------------------------------------------------------------------------------

    def _initialise(self) -> None:
        self._move(JobStatus.INITIALIZING, started_at=self.clock())
        is_csv = self.job.format == ImportJob.Format.CSV
        pieces: list[ImportPiece] = []
        notes: list[dict[str, Any]] = []
        total_bytes = 0
        files = self._files()
        for file in files:
            if len(files) > 1 and _other_format(file.key, is_csv=is_csv):
                notes.append({"code": "skipped_format", "params": {"file": file.key}})
                continue
            self._renew()
            with self._open(file.key, file.etag) as stream:
                found = scan(stream, is_csv=is_csv, max_bytes=settings.IMPORT_MAX_BYTES - total_bytes)
            self._check_room(found.header)
            total_bytes += found.size
            for column in found.ignored_columns:
                notes.append({"code": "ignored_column", "params": {"file": file.key, "column": column}})
            for span in found.spans:
                pieces.append(
                    ImportPiece(
                        job=self.job, number=len(pieces), file_name=file.key, etag=file.etag, header=found.header,
                        start_byte=span.start, end_byte=span.end, first_line=span.first_line,
                    )
                )  # fmt: skip
        if not pieces:
            raise FileRefused("empty")
        with transaction.atomic():
            ImportPiece.objects.filter(job=self.job).delete()
            ImportPiece.objects.bulk_create(pieces, batch_size=1000)
            self._move(JobStatus.PROCESSING, total_pieces=len(pieces), bytes_total=total_bytes, notes=notes)

    def _check_room(self, header: list[str]) -> None:
        names: dict[AttributeKind, set[str]] = {}
        kinds = {
            ColumnKind.ATTRIBUTE: AttributeKind.ATTRIBUTE,
            ColumnKind.USER_ATTRIBUTE: AttributeKind.USER_ATTRIBUTE,
            ColumnKind.METRIC: AttributeKind.METRIC,
        }
        for column in columns_of(header):
            if column.kind in kinds:
                names.setdefault(kinds[column.kind], set()).add(column.name)
        catalogue.check_room(project=self.job.project, names=names)

    def _files(self) -> list[s3.FileInfo]:
        if self.job.source == ImportJob.Source.UPLOAD:
            return [s3.FileInfo(key=self.job.upload_key, etag="", size=default_storage.size(self.job.upload_key))]
        _bucket, key = s3.parse_url(self.job.s3_url)
        return self._s3().find(key)

    def _s3(self) -> s3.S3Source:
        bucket, _key = s3.parse_url(self.job.s3_url)
        if self.job.connection is None and self.job.created_by is not None:  # the server's own keys are for operators' commands
            raise s3.SourceRefused("no_connection")
        return s3.S3Source(connection=self.job.connection, bucket=bucket)

    @contextlib.contextmanager
    def _open(self, key: str, etag: str, start: int = 0, end: int | None = None) -> Iterator[Any]:
        if self.job.source == ImportJob.Source.S3:
            with self._s3().open(key, etag=etag, start=start, end=end) as stream:
                yield stream
        else:
            with default_storage.open(key, "rb") as stored:
                stored.seek(start)
                yield _Span(stored, None if end is None else end - start)

    # -- pieces ------------------------------------------------------------------------------------------------------

    def _import(self, piece: ImportPiece) -> None:
        read = 0

        def on_bytes(count: int) -> None:
            nonlocal read
            read += count
            self._note(piece, read)

        with transaction.atomic():
            with self._open(piece.file_name, piece.etag, piece.start_byte, piece.end_byte) as stream:
                result = import_piece(
                    project=self.job.project, stream=stream, header=piece.header, first_line=piece.first_line,
                    now=self.clock(), on_bytes=on_bytes,
                )  # fmt: skip
            self._keep_refused(piece, result)
            done = ImportPiece.objects.filter(pk=piece.pk, state=ImportPiece.State.WAITING).update(
                state=ImportPiece.State.DONE,
                members=result.members,
                processed=result.processed,
                failed=len(result.refused),
                bytes_read=piece.end_byte - piece.start_byte,
            )
            if not done:
                raise LeaseLost
            self._count(result)

    def _keep_refused(self, piece: ImportPiece, result: PieceResult) -> None:
        name = self.job.upload_name or piece.file_name
        RefusedLine.objects.bulk_create(
            (
                RefusedLine(
                    job=self.job, piece=piece, file_name=name, line_number=line.line, column=line.column[:200],
                    code=line.code, params=line.params, line=line.raw.replace("\0", "␀"),
                )
                for line in result.refused
            ),
            batch_size=_FAILURE_LIMIT,
        )  # fmt: skip

    def _count(self, result: PieceResult) -> None:
        """The job's counters, under its epoch: the last statement of the piece's transaction."""
        notes: Any = F("notes")
        if result.kept_opted_out:
            job = ImportJob.objects.select_for_update().get(pk=self.job.pk)
            notes = _with_kept(job.notes, result.kept_opted_out)
        self._update(
            completed_pieces=F("completed_pieces") + 1,
            total_processed=F("total_processed") + result.processed,
            total_failures=F("total_failures") + len(result.refused),
            lease_until=self.clock() + LEASE,
            notes=notes,
        )

    def _note(self, piece: ImportPiece, bytes_read: int) -> None:
        """Move the bar and renew the lease on a connection of its own; raises ``LeaseLost`` when the job was cancelled."""
        if self._beside is None:
            self._beside = connection.copy()
        with self._beside.cursor() as cursor:
            cursor.execute("UPDATE segments_importpiece SET bytes_read = %s WHERE id = %s", [bytes_read, piece.pk])
            cursor.execute(
                "UPDATE segments_importjob SET lease_until = %s WHERE id = %s AND epoch = %s RETURNING status",
                [self.clock() + LEASE, self.job.pk, self.job.epoch],
            )
            row = cursor.fetchone()
        if row and row[0] == JobStatus.FAILING:
            raise LeaseLost

    # -- the end -----------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        self._move(JobStatus.COMPLETING)
        now = self.clock()
        with transaction.atomic():
            members = Audience.union(
                piece.members for piece in self.job.pieces.only("members").iterator(chunk_size=50) if piece.members
            )
            segment = segments.create_import_segment(
                project=self.job.project,
                actor=self.job.created_by,
                name=self.job.segment_name,
                members=members,
                import_definition=self._definition(members),
                now=now,
            )
            self._update(status=JobStatus.COMPLETED, segment=segment, completed_at=now, lease_until=None)

    def _definition(self, members: Audience) -> dict[str, Any]:
        """Pinpoint's SegmentImportResource."""
        return {
            "Format": self.job.format,
            "S3Url": self.job.s3_url or self.job.upload_name,
            "RoleArn": "",
            "ExternalId": "",
            "Size": len(members),
            "JobId": self.job.public_id,
        }

    def _fail(self, failure: dict[str, Any]) -> None:
        params = {name: value if isinstance(value, int) else str(value) for name, value in failure["params"].items()}
        self._update(
            status=JobStatus.FAILED,
            failure={"code": failure["code"], "params": params},
            completed_at=self.clock(),
            lease_until=None,
        )

    def _renew(self) -> None:
        self._update(lease_until=self.clock() + LEASE)

    def _move(self, status: JobStatus, **changes: Any) -> None:
        self._update(status=status, lease_until=self.clock() + LEASE, **changes)

    def _update(self, **changes: Any) -> None:
        """Every write to the job states the epoch, so a worker that lost its lease moves nothing."""
        held = ImportJob.objects.filter(pk=self.job.pk, epoch=self.job.epoch)
        if changes.get("status") != JobStatus.FAILED:
            held = held.exclude(status__in=[JobStatus.FAILING, JobStatus.FAILED])
        if held.update(**changes) != 1:
            raise LeaseLost
        for name, value in changes.items():
            if not isinstance(value, models.expressions.Combinable):
                setattr(self.job, name, value)


class _Span:
    """A stretch of a stored file as a stream."""

    def __init__(self, stored: Any, length: int | None) -> None:
        self._stored, self._left = stored, length

    def read(self, size: int, /) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
            self._left -= size
        return bytes(self._stored.read(size)) if size else b""


def _other_format(key: str, *, is_csv: bool) -> bool:
    ending = key.rpartition(".")[2].lower()
    return ending in ({"json", "jsonl", "ndjson"} if is_csv else {"csv"})


def _with_kept(notes: list[dict[str, Any]], more: int) -> list[dict[str, Any]]:
    others = [note for note in notes if note["code"] != "kept_opted_out"]
    before = sum(note["params"]["count"] for note in notes if note["code"] == "kept_opted_out")
    return [*others, {"code": "kept_opted_out", "params": {"count": before + more}}]
