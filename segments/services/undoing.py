"""Undoing a whole import for 7 days: what it made is deleted, what it changed is put back, where nobody has written it since."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.audience import Audience
from core.errors import Refusal
from endpoints.writing import restoring
from endpoints.writing.before import Before
from projects.models import User
from projects.services import audit
from segments import uses
from segments.heartbeat import Heartbeat, LeaseLost
from segments.models import ImportBefore, ImportJob, ImportPiece, JobStatus, SegmentType
from segments.services import segments

KEPT = datetime.timedelta(days=7)  # what was there before an import
LEASE = datetime.timedelta(seconds=60)
_FILES = 200  # jobs whose files one call removes

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


class UndoRefused(Refusal):
    """The import can't be undone (any more)."""


def may_undo(*, job: ImportJob, now: datetime.datetime) -> bool:
    """Whether the import wrote anything, and is young enough."""
    return (
        job.is_finished
        and job.register_endpoints
        and not job.is_dry_run
        and job.undo == ImportJob.Undo.NONE
        and job.completed_pieces > 0
        and job.completed_at is not None
        and job.completed_at > now - KEPT
    )


def ask_undo(*, job: ImportJob, actor: User, now: datetime.datetime) -> None:
    """Undo an import in the background; raises ``UndoRefused``, or ``SegmentInUse`` when its new segment is used."""
    with transaction.atomic():
        locked = ImportJob.objects.select_for_update(of=("self",)).select_related("project", "segment").get(pk=job.pk)
        if not may_undo(job=locked, now=now):
            raise UndoRefused(_("This import can't be undone: it wrote nothing, was undone before, or is older than 7 days."))
        if _made_segment(locked):
            assert locked.segment is not None
            users = uses.segment_uses(segment=locked.segment).names
            if users:
                raise segments.SegmentInUse(
                    _("This segment is used by %(users)s. Change or delete that first.") % {"users": ", ".join(users)}, users
                )
        locked.undo = ImportJob.Undo.ASKED
        locked.undone = {"at": now.isoformat(), "by": actor.pk, "deleted": 0, "restored": 0, "left": 0}
        locked.lease_until = None
        locked.save(update_fields=["undo", "undone", "lease_until"])
        audit.record(project=locked.project, actor=actor, verb="import.undone", target=locked, now=now, name=locked.segment_name)
        transaction.on_commit(lambda: _dispatch(locked.pk))


def _dispatch(job_id: int) -> None:
    from segments.tasks import import_undo

    import_undo.delay(job_id)


