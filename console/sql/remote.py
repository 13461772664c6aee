"""Queries in Athena: asking, looking, cancelling."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console.models import RemoteQuery
from console.services import remote
from console.sql import results
from console.sql.charting import ChartChoice
from console.sql.forms import QueryForm, Unfinished
from console.sql.views import refused
from core import clock
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role


@login_required
@require_POST
def run_in_athena(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    if not remote.is_there():
        raise Http404
    form = QueryForm(request.POST)
    if not form.is_valid():
        return refused(request, access, Unfinished(form.sentence()))
    try:
        query = remote.begin(
            project=access.project, actor=access.user, sql=form.cleaned_data["sql"], parameters=form.parameters(), now=clock.now()
        )
    except Refusal as refusal:
        return refused(request, access, refusal)
    return redirect("console:show-remote-query", project_id, query.pk)


@login_required
def show_remote_query(request: HttpRequest, project_id: str, remote_id: int) -> HttpResponse:
    """How it stands, and its rows when it is done. The page asks for itself while it is not over."""
    access, query = _query(request, project_id, remote_id)
    query = remote.look(query=query)
    result: dict[str, object] = {}
    if query.state == RemoteQuery.State.SUCCEEDED:
        try:
            result["result"] = results.result_of(remote.answer(query=query), ChartChoice(), name="")
        except Refusal as refusal:
            result["refusal"] = refusal
    template = "console/_remote_query.html" if request.headers.get("HX-Request") else "console/remote_query.html"
    return render(request, template, {"access": access, "query": query, "choice": ChartChoice(), **result})


@login_required
@require_POST
def cancel_remote_query(request: HttpRequest, project_id: str, remote_id: int) -> HttpResponse:
    _access, query = _query(request, project_id, remote_id)
    try:
        remote.cancel(query=query)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:show-remote-query", project_id, remote_id)


def _query(request: HttpRequest, project_id: str, remote_id: int) -> tuple[Access, RemoteQuery]:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    return access, get_object_or_404(RemoteQuery.objects.select_related("actor"), project=access.project, pk=remote_id)
