"""Reads of import jobs for pages: what happened, in words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from endpoints.importer import refusals
from projects.models import Project
from segments import sources
from segments.models import ImportJob, ImportPiece, JobStatus, RefusedLine, ScheduledImport


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A refused line as a page shows it."""

    id: int
    file_name: str
    line_number: int
    column: str
    reason: str
    line: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of all: half of a piece is done when it is read, the other half when it is written. ``percent`` is whole."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0


def jobs(*, project: Project) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(project=project).select_related("segment", "created_by").order_by("-id")


def progress(*, job: ImportJob) -> Progress:
    written = Sum("bytes_read", filter=~Q(state=ImportPiece.State.WAITING), default=0)
    sums = job.pieces.aggregate(read=Sum("bytes_read", default=0), written=written)
    done = (sums["read"] + sums["written"]) // 2
    return Progress(done=job.bytes_total if job.status == "COMPLETED" else done, total=job.bytes_total)


def refused_rows(*, job: ImportJob, after: int = 0, limit: int = 100) -> list[RefusedRow]:
    """Refused lines in the order of the files, ``after`` a row's id."""
    return [_row(line) for line in RefusedLine.objects.filter(job=job, pk__gt=after).order_by("pk")[:limit]]


def all_refused(*, job: ImportJob) -> Iterator[RefusedRow]:
    for line in RefusedLine.objects.filter(job=job).order_by("pk").iterator(chunk_size=1000):
        yield _row(line)


def _row(line: RefusedLine) -> RefusedRow:
    return RefusedRow(
        id=line.pk, file_name=line.file_name, line_number=line.line_number, column=line.column,
        reason=refusals.sentence(line.code, line.params), line=line.line,
    )  # fmt: skip


def failure_sentence(job: ImportJob) -> str:
    """Why the whole job was refused, in the present language."""
    if not job.failure:
        return ""
    code, params = job.failure["code"], job.failure["params"]
    if code == "cancelled":
        return _("The import was cancelled. What was imported before stays; no segment was made.")
    known = refusals.sentence(code, params)
    return known if known != code else sources.sentence(code, params)


def repeated_lines(job: ImportJob) -> int:
    """Lines that were taken and made no endpoint's count: what new, changed and unchanged ones leave of them. May be below 0."""
    counted = job.total_created + job.total_changed + job.total_unchanged
    return job.total_processed - job.total_failures - counted if job.register_endpoints else 0


def sum_sentences(job: ImportJob) -> list[str]:
    """How the lines that were taken and the endpoints come together, where they are not one for one."""
    rest = repeated_lines(job)
    if not job.is_finished or job.failure or not rest:
        return []
    if rest < 0:
        along = ngettext(
            "%(count)s endpoint of those that changed stands in no line: it lost its address or its user to one that does.",
            "%(count)s endpoints of those that changed stand in no line: they lost their address or their user to one that does.",
            -rest,
        )
        return [along % {"count": f"{-rest:,}"}]
    repeated = ngettext(
        "%(count)s line repeats an Id that stood earlier in the file; the last one holds.",
        "%(count)s lines repeat an Id that stood earlier in the file; the last one holds.",
        rest,
    )
    alone = _("Lines that give a UserId alone count among them: they only name that user's endpoints.")
    return [repeated % {"count": f"{rest:,}"}, alone]


def note_sentences(job: ImportJob) -> list[str]:
    """What else is worth knowing: skipped files, ignored columns, people who stay opted out."""
    sentences: dict[str, Any] = {
        "skipped_format": _("%(file)s has the other format and was skipped."),
        "skipped_format_more": _("%(count)s more files have the other format and were skipped."),
        "ignored_column_more": _("The same goes for %(count)s more columns, in other files."),
        "ignored_column": _("The column %(column)s of %(file)s is not imported; the console keeps it itself."),
        "kept_opted_out": _("%(count)s who unsubscribed themselves stay unsubscribed, although the file says otherwise."),
    }
    return [sentences[note["code"]] % note["params"] for note in job.notes if note["code"] in sentences]


@dataclass(frozen=True, slots=True)
class Offer:
    """A way in which a job may be tried again: what the view is told, and the button's text."""

    way: str
    label: str


_COLUMN_FAILURES = {
    "unknown_column", "unknown_column_alone", "no_key_column", "attribute_name_long", "attribute_name_empty", "repeated_column", "cp949",
    "looks_like_csv",
}  # fmt: skip


