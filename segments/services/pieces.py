"""The pieces of an import job: claimed in order, read side by side, written one after the other.

Any number of workers share a job. Each reads a piece ahead while the database writes the one before. Pieces are written in the
order of (file, offset), whoever has them, so that a later line wins over an earlier one as if one worker had read everything.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from core.audience import Audience
from core.memory import without_collection
from core.sql import bigint_array, id_set, text_array
from endpoints.importer.piece import PieceResult, Prepared, prepare_piece, refresh_statistics, write_piece
from endpoints.importer.refusals import FileRefused
from endpoints.models import Endpoint
from segments.heartbeat import Heartbeat, LeaseLost
from segments.models import ImportBefore, ImportJob, ImportPiece, JobStatus, RefusedLine
from segments.services import completing, preparing, trying
from segments.sources import Source, SourceRefused
from segments.sources.stored import StoredSource

LEASE = datetime.timedelta(seconds=settings.IMPORT_LEASE_SECONDS)
_ATTEMPTS = 25  # claims of one piece, after which its workers are not just unlucky
_BATCH = 1000  # rows written at once
_PAUSE_SECONDS = 0.02  # between two looks whether it is this piece's turn
_SOURCE_SECONDS = 40 * 60  # a role's keys last an hour; a piece takes minutes at most

_KEEP_BEFORE = """
    INSERT INTO segments_importbefore (piece_id, kind, row_id, document)
    SELECT %s, %s, row_id, document FROM unnest(%s::bigint[], %s::jsonb[]) AS given(row_id, document)
