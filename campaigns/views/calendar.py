"""The calendar: a month, a week or a day of what will be sent and what was."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext as _

from campaigns import tasks, wording
from campaigns.calendar import entries, estimates, span
from core import clock
from projects.access import project_or_404

SHOWN = {span.View.MONTH: 3, span.View.WEEK: 15, span.View.DAY: 500}  # entries of a day; the rest is a page of its own


@dataclass(frozen=True, slots=True)
class Day:
    date: datetime.date
    lines: list[entries.Entry]
    more: int
    is_today: bool
    is_outside: bool


def show_calendar(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    zone = zoneinfo.ZoneInfo(access.project.time_zone)
    now = clock.now()
    today = now.astimezone(zone).date()
    shown = span.span(
        view=request.GET.get("view", ""), on=request.GET.get("on", ""), today=today, zone=zone, first_weekday=_first_weekday()
    )
    found = entries.entries(project=access.project, span=shown, now=now)
    own = [entry for day, some in found.items() if not shown.is_outside(day) for entry in some]
    context: dict[str, Any] = {
        "span": shown, "today": today, "zone": zone, "title": _title(shown), "views": _views(shown),
        "days": _days(access.project, shown, found, today),
        "is_empty": not own, "total": _total(own), "is_counting": _is_counting(access.project.pk, own, request),
    }  # fmt: skip
    return render(request, "campaigns/calendar.html", context)


def _first_weekday() -> int:
    """Python's number of the day with which a week begins; Django's counts from Sunday."""
    return (int(get_format("FIRST_DAY_OF_WEEK")) - 1) % 7


def _days(project: Any, shown: span.Span, found: dict[datetime.date, list[entries.Entry]], today: datetime.date) -> list[Day]:
    limit = SHOWN[shown.view]
    first = [entry for day in shown.days for entry in found.get(day, [])[:limit]]
    counted = iter(entries.with_numbers(project=project, shown=first))
    days = []
    for date in shown.days:
        some = found.get(date, [])
        lines = [next(counted) for _entry in some[:limit]]
        days.append(Day(date, lines, len(some) - len(lines), date == today, shown.is_outside(date)))
    return days


def _views(shown: span.Span) -> list[dict[str, Any]]:
    labels = {span.View.MONTH: _("Month"), span.View.WEEK: _("Week"), span.View.DAY: _("Day")}
    return [{"key": key.value, "label": label, "is_current": key == shown.view} for key, label in labels.items()]


def _title(shown: span.Span) -> str:
    if shown.view == span.View.MONTH:
        return date_format(shown.on, "YEAR_MONTH_FORMAT")
    if shown.view == span.View.DAY:
        return wording.day(shown.on)
    return f"{wording.day(shown.days[0])} – {wording.day(shown.days[-1])}"


@dataclass(frozen=True, slots=True)
class Total:
    """Of the month, the week or the day: how many sends are to come and were, and to how many people."""

    to_come: int
    people: int
    is_partly_unknown: bool
    runs: int
    reached: int


def _total(own: Sequence[entries.Entry]) -> Total:
    coming = [entry for entry in own if entry.kind in (entries.Kind.PLANNED, entries.Kind.WAITING)]
    done = [entry for entry in own if not entry.is_to_come]
    return Total(
        to_come=sum(entry.times for entry in coming), people=sum(entry.people or 0 for entry in coming),
        is_partly_unknown=any(entry.people is None for entry in coming),
        runs=sum(entry.times for entry in done), reached=sum(entry.people or 0 for entry in done),
    )  # fmt: skip


def _is_counting(project_id: int, own: Sequence[entries.Entry], request: HttpRequest) -> bool:
    """Ask a worker for the counts that are lacking; whether the page is to look again for them."""
    if all(entry.people is not None or entry.key is None for entry in own):
        return False
    if request.headers.get("HX-Request"):
        return estimates.is_asked(project_id=project_id)
    if estimates.ask(project_id=project_id):
        tasks.count_estimates.delay(project_id)
    return estimates.is_asked(project_id=project_id)
