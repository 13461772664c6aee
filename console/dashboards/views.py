"""Dashboards. Every member looks at them; who may change a project makes and arranges them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console import tasks
from console.dashboards import tiles
from console.dashboards.forms import DashboardForm, DashboardNameForm
from console.models import Dashboard, DashboardTile
from console.services import pinning, refreshing
from core import clock, keyset
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Role


def _dashboard(access: Access, dashboard_id: int) -> Dashboard:
    return get_object_or_404(Dashboard.objects.select_related("project"), project=access.project, pk=dashboard_id)


def _tile(access: Access, tile_id: int) -> DashboardTile:
    rows = DashboardTile.objects.select_related("dashboard", "dashboard__project", "query")
    return get_object_or_404(rows, dashboard__project=access.project, pk=tile_id)


@login_required
def list_dashboards(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    return _list(request, access, DashboardNameForm())


def _list(request: HttpRequest, access: Access, form: DashboardNameForm) -> HttpResponse:
    found = Dashboard.objects.filter(project=access.project).annotate(tile_count=Count("tiles")).order_by("name")
    return render(request, "console/dashboards/list.html", {"dashboards": found, "form": form})


@login_required
@require_POST
def create_dashboard(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    form = DashboardNameForm(request.POST)
    if form.is_valid():
        try:
            made = pinning.create_dashboard(
                project=access.project, actor=access.user, name=form.cleaned_data["name"], now=clock.now()
            )
        except pinning.DashboardRefused as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("console:show-dashboard", access.project.public_id, made.pk)
    return _list(request, access, form)


@login_required
def show_dashboard(request: HttpRequest, project_id: str, dashboard_id: int) -> HttpResponse:
    access = project_or_404(request, project_id)
    dashboard = _dashboard(access, dashboard_id)
    refreshing.note_seen(dashboard=dashboard, now=clock.now())
    context = {
        "dashboard": dashboard, "shown": tiles.shown(dashboard, now=clock.now()), "rows": tiles.ROWS,
        "dashboards": Dashboard.objects.filter(project=access.project).order_by("name").only("name"),
        "form": DashboardForm(initial={"name": dashboard.name, "refresh_seconds": dashboard.refresh_seconds}),
        "is_arranging": access.can_edit and "arrange" in request.GET,
    }  # fmt: skip
    return render(request, "console/dashboards/show.html", context)


@login_required
def show_tile(request: HttpRequest, project_id: str, tile_id: int) -> HttpResponse:
    """A tile by itself; 204 when it is as the page has it (``?mark=``)."""
    access = project_or_404(request, project_id)
    tile = _tile(access, tile_id)
    now = clock.now()
    refreshing.note_seen(dashboard=tile.dashboard, now=now)
    found = tiles.shown(tile.dashboard, now=now, only=tile.pk)
    if not found:  # taken off meanwhile
        raise Http404
    one = found[0]
    if request.GET.get("mark") == one.mark:
        return HttpResponse(status=204)
    return render(request, "console/dashboards/_tile.html", {"one": one, "dashboard": tile.dashboard, "rows": tiles.ROWS})


@login_required
@require_POST
def change_dashboard(request: HttpRequest, project_id: str, dashboard_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    dashboard = _dashboard(access, dashboard_id)
    form = DashboardForm(request.POST)
    if not form.is_valid():
        messages.error(request, next(str(error) for errors in form.errors.values() for error in errors))
        return redirect("console:show-dashboard", access.project.public_id, dashboard.pk)
    try:
        pinning.change_dashboard(dashboard=dashboard, actor=access.user, now=clock.now(), **form.cleaned_data)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("console:show-dashboard", access.project.public_id, dashboard.pk)


@login_required
@require_POST
def delete_dashboard(request: HttpRequest, project_id: str, dashboard_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    pinning.delete_dashboard(dashboard=_dashboard(access, dashboard_id), actor=access.user, now=clock.now())
    messages.success(request, _("The dashboard was deleted. Its queries are still saved."))
    return redirect("console:list-dashboards", access.project.public_id)


@login_required
@require_POST
def refresh_dashboard(request: HttpRequest, project_id: str, dashboard_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    dashboard = _dashboard(access, dashboard_id)
    refreshing.ask_for_all(dashboard=dashboard, now=clock.now())
    tasks.refresh_dashboards.apply_async(expires=tasks.REFRESH_EXPIRES_SECONDS)
    return redirect("console:show-dashboard", access.project.public_id, dashboard.pk)


@login_required
@require_POST
def arrange_dashboard(request: HttpRequest, project_id: str, dashboard_id: int) -> HttpResponse:
    """The tiles' ids in their new order (``tile``), as they were dragged."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    dashboard = _dashboard(access, dashboard_id)
    order = [place for one in request.POST.getlist("tile")[: pinning.TILES] if (place := keyset.position(one)) is not None]
    pinning.arrange(dashboard=dashboard, order=order)
    return _arranged(request, access, dashboard)


@login_required
@require_POST
def move_tile(request: HttpRequest, project_id: str, tile_id: int) -> HttpResponse:
    """One place on, or back (``to=earlier``)."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    tile = _tile(access, tile_id)
    pinning.move(tile=tile, by=-1 if request.POST.get("to") == "earlier" else 1)
    return _arranged(request, access, tile.dashboard)


@login_required
@require_POST
def resize_tile(request: HttpRequest, project_id: str, tile_id: int) -> HttpResponse:
    """Over the whole width (``wide=1``) or the half."""
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    tile = _tile(access, tile_id)
    pinning.resize(tile=tile, is_wide=request.POST.get("wide") == "1")
    return _arranged(request, access, tile.dashboard)


@login_required
@require_POST
def remove_tile(request: HttpRequest, project_id: str, tile_id: int) -> HttpResponse:
    access = project_or_404(request, project_id, at_least=Role.MARKETER)
    tile = _tile(access, tile_id)
    pinning.unpin(tile=tile, actor=access.user, now=clock.now())
    return _arranged(request, access, tile.dashboard)


def _arranged(request: HttpRequest, access: Access, dashboard: Dashboard) -> HttpResponse:
    """The tiles in their new order; without scripts the page."""
    if not request.headers.get("HX-Request"):
        return redirect("console:show-dashboard", access.project.public_id, dashboard.pk)
    context = {
        "dashboard": dashboard, "shown": tiles.shown(dashboard, now=clock.now()), "is_arranging": True, "rows": tiles.ROWS,
    }  # fmt: skip
    return render(request, "console/dashboards/_tiles.html", context)
