"""Choosing what the columns of a file are, before its import begins."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from core import clock
from core.errors import Refusal
from projects.access import project_or_404
from projects.models import Role
from segments import importing
from segments.forms.columns import ColumnsForm
from segments.models import ImportJob
from segments.services import imports, looking

_ENCODINGS = frozenset(ImportJob.Encoding.values)


def choose_columns(request: HttpRequest, project_id: str, job_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    job = get_object_or_404(importing.jobs(project=access.project), public_id=job_id)
    if not job.is_held:
        return redirect("segments:show-import", project_id, job_id)
    sheet = request.POST.get("sheet", "")
    encoding = request.POST.get("encoding", "") or (job.encoding if job.encoding != "UTF-8" else "")
    try:
        look = looking.first_look(job=job, sheet=sheet, encoding=encoding if encoding in _ENCODINGS else "")
    except Refusal as refusal:
        return render(request, "segments/columns_refused.html", {"job": job, "refusal": refusal.message})
    mapping, is_remembered = looking.proposed(job=job, look=look)
    is_new_look = request.method != "POST" or "look" in request.POST
    form = ColumnsForm(None if is_new_look else request.POST, look=look, mapping=mapping, sheet=sheet)
    if form.is_valid():
        try:
            imports.begin_held_import(
                job=job, actor=access.user, names=look.names, mapping=form.mapping(), sheet=sheet, encoding=look.encoding,
                now=clock.now(),
            )  # fmt: skip
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            return redirect("segments:show-import", project_id, job_id)
    context = {"job": job, "form": form, "rows": form.rows(), "is_remembered": is_remembered, "has_sheets": bool(look.sheets)}
    return render(request, "segments/columns.html", context)
