"""Import jobs: asked for, watched, their refused lines as a page and as a file."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role
from segments import importing
from segments.forms.imports import ConnectionForm, ImportForm
from segments.models import ImportJob
from segments.services import connections, imports, undoing

_PAGE = 100
_SHOWN = 20
# What a job may be tried again as → fields of the order.
_WAYS: dict[str, dict[str, Any]] = {
    "CP949": {"encoding": "CP949"},
    "COLUMNS": {"format": "CSV", "is_held": True},
    "FOR_REAL": {"is_dry_run": False},
}


def list_imports(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    before = keyset.position(request.GET.get("before", ""))
    found = importing.jobs(project=access.project)
    if before is not None:
        found = found.filter(pk__lt=before)
    jobs = list(found[: _PAGE + 1])
    context: dict[str, Any] = {
        "jobs": jobs[:_PAGE],
        "next_before": jobs[_PAGE - 1].pk if len(jobs) > _PAGE else None,
        "tab": "imports",
    }
    context["schedules"] = importing.schedules(project=access.project)
    return render(request, "segments/import_list.html", context)


def create_import(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = ImportForm(request.POST or None, request.FILES or None, project=access.project)
    new = ConnectionForm(request.POST if form.is_bound and form.wants_new_connection else None, prefix="new")
    if form.is_bound and form.is_valid() and (not form.wants_new_connection or new.is_valid()):
        try:
            jobs = _create(access, form, new)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            if len(jobs) == 1 and jobs[0].is_held:
                return redirect("segments:choose-columns", project_id, jobs[0].public_id)
            if len(jobs) == 1:
                return redirect("segments:show-import", project_id, jobs[0].public_id)
            return redirect("segments:list-imports", project_id)
    return render(request, "segments/import_create.html", {"form": form, "new": new})


def _create(access: Access, form: ImportForm, new: ConnectionForm) -> list[ImportJob]:
    values, now = form.cleaned_data, clock.now()
    order = imports.Order(**form.order())
    if values["source"] == "UPLOAD":
        several = dataclasses.replace(order, segment_name="") if len(values["uploads"]) > 1 else order
        return [
            imports.create_upload_import(project=access.project, actor=access.user, upload=file, order=several, now=now)
            for file in values["uploads"]
        ]
    with transaction.atomic():  # a refused import leaves no new connection behind, whose name would then be taken
        connection = form.chosen_connection
        if form.wants_new_connection:
            connection = connections.create_connection(project=access.project, actor=access.user, now=now, **new.cleaned_data)
        return [
            imports.create_s3_import(
                project=access.project, actor=access.user, s3_url=values["s3_url"], connection=connection, order=order, now=now
            )
        ]


def _job(access: Access, job_id: str) -> ImportJob:
    return get_object_or_404(importing.jobs(project=access.project), public_id=job_id)


def show_import(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    job = _job(access, job_id)
    context = {
        "job": job,
        "progress": importing.progress(job=job),
        "failure": importing.failure_sentence(job),
        "notes": importing.note_sentences(job),
        "repeated": max(0, importing.repeated_lines(job)),
        "sums": importing.sum_sentences(job),
        "taken": job.total_processed - job.total_failures,
        "refused": importing.refused_rows(job=job, limit=_SHOWN) if job.is_finished else [],
        "offers": importing.offers(job=job),
        "may_undo": undoing.may_undo(job=job, now=clock.now()),
        "undone": importing.undo_sentence(job=job),
        "changes": importing.example_changes(job=job) if job.is_dry_run and job.is_finished else [],
    }
    template = "segments/_import_progress.html" if request.headers.get("HX-Request") else "segments/import_show.html"
    return render(request, template, context)


def list_refused_lines(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    job = _job(access, job_id)
    rows = importing.refused_rows(job=job, after=keyset.position(request.GET.get("after", "")) or 0, limit=_PAGE + 1)
    context = {"job": job, "refused": rows[:_PAGE], "next_after": rows[_PAGE - 1].id if len(rows) > _PAGE else None}
    return render(request, "segments/import_refused.html", context)


def download_refused_lines(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse | StreamingHttpResponse:
    """The refused lines as they stood, with the reason in a last column: to be mended and imported again."""
    access = project_or_404(request, project_id)
    job = _job(access, job_id)
    name = f"refused-{job.public_id[:8]}.{'csv' if job.format == ImportJob.Format.CSV else 'txt'}"
    return StreamingHttpResponse(
        _refused_file(job),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Echo:
    def write(self, text: str) -> str:
        return text


def _refused_file(job: ImportJob) -> Iterator[str]:
    writer = csv.writer(_Echo())
    header = job.pieces.order_by("number").values_list("header", flat=True).first() or []
    yield "\ufeff"  # Korean Excel knows UTF-8 by its mark alone
    if header:
        yield writer.writerow([*header, "Pabal.Reason"])
    for row in importing.all_refused(job=job):
        reason = _("Line %(number)s") % {"number": row.line_number} + f" {row.column} {row.reason}"
        quoted = writer.writerow([reason.replace("  ", " ")])
        yield f"{row.line},{quoted}" if header else f"{row.line}\t{reason}\r\n"


@require_POST
def cancel_import(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        imports.cancel_import(job=_job(access, job_id), actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("segments:show-import", project_id, job_id)


@require_POST
def retry_import(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    """Again, as it was or in one of the ways that a failed job's page offers."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    job = _job(access, job_id)
    changes = _WAYS.get(request.POST.get("way", ""), {})
    try:
        job = imports.retry_import(job=job, actor=access.user, now=clock.now(), **changes)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("segments:show-import", project_id, job_id)
    return redirect("segments:choose-columns" if job.is_held else "segments:show-import", project_id, job.public_id)


@require_POST
def undo_import(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        undoing.ask_undo(job=_job(access, job_id), actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("segments:show-import", project_id, job_id)
