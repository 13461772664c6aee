"""Named S3 connections: made, tried out, deleted."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import clock
from core.errors import Refusal
from projects.access import project_or_404
from projects.models import Role
from segments.forms.imports import CheckConnectionForm, ConnectionForm
from segments.models import Connection
from segments.services import connections


def list_connections(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER if request.method == "POST" else Role.VIEWER)
    form = ConnectionForm(request.POST or None)
    if form.is_valid():
        try:
            connections.create_connection(project=access.project, actor=access.user, now=clock.now(), **form.cleaned_data)
        except Refusal as refusal:
            form.add_error("name", refusal.message)
        else:
            messages.success(request, _("The connection is saved."))
            return redirect("segments:list-connections", project_id)
    found = Connection.objects.filter(project=access.project).order_by("name")
    context = {"form": form, "connections": found, "check": CheckConnectionForm(prefix="check", project=access.project)}
    return render(request, "segments/connections.html", context)


@require_POST
def check_connection(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = CheckConnectionForm(request.POST, prefix="check", project=access.project)
    if not form.is_valid():
        messages.error(request, _("Choose a connection and enter an S3 address to try it with."))
        return redirect("segments:list-connections", project_id)
    url = form.cleaned_data["s3_url"]
    try:
        found = connections.check_connection(connection=form.cleaned_data["connection"], s3_url=url)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        told = {"count": found.files, "url": url, "size": filesizeformat(found.size)}
        messages.success(request, _("The connection works: %(count)s files (%(size)s) can be read at %(url)s.") % told)
    return redirect("segments:list-connections", project_id)


@require_POST
def delete_connection(request: HttpRequest, project_id: str, connection_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    connection = get_object_or_404(Connection.objects.select_related("project"), pk=connection_id, project=access.project)
    connections.delete_connection(connection=connection, actor=access.user, now=clock.now())
    return redirect("segments:list-connections", project_id)
