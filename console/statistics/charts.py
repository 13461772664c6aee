"""A picture as data: what the browser draws, and the same as a table."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Series:
    """``values`` has None where there is no number. ``is_rate``: fractions, shown in percent on an axis of their own."""

    name: str
    values: Sequence[float | None]
    is_rate: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """``kind``: line, bar or heat (``series`` are its rows then). ``key`` names it in the page and in file names."""

    key: str
    title: str
    kind: str
    labels: Sequence[str]
    series: Sequence[Series]
    corner: str = ""  # over the labels of the table
    note: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """What the browser draws it from."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "series": [{"name": one.name, "values": list(one.values), "isRate": one.is_rate} for one in self.series],
        }

    @property
    def is_empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """The table: a line for each label, of a heat map for each row."""
        if self.kind == "heat":
            for one in self.series:
                yield one.name, [shown(value, one.is_rate) for value in one.values]
            return
        for number, label in enumerate(self.labels):
            yield label, [shown(one.values[number], one.is_rate) for one in self.series]

    @property
    def heads(self) -> list[str]:
        return list(self.labels) if self.kind == "heat" else [one.name for one in self.series]


def shown(value: float | None, is_rate: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_rate else f"{value:,.0f}"


def day_labels(days: Sequence[datetime.date]) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in days]
