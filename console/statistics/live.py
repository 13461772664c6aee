"""Pages that follow their numbers: a browser asks again with the mark of what it shows, and gets nothing while that is all there is."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse

from analytics.models import DEFERRED, Counter, Detail, DetailAddition, DetailCounter
from core import clock
from projects.access import project_or_404
from projects.models import Project

HEADER = "X-Pabal-Mark"
_LATE = datetime.timedelta(hours=2)  # events of longer ago make a page new at the next full hour


def live(view: Callable[..., HttpResponse], *, shows_deferred: bool = False) -> Callable[..., HttpResponse]:
    """For a view of a project's events: 204 to a page that looks again and has missed nothing. What is refused for now is no event."""

    @functools.wraps(view)
    def looked_at(request: HttpRequest, project_id: str, **kwargs: Any) -> HttpResponse:
        now = clock.now()
        mark = mark_of(project_id=project_id, now=now)
        if shows_deferred:
            mark += f"-{_deferred(project_id, now)}"
        if request.headers.get(HEADER) == mark:
            project_or_404(request, project_id)
            return HttpResponse(status=204)
        request.live_mark = mark  # type: ignore[attr-defined]  # before the numbers are read: what comes meanwhile is seen next time
        return view(request, project_id, **kwargs)

    return looked_at


def mark_of(*, project_id: str, now: datetime.datetime) -> str:
    """Another one after each event of the project (by its public id) that happened lately, and in each hour. One query."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    mine = Project.objects.filter(public_id=project_id).values("pk")
    total = Counter.objects.filter(project_id__in=mine, hour__gte=hour - _LATE).aggregate(sum=Sum("total"))["sum"] or 0
    return f"{hour:%Y%m%d%H}-{total}"


def _deferred(project_id: str, now: datetime.datetime) -> int:
    """How often mails of the project were refused for now today (UTC). Two queries."""
    mine = Project.objects.filter(public_id=project_id).values("pk")
    today: dict[str, Any] = {
        "project_id__in": mine, "detail": Detail.DOMAIN, "kind": DEFERRED, "day": now.astimezone(datetime.UTC).date(),
    }  # fmt: skip
    counted = DetailCounter.objects.filter(**today).aggregate(sum=Sum("total"))["sum"] or 0
    waiting = DetailAddition.objects.filter(**today).values_list("totals", flat=True)
    return counted + sum(sum(totals) for totals in waiting)