def due_undoes(*, now: datetime.datetime) -> list[int]:
    """Imports to be undone that no live worker has."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    return list(ImportJob.objects.filter(free, undo=ImportJob.Undo.ASKED).order_by("id").values_list("pk", flat=True)[:20])


def run_undo(*, job_id: int, clock: Clock) -> None:
    """Undo the pieces, the last one first, each in a transaction of its own; then the segment."""
    free = Q(lease_until=None) | Q(lease_until__lt=clock())
    asked = ImportJob.objects.filter(free, pk=job_id, undo=ImportJob.Undo.ASKED)
    if not asked.update(epoch=F("epoch") + 1, lease_until=clock() + LEASE):
        return
    job = ImportJob.objects.select_related("project", "segment", "created_by").get(pk=job_id)
    mine = ImportJob.objects.filter(pk=job.pk, epoch=job.epoch, undo=ImportJob.Undo.ASKED)
    try:
        with Heartbeat() as heartbeat:
            heartbeat.hold(job, lambda: mine.update(lease_until=clock() + LEASE) == 1)
            counted_later = _in_earlier_pieces(job)
            for piece in job.pieces.filter(state=ImportPiece.State.DONE).order_by("-number"):
                heartbeat.check()
                _undo_piece(job, piece, counted_later.get(piece.number, Audience()))
            _finish(job)
    except LeaseLost:
        _log.info("undoing import %s: the lease is gone", job.public_id)


def _in_earlier_pieces(job: ImportJob) -> dict[int, Audience]:
    """By the number of a piece those of its endpoints that stand in an earlier one, too: what becomes of them is known there."""
    seen, found = Audience(), {}
    waiting = job.pieces.filter(state=ImportPiece.State.DONE).order_by("number").only("number", "created", "changed")
    for piece in waiting.iterator(chunk_size=50):
        ids = (piece.created or Audience()) | (piece.changed or Audience())
        if ids & seen:
            found[piece.number] = ids & seen
        seen = seen | ids
    return found


def _undo_piece(job: ImportJob, piece: ImportPiece, counted_later: Audience) -> None:
    """Put back what a piece wrote. ``counted_later``: endpoints that are not counted here."""
    assert job.undone is not None
    at = datetime.datetime.fromisoformat(job.undone["at"])
    kept = {kind: list(rows) for kind, rows in _kept(piece).items()}
    with transaction.atomic():
        restored = restoring.put_back(
            project_id=job.project_id,
            before=Before(endpoints=kept["ENDPOINT"], users=kept["USER"]),
            created=list(piece.created or Audience()),
            written_at=piece.written_at or at,
            now=at,
        )
        ImportBefore.objects.filter(piece=piece).delete()
        undone = job.undone | {
            "deleted": job.undone["deleted"] + len(restored.deleted - counted_later),
            "restored": job.undone["restored"] + len(restored.restored - counted_later),
            "left": job.undone["left"] + len(restored.left - counted_later),
        }
        waiting = ImportPiece.objects.filter(pk=piece.pk, state=ImportPiece.State.DONE)
        mine = ImportJob.objects.filter(pk=job.pk, epoch=job.epoch, undo=ImportJob.Undo.ASKED)
        if not (waiting.update(state=ImportPiece.State.UNDONE) and mine.update(undone=undone)):
            raise LeaseLost
    job.undone = undone


def _kept(piece: ImportPiece) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"ENDPOINT": [], "USER": []}
    for kind, document in ImportBefore.objects.filter(piece=piece).order_by("row_id").values_list("kind", "document"):
        found[kind].append(document)
    return found


def _made_segment(job: ImportJob) -> bool:
    """Whether the job's segment is one that it made itself, and nobody has changed since."""
    segment = job.segment
    return segment is not None and segment.deleted_at is None and job.segment_version == 1 == segment.version


def _finish(job: ImportJob) -> None:
    """Take the segment (or its version) away, and close the undoing, in one transaction."""
    assert job.undone is not None
    at = datetime.datetime.fromisoformat(job.undone["at"])
    actor = User.objects.filter(pk=job.undone["by"]).first()
    with transaction.atomic():
        if job.segment is not None and job.segment.deleted_at is None:
            _undo_segment(job, actor, at)
        mine = ImportJob.objects.filter(pk=job.pk, epoch=job.epoch, undo=ImportJob.Undo.ASKED)
        if not mine.update(undo=ImportJob.Undo.DONE, lease_until=None):
            raise LeaseLost


def _undo_segment(job: ImportJob, actor: User | None, at: datetime.datetime) -> None:
    segment = job.segment
    assert segment is not None
    if _made_segment(job):
        try:
            segments.delete_segment(segment=segment, actor=actor, now=at)
        except segments.SegmentInUse:  # by somebody who was quicker; an empty segment harms nobody
            _log.info("undoing import %s: its segment is used, and stays", job.public_id)
        return
    if segment.version != job.segment_version or segment.segment_type != SegmentType.IMPORT:
        return  # changed since: what came later stays
    earlier = segment.versions.filter(version=segment.version - 1).first()
    if earlier is not None and earlier.members is not None:
        segments.update_import_segment(
            segment=segment, actor=actor, members=earlier.members, import_definition=earlier.import_definition or {}, now=at
        )


def purge(*, now: datetime.datetime) -> int:
    """Forget what was there before imports older than 7 days, and the files that were kept of them; how many rows."""
    jobs = ImportJob.objects.filter(completed_at__lt=now - KEPT, status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
    jobs = jobs.exclude(undo=ImportJob.Undo.ASKED)
    deleted, _tables = ImportBefore.objects.filter(piece__job__in=jobs).delete()
    for job in jobs.filter(files_removed_at=None).order_by("pk")[:_FILES]:
        names = {job.upload_key, *job.pieces.values_list("copy_key", flat=True)} - {""}
        again = ImportJob.objects.filter(upload_key=job.upload_key, files_removed_at=None).exclude(pk=job.pk)
        if again.exists():  # tried again later, from the same upload: the last of them takes it away
            names.discard(job.upload_key)
        for name in names:
            default_storage.delete(name)
        ImportJob.objects.filter(pk=job.pk).update(files_removed_at=now)
    return deleted
