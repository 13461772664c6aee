"""Dashboards and their tiles: made, named, arranged, deleted."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from console.models import Dashboard, DashboardTile, SavedQuery
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit

TILES, DASHBOARDS = 24, 50  # of a dashboard; of a project


class DashboardRefused(Refusal):
    """A dashboard that can't be so."""


def create_dashboard(*, project: Project, actor: User, name: str, now: datetime.datetime) -> Dashboard:
    """Raises ``DashboardRefused`` for a name that another one has."""
    try:
        with transaction.atomic():
            Project.objects.select_for_update().get(pk=project.pk)  # two at once count the others one after the other
            if Dashboard.objects.filter(project=project).count() >= DASHBOARDS:
                raise DashboardRefused(_("A project has %(limit)s dashboards at most. Delete one.") % {"limit": DASHBOARDS})
            made = Dashboard.objects.create(project=project, name=name, made_by=actor, made_at=now)
            audit.record(project=project, actor=actor, verb="dashboard.created", target=made, now=now, name=name)
    except IntegrityError:
        raise DashboardRefused(_("There is a dashboard of this name. Choose another name.")) from None
    return made


def change_dashboard(*, dashboard: Dashboard, actor: User, name: str, refresh_seconds: int, now: datetime.datetime) -> None:
    """Raises ``DashboardRefused`` for a name that another one has."""
    dashboard.name, dashboard.refresh_seconds = name, refresh_seconds
    try:
        with transaction.atomic():
            dashboard.save(update_fields=["name", "refresh_seconds"])
            audit.record(project=dashboard.project, actor=actor, verb="dashboard.changed", target=dashboard, now=now, name=name)
    except IntegrityError:
        raise DashboardRefused(_("There is a dashboard of this name. Choose another name.")) from None


def delete_dashboard(*, dashboard: Dashboard, actor: User, now: datetime.datetime) -> None:
    """The saved queries stay."""
    with transaction.atomic():
        audit.record(
            project=dashboard.project, actor=actor, verb="dashboard.deleted", target=dashboard, now=now, name=dashboard.name
        )
        dashboard.delete()


def pin(*, query: SavedQuery, actor: User, name: str, now: datetime.datetime) -> Dashboard:
    """Put a query on the dashboard of this name, which is made if there is none. On it already: it stays where it is."""
    project = query.project
    with transaction.atomic():
        dashboard = Dashboard.objects.select_for_update().filter(project=project, name=name).first()
        if dashboard is None:
            dashboard = create_dashboard(project=project, actor=actor, name=name, now=now)
        tiles = list(dashboard.tiles.order_by("place").values_list("query_id", "place"))
        if query.pk not in {query_id for query_id, _place in tiles}:
            if len(tiles) >= TILES:
                raise DashboardRefused(_("A dashboard has %(limit)s tiles at most. Make another one.") % {"limit": TILES})
            DashboardTile.objects.create(dashboard=dashboard, query=query, place=tiles[-1][1] + 1 if tiles else 0, asked_at=now)
            audit.record(project=project, actor=actor, verb="dashboard.pinned", target=dashboard, now=now, query=query.name)
    return dashboard


def unpin(*, tile: DashboardTile, actor: User, now: datetime.datetime) -> None:
    dashboard = tile.dashboard
    with transaction.atomic():
        audit.record(
            project=dashboard.project, actor=actor, verb="dashboard.unpinned", target=dashboard, now=now, query=tile.query.name
        )
        tile.delete()


def arrange(*, dashboard: Dashboard, order: Sequence[int]) -> None:
    """Put the tiles with these ids in this order; those that are not named keep theirs, behind."""
    with transaction.atomic():
        Dashboard.objects.select_for_update().get(pk=dashboard.pk)
        tiles = list(dashboard.tiles.order_by("place", "pk"))
        places = {pk: place for place, pk in enumerate(order)}
        tiles.sort(key=lambda tile: places.get(tile.pk, len(order)))
        for place, tile in enumerate(tiles):
            tile.place = place
        DashboardTile.objects.bulk_update(tiles, ["place"])


def move(*, tile: DashboardTile, by: int) -> None:
    """One place towards the beginning (−1) or the end (1); at the end it stays."""
    order = list(tile.dashboard.tiles.order_by("place", "pk").values_list("pk", flat=True))
    here = order.index(tile.pk)
    there = min(max(here + by, 0), len(order) - 1)
    order.insert(there, order.pop(here))
    arrange(dashboard=tile.dashboard, order=order)


def resize(*, tile: DashboardTile, is_wide: bool) -> None:
    DashboardTile.objects.filter(pk=tile.pk).update(is_wide=is_wide)
