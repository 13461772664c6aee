"""The page that compares campaigns. Its address says which, so it can be passed on."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from analytics.statistics import course as courses
from campaigns import queries as campaign_queries
from campaigns.comparison import FEWEST, MOST, compared
from campaigns.models import NOT_LAUNCHED, Campaign
from console.comparison import pictures
from console.statistics.live import live
from console.statistics.tabs import statistics_tabs
from core import clock
from projects.access import Access, project_or_404

_LISTED = 200  # campaigns to choose from, the newest


@login_required
@live
def compare_campaigns(request: HttpRequest, project_id: str) -> HttpResponse:
    """``?c=`` for each campaign, ``?since=`` for how long the course is shown."""
    access = project_or_404(request, project_id)
    asked = list(dict.fromkeys(request.GET.getlist("c")))
    since = request.GET.get("since", "")
    since = since if since in pictures.COURSES else "48h"
    campaigns = _campaigns(access, asked[:MOST])
    context: dict[str, object] = {
        "tab": "comparison", "tabs": statistics_tabs(access.project), "since": since, "fewest": FEWEST, "most": MOST,
        "is_too_many": len(asked) > MOST, "is_gone": len(campaigns) < len(asked[:MOST]), "spans": _spans(campaigns, since),
        "chosen": [(one, _address([other for other in campaigns if other != one], since)) for one in campaigns],
        "others": _others(access, campaigns),
    }  # fmt: skip
    if len(campaigns) >= FEWEST:
        context |= _compared(access, campaigns, since)
    return render(request, "console/comparison/show.html", context)


def _compared(access: Access, campaigns: list[Campaign], since: str) -> dict[str, object]:
    project_id = access.project.pk
    lines = compared(campaigns=campaigns)
    course = pictures.COURSES[since]
    started = courses.starts(project_id=project_id, campaign_ids=[one.pk for one in campaigns])
    found = courses.since_start(project_id=project_id, starts=started, kinds=pictures.KINDS, course=course)
    charts = [pictures.rates(lines), *pictures.courses(lines, started=started, found=found, course=course, now=clock.now())]
    return {"lines": list(zip(pictures.names(lines), lines, strict=True)), "charts": charts}


def _campaigns(access: Access, public_ids: list[str]) -> list[Campaign]:
    """The project's own among them, in their order."""
    found = {one.public_id: one for one in _launched(access).filter(public_id__in=public_ids)}
    return [found[one] for one in public_ids if one in found]


def _others(access: Access, chosen: list[Campaign]) -> list[Campaign]:
    return list(_launched(access).exclude(pk__in=[one.pk for one in chosen])[:_LISTED])


def _launched(access: Access):  # type: ignore[no-untyped-def]
    return campaign_queries.campaigns(project=access.project).exclude(state__in=NOT_LAUNCHED).only(
        "public_id", "name", "project_id", "state", "document", "created_at"
    )  # fmt: skip


def _address(campaigns: list[Campaign], since: str) -> str:
    return "?" + urlencode([*(("c", one.public_id) for one in campaigns), ("since", since)])


def _spans(campaigns: list[Campaign], chosen: str) -> list[tuple[str, str, bool]]:
    labels = {"48h": _("48 hours"), "7d": _("7 days"), "30d": _("30 days")}
    return [(labels[one], _address(campaigns, one), one == chosen) for one in pictures.COURSES]