"""

Clock = Callable[[], datetime.datetime]


class _EarlierIsFree(Exception):
    """An earlier piece lost its worker: whoever waits for it takes it over, instead of waiting for ever."""


class _Held:
    """A piece that this worker has, being read by its thread."""

    def __init__(self, piece: ImportPiece) -> None:
        self.piece = piece
        self.bytes_read = 0
        self.prepared: Future[Prepared]

    def beat(self, now: datetime.datetime) -> bool:
        held = ImportPiece.objects.filter(pk=self.piece.pk, epoch=self.piece.epoch, job__status=JobStatus.PROCESSING)
        held = held.exclude(state=ImportPiece.State.WAITING, lease_until=None)  # given back while this beat was under way
        return held.update(lease_until=now + LEASE, bytes_read=self.bytes_read) == 1


class Worker:
    """One worker's way through a job's pieces."""

    def __init__(self, *, job: ImportJob, clock: Clock, heartbeat: Heartbeat) -> None:
        self._job, self._clock, self._heartbeat = job, clock, heartbeat
        self._source: Source | None = None
        self._source_until = 0.0
        self._expect_new = not Endpoint.objects.filter(project=job.project).exists()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="piece")

    def carry_on(self) -> None:
        """Import pieces until none is free. Raises ``LeaseLost``; a refusal fails the job."""
        try:
            while self._go_through():
                pass
        except (FileRefused, SourceRefused) as refusal:
            completing.fail(job_id=self._job.pk, code=refusal.code, params=refusal.params, now=self._clock(), failed_pieces=1)
            raise LeaseLost from refusal
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _go_through(self) -> bool:
        """Whether to begin again, because a piece earlier than ours is free."""
        held: _Held | None = None
        ahead = self._take()
        while ahead is not None:
            held, ahead = ahead, None
            try:
                prepared = held.prepared.result()
                ahead = self._take()
                if ahead is not None and ahead.piece.number < held.piece.number:
                    raise _EarlierIsFree  # a dead worker's; it would wait for us, and we for it
                self._await_turn(held.piece)
                self._write(held.piece, prepared)
            except _EarlierIsFree:
                self._give_back(held, ahead)
                return True
            self._heartbeat.let_go(held)
        return False

    # -- claiming ----------------------------------------------------------------------------------------------------

    def _take(self) -> _Held | None:
        piece = claim(job=self._job, now=self._clock())
        if piece is None:
            return None
        if piece.epoch > _ATTEMPTS:
            raise SourceRefused("gave_up", key=piece.file_name, attempts=_ATTEMPTS)
        held = _Held(piece)
        source = self._source_now()  # may ask the database or STS, so not in the thread
        self._heartbeat.hold(held, lambda: held.beat(self._clock()))
        held.prepared = self._pool.submit(self._read, held, source)
        return held

    def _give_back(self, *all_held: _Held | None) -> None:
        for held in all_held:
            if held is not None:
                held.prepared.cancel()
                self._heartbeat.let_go(held)
                ImportPiece.objects.filter(pk=held.piece.pk, epoch=held.piece.epoch).update(lease_until=None)

    def _source_now(self) -> Source:
        now = time.monotonic()
        if self._source is None or now > self._source_until:
            self._source, self._source_until = preparing.source_of(self._job), now + _SOURCE_SECONDS
        return self._source

    # -- reading -----------------------------------------------------------------------------------------------------

    def _read(self, held: _Held, source: Source) -> Prepared:
        piece = held.piece

        def on_bytes(count: int) -> None:
            held.bytes_read += count
            self._heartbeat.check()

        source, key = (StoredSource(), piece.copy_key) if piece.copy_key else (source, self._key(piece))
        with source.open(key, etag=piece.etag, start=piece.start_byte, end=piece.end_byte) as stream:
            return prepare_piece(
                stream=stream, header=piece.header, first_line=piece.first_line, on_bytes=on_bytes, expect_new=self._expect_new
            )

    def _key(self, piece: ImportPiece) -> str:
        return self._job.upload_key if self._job.source == ImportJob.Source.UPLOAD else piece.file_name

    def _await_turn(self, piece: ImportPiece) -> None:
        earlier = ImportPiece.objects.filter(job=self._job, state=ImportPiece.State.WAITING, number__lt=piece.number)
        while (first := earlier.order_by("number").only("lease_until").first()) is not None:
            self._heartbeat.check()
            if not ImportJob.objects.filter(pk=self._job.pk, status=JobStatus.PROCESSING).exists():
                raise LeaseLost
            if first.lease_until is None or first.lease_until < self._clock():
                raise _EarlierIsFree
            time.sleep(_PAUSE_SECONDS)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write(self, piece: ImportPiece, prepared: Prepared) -> None:
        self._heartbeat.check()
        now = self._clock()
        examples: list[dict[str, Any]] = []
        if self._job.is_dry_run:
            with transaction.atomic():
                result = self._write_piece(prepared, now)
                created = _hashes_of_keys(result.created)
                ids = trying.worth_a_look(result=result)
                after = trying.picture(ids=ids)
                transaction.set_rollback(True)
            examples = trying.examples(before=trying.picture(ids=ids), after=after)
        with transaction.atomic():
            if not self._job.is_dry_run:
                result = self._write_piece(prepared, now)
                self._expect_new = len(result.created) * 2 > result.processed
                created = result.created
                self._keep_before(piece, result)
            self._keep_refused(piece, result)
            self._finish(piece, result, created, examples, now)
        if piece.number == 0:  # the other pieces merge into tables that were perhaps empty before
            refresh_statistics(created=len(result.created))

    def _write_piece(self, prepared: Prepared, now: datetime.datetime) -> PieceResult:
        with without_collection():
            return write_piece(
                project=self._job.project, prepared=prepared, now=now, register=self._job.register_endpoints, keep_before=True
            )

    def _keep_before(self, piece: ImportPiece, result: PieceResult) -> None:
        kinds = {ImportBefore.Kind.ENDPOINT: result.before.endpoints, ImportBefore.Kind.USER: result.before.users}
        with connection.cursor() as cursor:
            for kind, documents in kinds.items():
                if documents:
                    ids = bigint_array(document["id"] for document in documents)
                    texts = text_array(orjson.dumps(document).decode() for document in documents)
                    cursor.execute(_KEEP_BEFORE, [piece.pk, str(kind), ids, texts])

    def _keep_refused(self, piece: ImportPiece, result: PieceResult) -> None:
        name = self._job.upload_name or piece.file_name
        RefusedLine.objects.bulk_create(
            (
                RefusedLine(
                    job=self._job, piece=piece, file_name=name, line_number=line.line, column=line.column[:200],
                    code=line.code, params=line.params, line=line.raw.replace("\0", "␀"),
                )
                for line in result.refused
            ),
            batch_size=_BATCH,
        )  # fmt: skip

    def _finish(
        self, piece: ImportPiece, result: PieceResult, created: Audience, examples: list[dict[str, Any]], now: datetime.datetime
    ) -> None:
        """The piece and the job's counters: the last statements of the transaction, under the piece's epoch."""
        mine = ImportPiece.objects.filter(pk=piece.pk, epoch=piece.epoch, state=ImportPiece.State.WAITING)
        done = mine.update(
            state=ImportPiece.State.DONE, members=result.members, created=created, changed=result.changed, written_at=now,
            processed=result.processed, failed=len(result.refused), bytes_read=piece.end_byte - piece.start_byte, lease_until=None,
            examples=examples,
        )  # fmt: skip
        open_job = ImportJob.objects.filter(pk=self._job.pk, status=JobStatus.PROCESSING)
        notes: Any = F("notes")
        if result.kept_opted_out:
            notes = _with_kept(open_job.select_for_update().values_list("notes", flat=True).first() or [], result.kept_opted_out)
        counted = open_job.update(
            completed_pieces=F("completed_pieces") + 1,
            total_processed=F("total_processed") + result.processed,
            total_failures=F("total_failures") + len(result.refused),
            total_created=F("total_created") + len(created),
            total_changed=F("total_changed") + len(result.changed),
            total_unchanged=F("total_unchanged") + result.unchanged,
            notes=notes,
        )
        if not (done and counted):
            raise LeaseLost


def _hashes_of_keys(created: Audience) -> Audience:
    """What tells two Ids apart when the endpoints themselves are about to be rolled back: a dry run's later pieces make them again."""
    return id_set(
        "SELECT hashtextextended(endpoint_key, 0) & 9223372036854775807 FROM endpoints_endpoint WHERE id = ANY(%s::bigint[])",
        [bigint_array(created)],
    )


def claim(*, job: ImportJob, now: datetime.datetime) -> ImportPiece | None:
    """The first piece that nobody has, for a minute; None when there is none (or the job is closed)."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    with transaction.atomic():
        piece = (
            ImportPiece.objects.filter(free, job=job, state=ImportPiece.State.WAITING, job__status=JobStatus.PROCESSING)
            .order_by("number")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if piece is not None:
            piece.epoch += 1
            piece.lease_until = now + LEASE
            piece.save(update_fields=["epoch", "lease_until"])
    return piece


def _with_kept(notes: list[dict[str, Any]], more: int) -> list[dict[str, Any]]:
    others = [note for note in notes if note["code"] != "kept_opted_out"]
    before = sum(note["params"]["count"] for note in notes if note["code"] == "kept_opted_out")
    return [*others, {"code": "kept_opted_out", "params": {"count": before + more}}]