def offers(*, job: ImportJob) -> list[Offer]:
    """What may be done with a finished job, the likeliest first."""
    if job.is_dry_run and job.status == JobStatus.COMPLETED:
        return [Offer("FOR_REAL", _("Import it now"))]
    if job.status != JobStatus.FAILED:
        return []
    code = (job.failure or {}).get("code", "")
    found = []
    if code == "cp949":
        found.append(Offer("CP949", _("Convert it from CP949 and import it")))
    if code in _COLUMN_FAILURES:
        found.append(Offer("COLUMNS", _("Choose the columns")))
    return [*found, Offer("", _("Try again"))]


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A scheduled import as the page shows it; ``failure`` and ``found`` are sentences about the last look."""

    public_id: str
    name: str
    s3_url: str
    how_often: str
    is_paused: bool
    next_run_at: datetime.datetime
    last_run_at: datetime.datetime | None
    failure: str
    found: str
    segment_id: str
    job_id: str


def schedules(*, project: Project) -> list[ScheduleRow]:
    """The project's scheduled imports, the newest first."""
    last = ImportJob.objects.filter(schedule=OuterRef("pk")).order_by("-id").values("public_id")[:1]
    found = ScheduledImport.objects.filter(project=project, deleted_at=None).select_related("segment")
    return [
        _schedule_row(schedule, schedule.last_job) for schedule in found.annotate(last_job=Subquery(last)).order_by("-id")[:200]
    ]


def _schedule_row(schedule: ScheduledImport, last_job: str | None) -> ScheduleRow:
    failure = schedule.last_failure
    found = schedule.last_found or 0
    return ScheduleRow(
        public_id=schedule.public_id, name=schedule.name, s3_url=schedule.s3_url, how_often=_how_often(schedule),
        is_paused=schedule.is_paused, next_run_at=schedule.next_run_at, last_run_at=schedule.last_run_at,
        failure=sources.sentence(failure["code"], failure["params"]) if failure else "",
        found=_("%(count)s new or changed files") % {"count": found} if found else _("Nothing new"),
        segment_id=schedule.segment.public_id if schedule.segment and schedule.segment.deleted_at is None else "",
        job_id=last_job or "",
    )  # fmt: skip


def _how_often(schedule: ScheduledImport) -> str:
    sentences = {
        ScheduledImport.Unit.MINUTES: _("Every %(every)s minutes"),
        ScheduledImport.Unit.HOURS: _("Every %(every)s hours"),
        ScheduledImport.Unit.DAYS: _("Every %(every)s days"),
    }
    return sentences[ScheduledImport.Unit(schedule.unit)] % {"every": schedule.every}


def undo_sentence(*, job: ImportJob) -> str:
    """What undoing has come to; empty when nobody asked for it."""
    if job.undone is None:
        return ""
    if job.undo == ImportJob.Undo.ASKED:
        return _("The import is being undone.")
    done: str = _("Undone: %(deleted)s new endpoints deleted, %(restored)s put back as they were.") % job.undone
    if not job.undone["left"]:
        return done
    left: str = _("%(left)s were changed by somebody since, and were left as they are.") % job.undone
    return f"{done} {left}"


@dataclass(frozen=True, slots=True)
class Change:
    """A field of an endpoint (or user) that a dry run found to change."""

    id: str
    field: str
    before: str
    after: str


def example_changes(*, job: ImportJob, limit: int = 50) -> list[Change]:
    """A few of the changes that a dry run found, in the order of the files."""
    found: list[Change] = []
    for examples in job.pieces.exclude(examples=[]).order_by("number").values_list("examples", flat=True)[:20]:
        for example in examples:
            found += [Change(example["id"], field, before, after) for field, before, after in example["changes"]]
    return found[:limit]


def job_response(*, job: ImportJob) -> dict[str, Any]:
    """Pinpoint's ImportJobResponse: the request, the created segment, counters, and the first 100 failures as texts."""
    definition: dict[str, Any] = {
        "DefineSegment": job.define_segment,
        "ExternalId": project_external_id(job),
        "Format": job.format,
        "RegisterEndpoints": job.register_endpoints,
        "RoleArn": job.connection.role_arn if job.connection else "",
        "S3Url": job.s3_url or job.upload_name,
        "SegmentName": job.segment_name,
    }
    if job.segment is not None:
        definition["SegmentId"] = job.segment.public_id
    response: dict[str, Any] = {
        "ApplicationId": job.project.public_id,
        "CompletedPieces": job.completed_pieces,
        "CreationDate": instant(job.created_at),
        "Definition": definition,
        "FailedPieces": job.failed_pieces,
        "Failures": [failure_text(row) for row in refused_rows(job=job, limit=100)],
        "Id": job.public_id,
        "JobStatus": job.status,
        "TotalFailures": job.total_failures,
        "TotalPieces": job.total_pieces,
        "TotalProcessed": job.total_processed,
        "Type": "IMPORT",
    }
    if job.completed_at is not None:
        response["CompletionDate"] = instant(job.completed_at)
    return response


def project_external_id(job: ImportJob) -> str:
    return job.project.public_id if job.connection and job.connection.role_arn else ""


def failure_text(row: RefusedRow) -> str:
    place = f"{row.file_name}:{row.line_number}"
    return f"{place} {row.column}: {row.reason}" if row.column else f"{place}: {row.reason}"


def instant(at: datetime.datetime) -> str:
    """As Pinpoint writes it: ISO 8601 in UTC with milliseconds."""
    return at.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
