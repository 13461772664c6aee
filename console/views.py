"""The overview of a project, the operators' page of health, and the answers for load balancers."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.decorators import login_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from redis import RedisError

from campaigns import approval
from campaigns.models import Run
from console import queries
from console.health import checking, status
from console.models import Invariant
from console.statistics.live import live
from console.statistics.overview import overview_charts
from core import clock
from core.redis import client
from projects.access import operator_or_404, project_or_404


@live
def show_overview(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    figures = queries.figures(project=access.project)
    lines, count = queries.under_way(project=access.project)
    is_begun = figures.endpoints or figures.has_launched
    context = {
        "figures": figures,
        "charts": overview_charts(access=access, figures=figures, today=timezone.localdate(clock.now())) if is_begun else [],
        "lines": lines,
        "more": count - len(lines),
        "waiting": approval.waiting(project=access.project)[:5],
        "runs": Run.objects.filter(project=access.project)
        .select_related("campaign")
        .defer("audience", "content")
        .order_by("-id")[:5],
    }
    return render(request, "console/overview.html", context)


@login_required
def show_health(request: HttpRequest) -> HttpResponse:
    operator_or_404(request)
    now = clock.now()
    parts: dict[str, Sequence[status.Line]] = {
        "invariants": status.invariants(), "ticks": status.ticks(now=now), "queues": status.queues(now=now),
        "backlogs": status.backlogs(now=now), "leases": status.leases(now=now),
    }  # fmt: skip
    levels = {name: status.worst(lines) for name, lines in parts.items()}
    context = {
        **parts,
        "levels": levels,
        "broken": status.broken(),
        "is_asked": checking.is_asked(),
        "restored": status.restored(),
    }
    return render(request, "console/health.html", context)


@login_required
@require_POST
def check_invariants(request: HttpRequest) -> HttpResponse:
    """Ask for a check now, of one invariant or of all."""
    operator_or_404(request)
    name = request.POST.get("invariant", "")
    checking.ask(now=clock.now(), invariant=Invariant(name) if name in Invariant.values else None)
    return redirect("console:show-health")


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """The database and Redis answer, too."""
    state = {"database": True, "redis": True}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        state["database"] = False
    try:
        client().ping()
    except RedisError:
        state["redis"] = False
    return JsonResponse(state, status=200 if all(state.values()) else 503)
