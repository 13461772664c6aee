"""What the pages of statistics have in common: their tabs and their days."""

from __future__ import annotations

import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from analytics.statistics.daily import Days
from console.statistics.forms import DaysForm
from console.statistics.pictures import Points
from console.statistics.points import points_url
from console.statistics.tabs import statistics_tabs
from core import clock
from projects.access import Access

_TAB_OF = {"explore": "events"}  # pages behind a tab


def today(access: Access) -> datetime.date:
    return timezone.localdate(clock.now())  # the project's zone is active


def show_page(request: HttpRequest, access: Access, tab: str, form: DaysForm, days: Days, **context: Any) -> HttpResponse:
    now = today(access)
    presets = [
        (length, f"?since={now - datetime.timedelta(days=length - 1):%Y-%m-%d}&until={now:%Y-%m-%d}") for length in (7, 30, 90)
    ]
    given = {
        "tab": _TAB_OF.get(tab, tab),
        "tabs": statistics_tabs(access.project),
        "form": form,
        "days": days,
        "presets": presets,
        **context,
    }
    return render(request, f"console/statistics/{tab}.html", given)


def linked(access: Access, days: Days, **more: str) -> Points:
    """The address of the points of each chart, for who may make segments. ``more``: what else the page was asked for."""
    query = more | {"since": f"{days.first:%Y-%m-%d}", "until": f"{days.last:%Y-%m-%d}"}
    return lambda chart: points_url(access.project, chart, query) if access.can_edit else ""


def asked(request: HttpRequest, access: Access) -> tuple[DaysForm, Days]:
    form = DaysForm(request.GET, today=today(access), zone=access.project.time_zone)
    return form, form.days()
