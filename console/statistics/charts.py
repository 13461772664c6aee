"""A picture as data: what the browser draws, and the same as a table."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote_plus

from django.utils.safestring import SafeString, mark_safe


@dataclass(frozen=True, slots=True)
class Series:
    """``values`` has None where there is no number. ``is_rate``: fractions, shown in percent on an axis of their own.

    ``key`` says what it is in the address of one of its points; without one its points lead nowhere. ``total``: the table's last line.
    What is not drawn is of the table only.
    """

    name: str
    values: Sequence[float | None]
    is_rate: bool = False
    key: str = ""
    total: float | None = None
    is_drawn: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of the table. ``url``: where a segment can be made of its point; empty: nowhere."""

    text: str
    url: str = ""

    @property
    def html(self) -> str:
        return f'<a href="{escape(self.url)}" rel="nofollow">{escape(self.text)}</a>' if self.url else escape(self.text)


@dataclass(frozen=True, slots=True)
class Chart:
    """``kind``: line, bar, stacked, ranks (bars that lie), pie (of the first series), number, map (of countries, by the first
    series), or heat (``series`` are its rows then).

    ``key`` names it in the page and in file names; ``empty`` is what is said when there is nothing to draw. ``points``: the address where
    a point can be made a segment, without the point (``point_url``); ``label_keys``: what the labels are in it, if not what is shown, None
    where there is no point. ``drawn``: how many of the labels are drawn, the first ones; all stand in the table. ``places``: what the
    labels are on the map.
    """

    key: str
    title: str
    kind: str
    labels: Sequence[str]
    series: Sequence[Series]
    corner: str = ""  # over the labels of the table
    note: str = ""
    empty: str = ""
    points: str = ""
    label_keys: Sequence[str | None] = ()
    drawn: int | None = None
    places: Sequence[str] = ()

    @property
    def data(self) -> dict[str, Any]:
        """What the browser draws it from."""
        some = slice(self.drawn)
        keys: dict[str, Any] = {"labelKeys": list(self.label_keys or self.labels)[some]} if self.points else {}
        if self.kind == "map":
            keys["places"] = list(self.places)[some]
        return {
            "kind": self.kind,
            "labels": list(self.labels)[some],
            "series": [
                {"name": one.name, "values": list(one.values)[some], "isRate": one.is_rate}
                | ({"key": one.key} if self.points else {})
                for one in self.series
                if one.is_drawn
            ],
        } | keys

    @property
    def is_empty(self) -> bool:
        values = [value for one in self.series for value in one.values]
        return not values if self.kind == "number" else not any(values)

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """What a picture of numbers shows large: the first of each series, with its name."""
        return [(one.name, shown(one.values[0], one.is_rate)) for one in self.series if one.values]

    def rows(self) -> Iterator[tuple[str, list[Cell]]]:
        """The table: a line for each label, of a heat map for each row."""
        if self.kind == "heat":
            for one in self.series:
                yield one.name, [self._cell(one, place) for place in range(len(self.labels))]
            return
        for place, label in enumerate(self.labels):
            yield label, [self._cell(one, place) for one in self.series]

    @property
    def body(self) -> SafeString:
        """The table's lines as HTML: a template takes several times as long, and a page may have a thousand."""
        lines = []
        for label, cells in self.rows():
            told = "".join(f'<td class="text-end number">{one.html}</td>' for one in cells)
            lines.append(f'<tr><th scope="row">{escape(label)}</th>{told}</tr>')
        return mark_safe("".join(lines))  # noqa: S308  (all of it was escaped)

    @property
    def heads(self) -> list[str]:
        return list(self.labels) if self.kind == "heat" else [one.name for one in self.series]

    @property
    def totals(self) -> list[str]:
        """The table's last line; empty where nothing can be added up."""
        if all(one.total is None for one in self.series):
            return []
        return [shown(one.total, one.is_rate) for one in self.series]

    def point_url(self, series: str, label: str) -> str:
        return f"{self.points}&series={quote_plus(series)}&label={quote_plus(label)}"

    def _cell(self, one: Series, place: int) -> Cell:
        value = one.values[place]
        key = (self.label_keys or self.labels)[place]
        is_point = self.points and one.key and value and key is not None
        return Cell(shown(value, one.is_rate), self.point_url(one.key, key or "") if is_point else "")


def shown(value: float | None, is_rate: bool) -> str:
    """With as many decimals as a person reads: two, or three digits of what is less than one."""
    if value is None:
        return "–"
    if is_rate:
        return f"{100 * value:.1f} %"
    if value == int(value):
        return f"{value:,.0f}"
    text = f"{value:,.2f}" if abs(value) >= 1 else f"{value:.{2 - math.floor(math.log10(abs(value)))}f}"
    return text.rstrip("0")


def day_labels(days: Sequence[datetime.date]) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in days]
