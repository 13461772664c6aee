"""What came of a query as the page shows it: the rows, and the picture that is drawn of them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from analytics.lake import sql as lake
from analytics.lake.catalog import Column
from console.services.keeping import Kept
from console.sql import charting
from console.sql.charting import ChartChoice, ChartKind
from console.statistics.charts import Chart

CHART = "chart-"  # of the fields that say what is drawn
TABLE_ROWS = 1_000  # shown; the download has the others


@dataclass(frozen=True, slots=True)
class Result:
    """``made_at``: when, of an answer that was kept; None of one that was made now."""

    answer: lake.Answer | Kept
    choice: ChartChoice
    chart: Chart | None
    made_at: datetime.datetime | None = None

    @property
    def rows(self) -> list[list[Any]]:
        return self.answer.rows[:TABLE_ROWS]

    @property
    def cells(self) -> list[list[tuple[Any, bool]]]:
        return charting.cells(self.answer.columns, self.rows)

    @property
    def heads(self) -> list[tuple[Column, bool]]:
        return charting.heads(self.answer.columns)

    @property
    def kinds(self) -> list[tuple[str, Any]]:
        return list(ChartKind.choices)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.answer.columns]

    @property
    def numbers(self) -> list[str]:
        return [column.name for column in self.answer.columns if charting.is_number(column)]


def result_of(answer: lake.Answer | Kept, choice: ChartChoice, *, name: str) -> Result:
    """``name``: of the query, over the picture."""
    fitting = charting.fitted(choice, answer.columns)
    title = name or _("Result")
    chart = charting.picture(columns=answer.columns, rows=answer.rows, choice=fitting, title=title, key="result")
    return Result(answer, fitting, chart, answer.made_at if isinstance(answer, Kept) else None)


def choice_in(data: QueryDict) -> ChartChoice:
    """What the fields of the page say is to be drawn."""
    return ChartChoice.of(
        {
            "kind": data.get(f"{CHART}kind", ""), "x": data.get(f"{CHART}x", "")[:200],
            "series": data.get(f"{CHART}series", "")[:200], "y": [one[:200] for one in data.getlist(f"{CHART}y")[:12]],
        }
    )  # fmt: skip
