"""Erasing a person from segments, imports and exports. Sets lose the id; a refused line keeps its number, not its text; files go."""

from __future__ import annotations

import json
from typing import Any

from django.core.files.storage import default_storage
from django.db import models
from django.utils.translation import gettext_noop

from core.striking import strike
from endpoints.ports import Erased, ErasedPerson
from segments.models import ExportJob, ImportBefore, ImportJob, ImportPiece, JobStatus, RefusedLine, SegmentVersion

_LINES = 2_000  # refused lines read at once
_PIECES = 20  # pieces read at once; each has three sets
_ROWS = 20_000  # numbers of rows read at once
_OVER = (JobStatus.COMPLETED, JobStatus.FAILED)


def erase_versions(person: ErasedPerson, after: int) -> Erased:
    return _strike(SegmentVersion.objects.filter(segment__project_id=person.project_id), person, after)


def erase_pieces(person: ErasedPerson, after: int) -> Erased:
    """Whom a piece named, made and changed, and the examples of a dry run."""
    page = list(_pieces(person).filter(pk__gt=after).order_by("pk").only("members", "created", "changed", "examples")[:_PIECES])
    rows = 0
    for piece in page:
        sets = {name: getattr(piece, name) for name in ("members", "created", "changed")}
        changes: dict[str, Any] = {name: found - person.ids for name, found in sets.items() if found and found & person.ids}
        examples = [one for one in piece.examples if not person.is_named_in(json.dumps(one, ensure_ascii=False))]
        if len(examples) < len(piece.examples):
            changes["examples"] = examples
        if changes:
            rows += ImportPiece.objects.filter(pk=piece.pk).update(**changes)
    return Erased(rows=rows, after=page[-1].pk if len(page) == _PIECES else None)


def _pieces(person: ErasedPerson) -> models.QuerySet[ImportPiece]:
    return ImportPiece.objects.filter(job__project_id=person.project_id)


def _strike(rows: models.QuerySet[Any], person: ErasedPerson, after: int) -> Erased:
    struck = strike(queryset=rows, field="members", ids=person.ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)


def erase_before(person: ErasedPerson, after: int) -> Erased:
    """What undoing an import would put back."""
    rows = ImportBefore.objects.filter(piece__job__project_id=person.project_id, pk__gt=after).order_by("pk")
    page = list(rows.values_list("pk", "kind", "row_id")[:_ROWS])
    ids, users = set(person.endpoint_ids), {person.user_pk}
    held = [pk for pk, kind, row_id in page if row_id in (users if kind == ImportBefore.Kind.USER else ids)]
    deleted, _tables = ImportBefore.objects.filter(pk__in=held).delete()
    return Erased(rows=deleted, after=page[-1][0] if len(page) == _ROWS else None)


def erase_files(person: ErasedPerson, after: int) -> Erased:
    """Uploaded and converted files of the imports that the person came by. Waits for those at work when the erasure was asked for.

    Comes before the pieces, whose sets say which imports these are. An import tried again later then says that its file is gone.
    """
    jobs = ImportJob.objects.filter(project_id=person.project_id)
    at_work = jobs.exclude(status__in=[*_OVER, JobStatus.PENDING_JOB]) | jobs.filter(undo=ImportJob.Undo.ASKED)
    if at_work.filter(created_at__lte=person.asked_at).exists():
        return Erased(waits_for=gettext_noop("an import that is running"))
    page = list(jobs.filter(pk__gt=after).order_by("pk")[:_PIECES])
    removed = 0
    for job in page:
        pieces = job.pieces.exclude(members=None).only("members")
        if any(piece.members & person.ids for piece in pieces.iterator(chunk_size=_PIECES) if piece.members):
            removed += _remove_files(job)
    return Erased(rows=removed, after=page[-1].pk if len(page) == _PIECES else None)


def _remove_files(job: ImportJob) -> int:
    names = {job.upload_key, *job.pieces.values_list("copy_key", flat=True)} - {""}
    held = [name for name in sorted(names) if default_storage.exists(name)]
    for name in held:
        default_storage.delete(name)
    return len(held)


def erase_refused_lines(person: ErasedPerson, after: int) -> Erased:
    """Lines that name the person lose their text; with them go the stored files they stood in."""
    lines = RefusedLine.objects.select_related("job").filter(job__project_id=person.project_id, pk__gt=after)
    page = list(lines.exclude(code="erased").order_by("pk")[:_LINES])
    named = [line for line in page if person.is_named_in(line.line) or person.is_named_in(str(line.params))]
    RefusedLine.objects.filter(pk__in=[line.pk for line in named]).update(code="erased", params={}, line="", column="")
    for job in {line.job for line in named if line.job.is_finished}:
        _remove_files(job)
    return Erased(rows=len(named), after=page[-1].pk if len(page) == _LINES else None)


def erase_exports(person: ErasedPerson, after: int) -> Erased:
    """Downloads made before are taken away: whom they hold is not kept. What went to a bucket is the bucket owner's to delete."""
    jobs = ExportJob.objects.filter(project_id=person.project_id, created_at__lte=person.asked_at)
    if jobs.exclude(status__in=_OVER).exists():
        return Erased(waits_for=gettext_noop("an export that is running"))
    page = list(jobs.exclude(file_key="").filter(removed_at=None, pk__gt=after).order_by("pk")[:20])
    for job in page:
        default_storage.delete(job.file_key)
        ExportJob.objects.filter(pk=job.pk).update(removed_at=person.asked_at)
    return Erased(rows=len(page), after=page[-1].pk if len(page) == 20 else None)
