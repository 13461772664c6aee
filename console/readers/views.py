"""The page of a campaign's readers."""

from __future__ import annotations

import zoneinfo

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from analytics.hit_classes import COUNTED, read_classes
from analytics.statistics import readers
from campaigns import channels
from campaigns import queries as campaign_queries
from campaigns.models import NOT_LAUNCHED
from campaigns.wording import class_choices
from console.readers import pictures
from console.statistics.live import live
from projects.access import project_or_404


@login_required
@live
def show_readers(request: HttpRequest, project_id: str, campaign_id: str) -> HttpResponse:
    """``?count=`` for each class of hits that the pictures count."""
    access = project_or_404(request, project_id)
    found = campaign_queries.campaigns(project=access.project).exclude(state__in=NOT_LAUNCHED)
    campaign = found.filter(public_id=campaign_id).first()
    if campaign is None or channels.is_custom(campaign.document):
        raise Http404
    classes = read_classes(request.GET.getlist("count"))
    whose = {"project_id": access.project.pk, "campaign_id": campaign.pk}
    zone = zoneinfo.ZoneInfo(access.project.time_zone)
    by_class = readers.by_class(**whose)
    programs, devices = readers.by_client(**whose, classes=classes)
    context = {
        "campaign": campaign, "choices": class_choices(classes), "is_usual": classes == COUNTED,
        "lines": [(choice, by_class[choice.hit_class]) for choice in class_choices(classes)],
        "is_empty": not any(one.opens or one.clicks for one in by_class.values()),
        "charts": [
            pictures.hours(readers.by_hour(**whose, zone=zone, classes=classes), zone=zone), pictures.programs(programs),
            pictures.devices(devices),
        ],
    }  # fmt: skip
    return render(request, "console/readers/show.html", context)
