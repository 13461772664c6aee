"""Reads of import jobs for pages: what happened, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from endpoints.importer import refusals
from projects.models import Project
from segments import sources
from segments.models import ImportJob, JobStatus, RefusedLine


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
    """Bytes read of all; ``percent`` is whole."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, self.done * 100 // self.total) if self.total else 0


def jobs(*, project: Project) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(project=project).select_related("segment", "created_by").order_by("-id")


def progress(*, job: ImportJob) -> Progress:
    read = job.pieces.aggregate(read=Sum("bytes_read"))["read"] or 0
    return Progress(done=job.bytes_total if job.status == "COMPLETED" else read, total=job.bytes_total)


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


def note_sentences(job: ImportJob) -> list[str]:
    """What else is worth knowing: skipped files, ignored columns, people who stay opted out."""
    sentences: dict[str, Any] = {
        "skipped_format": _("%(file)s has the other format and was skipped."),
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
