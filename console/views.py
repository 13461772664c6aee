"""The overview of a project, and the answers for load balancers."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from redis import RedisError

from campaigns import queries as campaign_queries
from campaigns.models import Run
from console import queries
from core.redis import client
from projects.access import project_or_404


def show_overview(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    context = {
        "figures": queries.figures(project=access.project),
        "recent": campaign_queries.campaigns(project=access.project)[:5],
        "runs": Run.objects.filter(project=access.project)
        .select_related("campaign")
        .defer("audience", "content")
        .order_by("-id")[:5],
    }
    return render(request, "console/overview.html", context)


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
