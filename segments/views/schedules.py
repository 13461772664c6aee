"""Scheduled imports: made, paused, resumed, deleted. The list is a part of the imports' page."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from projects.access import project_or_404
from projects.models import Role
from segments.forms.schedules import ScheduledImportForm
from segments.models import ScheduledImport
from segments.services import schedules


def create_schedule(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = ScheduledImportForm(request.POST or None, project=access.project)
    if form.is_valid():
        try:
            schedules.create_schedule(project=access.project, actor=access.user, now=clock.now(), **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The import is scheduled. Its first look is under way."))
            return redirect("segments:list-imports", project_id)
    return render(request, "segments/schedule_create.html", {"form": form, "tab": "imports"})


@require_POST
def change_schedule(request: HttpRequest, project_id: str, schedule_id: str) -> HttpResponse:
    """Pause, resume or delete."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    found = ScheduledImport.objects.filter(project=access.project, deleted_at=None).select_related("project")
    schedule = get_object_or_404(found, public_id=schedule_id)
    deeds: dict[str, Callable[..., None]] = {
        "pause": schedules.pause_schedule,
        "resume": schedules.resume_schedule,
        "delete": schedules.delete_schedule,
    }
    deed = deeds.get(request.POST.get("deed", ""))
    if deed is not None:
        try:
            deed(schedule=schedule, actor=access.user, now=clock.now())
        except Refusal as refusal:
            messages.error(request, refusal.message)
    return redirect("segments:list-imports", project_id)
