"""A tile as it is shown: the kept numbers as a picture or a table, how old they are, and whether new ones are on their way."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.lake.catalog import Column
from console.models import Dashboard, DashboardTile
from console.services import keeping, refreshing
from console.services.keeping import Kept
from console.sql import charting
from console.statistics.charts import Chart

ROWS = 50  # of a table


@dataclass(frozen=True, slots=True)
class Shown:
    """``mark`` changes whenever there is something new to show."""

    tile: DashboardTile
    kept: Kept | None
    chart: Chart | None
    is_due: bool

    @property
    def rows(self) -> list[list[Any]]:
        return self.kept.rows[:ROWS] if self.kept else []

    @property
    def cells(self) -> list[list[tuple[Any, bool]]]:
        return charting.cells(self.kept.columns, self.rows) if self.kept else []

    @property
    def heads(self) -> list[tuple[Column, bool]]:
        return charting.heads(self.kept.columns) if self.kept else []

    @property
    def mark(self) -> str:
        made = f"{self.kept.made_at.timestamp():.6f}" if self.kept else ""
        return f"{made}-{int(self.is_due)}"


def shown(dashboard: Dashboard, *, now: datetime.datetime, only: int | None = None) -> list[Shown]:
    """The dashboard's tiles, or one of them. Two queries."""
    tiles: Sequence[DashboardTile] = [one for one in refreshing.tiles_of(dashboard) if only is None or one.pk == only]
    keys = {one.pk: keeping.key_of(sql=one.query.sql, parameters=one.query.parameters) for one in tiles}
    kept = keeping.kept(project_id=dashboard.project_id, keys=set(keys.values()))
    return [_shown(dashboard, one, kept.get(keys[one.pk]), now) for one in tiles]


def _shown(dashboard: Dashboard, tile: DashboardTile, kept: Kept | None, now: datetime.datetime) -> Shown:
    tile.dashboard = dashboard
    chart = None
    if kept is not None and kept.columns:
        choice = charting.fitted(charting.ChartChoice.of(tile.query.chart), kept.columns)
        chart = charting.picture(
            columns=kept.columns, rows=kept.rows, choice=choice, title=tile.query.name, key=f"tile-{tile.pk}"
        )
    is_refused = bool(kept and kept.refusal)
    is_due = refreshing.is_due(tile=tile, made_at=kept.made_at if kept else None, now=now, is_refused=is_refused)
    return Shown(tile, kept, chart, is_due)
