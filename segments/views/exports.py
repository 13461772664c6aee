"""Export jobs: asked for, watched, fetched."""

from __future__ import annotations

import re

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock, keyset
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role
from segments import exported
from segments.forms.exports import ExportForm
from segments.models import ExportJob
from segments.services import exports

_PAGE = 100


def list_exports(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    before = keyset.position(request.GET.get("before", ""))
    found = exported.jobs(project=access.project)
    if before is not None:
        found = found.filter(pk__lt=before)
    jobs = list(found[: _PAGE + 1])
    lines = [{"job": job, "title": exported.title(job)} for job in jobs[:_PAGE]]
    context = {"lines": lines, "next_before": jobs[_PAGE - 1].pk if len(jobs) > _PAGE else None, "tab": "exports"}
    return render(request, "segments/export_list.html", context)


def create_export(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    initial = {"segment": request.GET.get("segment", "")}
    form = ExportForm(request.POST or None, project=access.project, initial=initial)
    if form.is_valid():
        try:
            job = exports.create_export(
                project=access.project, actor=access.user, segment=form.chosen_segment, now=clock.now(),
                destination=form.cleaned_data["destination"], format=form.cleaned_data["format"],
                s3_url_prefix=form.cleaned_data["s3_url_prefix"] if form.cleaned_data["destination"] == "S3" else "",
                connection=form.chosen_connection if form.cleaned_data["destination"] == "S3" else None,
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("segments:show-export", project_id, job.public_id)
    return render(request, "segments/export_create.html", {"form": form, "tab": "exports"})


def _job(access: Access, export_id: str) -> ExportJob:
    return get_object_or_404(exported.jobs(project=access.project), public_id=export_id)


def show_export(request: HttpRequest, project_id: str, export_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    job = _job(access, export_id)
    context = {
        "job": job,
        "title": exported.title(job),
        "percent": exported.percent(job),
        "failure": exported.failure_sentence(job),
        "keys": list(job.parts.order_by("number").values_list("key", flat=True)[:20]) if job.destination == "S3" else [],
        "kept_days": exports.KEEP.days,
    }
    template = "segments/_export_progress.html" if request.headers.get("HX-Request") else "segments/export_show.html"
    return render(request, template, context)


def download_export(request: HttpRequest, project_id: str, export_id: str) -> HttpResponse | FileResponse:
    """The finished file. Only who may edit: it is everybody's address at once."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    job = _job(access, export_id)
    if not job.has_file or not default_storage.exists(job.file_key):
        raise Http404
    exports.note_download(job=job, actor=access.user, now=clock.now())
    name = re.sub(r"[^\w.-]+", "-", exported.title(job)).strip("-.")[:80] or "export"
    ending = "jsonl" if job.format == ExportJob.Format.JSON else job.format.lower()
    return FileResponse(default_storage.open(job.file_key, "rb"), as_attachment=True, filename=f"{name}.{ending}")


@require_POST
def cancel_export(request: HttpRequest, project_id: str, export_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        exports.cancel_export(job=_job(access, export_id), actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("segments:show-export", project_id, export_id)


@require_POST
def retry_export(request: HttpRequest, project_id: str, export_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    try:
        job = exports.retry_export(job=_job(access, export_id), actor=access.user, now=clock.now())
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("segments:show-export", project_id, export_id)
    messages.success(request, _("The export was begun again."))
    return redirect("segments:show-export", project_id, job.public_id)
