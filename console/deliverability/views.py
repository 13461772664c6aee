"""The page of receiving domains, of a project or of one campaign."""

from __future__ import annotations

import datetime
import functools
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from analytics.models import Detail
from analytics.statistics import by_detail
from analytics.statistics.by_detail import Looked
from campaigns import queries as campaign_queries
from campaigns.models import Campaign
from console.deliverability import pictures
from console.deliverability.lines import all_together, domain_lines
from console.statistics.forms import MOST_DAYS, DaysForm
from console.statistics.live import live
from console.statistics.tabs import statistics_tabs
from core import clock
from projects.access import Access, project_or_404

_PRESETS = (7, 30, 90)  # days
_UTC = "UTC"


@login_required
@functools.partial(live, shows_deferred=True)
def show_deliverability(request: HttpRequest, project_id: str) -> HttpResponse:
    """``?since=&until=`` days of UTC, ``?campaign=`` one campaign alone, ``?by=`` the number that is drawn by day."""
    access = project_or_404(request, project_id)
    campaign = _campaign(request, access)
    today = clock.now().astimezone(datetime.UTC).date()
    form = DaysForm(request.GET, today=today, zone=_UTC)
    days = form.days()
    first, last = days.first, days.last
    if campaign is not None and not (request.GET.get("since") or request.GET.get("until")):
        first, last = _days_of(access, campaign) or (first, last)
    looked = Looked(access.project.pk, Detail.DOMAIN, first, last, campaign_id=campaign.pk if campaign else None)
    measure = request.GET.get("by", "")
    measure = measure if measure in pictures.MEASURES else "delivered"
    lines = domain_lines(looked=looked)

    def address(**changes: object) -> str:
        given = {"since": first, "until": last, "by": measure} | ({"campaign": campaign.public_id} if campaign else {})
        return "?" + urlencode(given | changes)

    labels = pictures.measure_labels()
    context = {
        "tab": "deliverability", "tabs": statistics_tabs(access.project), "form": form, "campaign": campaign, "first": first, "last": last,
        "presets": [(length, address(since=today - datetime.timedelta(days=length - 1), until=today)) for length in _PRESETS],
        "lines": [*lines, all_together(lines)] if lines else [], "measure": measure,
        "measures": [(labels[one], address(by=one), one == measure) for one in pictures.MEASURES],
        "charts": [pictures.side_by_side(lines)] if lines else [],
        "by_day": pictures.day_by_day(looked=looked, lines=lines, measure=measure) if lines else None,
    }  # fmt: skip
    return render(request, "console/deliverability/show.html", context)


def _campaign(request: HttpRequest, access: Access) -> Campaign | None:
    key = request.GET.get("campaign", "")
    if not key:
        return None
    found = campaign_queries.campaigns(project=access.project).filter(public_id=key).first()
    if found is None:
        raise Http404
    return found


def _days_of(access: Access, campaign: Campaign) -> tuple[datetime.date, datetime.date] | None:
    """All days of the campaign that a page can show."""
    looked = Looked(access.project.pk, Detail.DOMAIN, datetime.date.min, datetime.date.max, campaign_id=campaign.pk)
    found = by_detail.days_of(looked=looked)
    if found is None:
        return None
    first, last = found
    return max(first, last - datetime.timedelta(days=MOST_DAYS - 1)), last
