"""Statistics of a project: messages, usage, events, and funnels. All numbers come from counters and sets but a funnel's."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.event_names import names_of, spoken_names_of, words_of
from analytics.statistics import activity, daily
from analytics.statistics.daily import Days
from console.statistics import making, pictures
from console.statistics.forms import FunnelForm, kind_choices
from console.statistics.frame import asked, linked, show_page, today
from console.statistics.live import live
from core import clock
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role
from segments import queries as segment_queries


@login_required
@live
def show_statistics(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form, days = asked(request, access)
    of: dict[str, Any] = {"project": access.project, "days": days, "points": linked(access, days)}
    return show_page(
        request, access, "messages", form, days,
        tiles=pictures.message_tiles(project=access.project, days=days),
        charts=[pictures.messages_by_day(**of), pictures.reactions_by_hour(**of)],
        campaigns=pictures.campaign_lines(project=access.project, days=days),
    )  # fmt: skip


@login_required
@live
def show_usage(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form, days = asked(request, access)
    active = activity.active_days(project_id=access.project.pk, first=days.first, last=days.last)
    points = linked(access, days)
    of: dict[str, Any] = {"project": access.project, "days": days, "points": points}
    return show_page(
        request, access, "usage", form, days,
        charts=[
            pictures.active_by_day(active, points), pictures.stickiness(active), pictures.sessions(**of), pictures.apps_by_hour(**of),
            pictures.sign_ins(**of), pictures.retention(project=access.project, last=days.last, points=points),
        ],
    )  # fmt: skip


@login_required
@live
def show_events(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form, days = asked(request, access)
    found = daily.known_kinds(project_id=access.project.pk, days=days)
    names = names_of(project_id=access.project.pk)
    wanted = request.GET.getlist("type")
    chosen = [kind for kind in found if str(kind) in wanted][:8] or list(found)[:4]
    lines = [
        (kind, name := names.get(kind, str(kind)), words_of(name), total, kind in chosen) for kind, total in found.items()
    ]  # fmt: skip
    picture = pictures.events_by_day(
        project=access.project,
        days=days,
        kinds={kind: words_of(name := names.get(kind, str(kind))) or name for kind in chosen},
        points=linked(access, days),
    )
    return show_page(request, access, "events", form, days, charts=[picture], lines=lines)


def _funnel_form(request: HttpRequest, access: Access) -> FunnelForm:
    names = names_of(project_id=access.project.pk)
    listed = segment_queries.listed_segments(project=access.project)[:500]
    data = request.POST if request.method == "POST" else request.GET if "step1" in request.GET else None
    return FunnelForm(
        data, today=today(access), zone=access.project.time_zone,
        kinds=kind_choices(names),
        segments=[(one.public_id, one.name) for one in listed],
    )  # fmt: skip


@login_required
def show_funnel(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form = _funnel_form(request, access)
    context: dict[str, Any] = {}
    days = form.days() if form.is_bound else Days(today(access), today(access), timezone.get_current_timezone())  # type: ignore[arg-type]
    if form.is_bound and form.is_valid():
        try:
            steps = making.funnel_of(project=access.project, form=form, now=clock.now())
        except Refusal as refusal:
            messages.error(request, refusal.message)
        else:
            names = spoken_names_of(project_id=access.project.pk)
            context = {"charts": [pictures.funnel(steps, names)], "steps": pictures.funnel_lines(steps, names)}
    return show_page(request, access, "funnel", form, days, **context)


@login_required
@require_POST
def create_funnel_segment(request: HttpRequest, project_id: str) -> HttpResponse:
    """Whoever came as far as a step, or no further, as a segment."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = _funnel_form(request, access)
    try:
        segment = making.segment_of_step(
            project=access.project, actor=access.user, form=form, step=request.POST.get("step", ""),
            dropped="dropped" in request.GET, now=clock.now(),
        )  # fmt: skip
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("console:show-funnel", project_id)
    messages.success(request, _("The segment was made."))
    return redirect("segments:show-segment", project_id, segment.public_id)
