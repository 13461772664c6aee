"""The picture of a query's answer: which columns it is drawn of, and the rows as points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.lake.catalog import Column
from console.statistics.charts import Chart, Series

LABELS, SERIES, SLICES = 400, 12, 10
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
)
_TIMES = ("DATE", "TIMESTAMP", "TIME")
# Numbers that say which, not how much.
_NAMES = ("endpoint_id", "position", "link_number")


class ChartKind(models.TextChoices):
    TABLE = "table", gettext_lazy("Table only")
    LINE = "line", gettext_lazy("Lines")
    BAR = "bar", gettext_lazy("Bars")
    STACKED = "stacked", gettext_lazy("Stacked bars")
    PIE = "pie", gettext_lazy("Pie")
    NUMBER = "number", gettext_lazy("Number")


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """Columns by their names. ``x``: along the axis; ``series``: a line for each value of it; ``ys``: what is drawn."""

    kind: ChartKind = ChartKind.TABLE
    x: str = ""
    series: str = ""
    ys: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ChartChoice:
        """From what ``document`` gave; anything else is a table."""
        kind, ys = document.get("kind"), document.get("y")
        if kind not in ChartKind.values:
            return cls()
        listed = ys if isinstance(ys, list) else []
        return cls(ChartKind(kind), str(document.get("x", "")), str(document.get("series", "")), tuple(map(str, listed)))

    @property
    def document(self) -> dict[str, Any]:
        """As it is kept with a query."""
        return {"kind": self.kind.value, "x": self.x, "series": self.series, "y": list(self.ys)}


def is_number(column: Column) -> bool:
    return column.type in _NUMBERS or column.type.startswith("DECIMAL")


def heads(columns: Sequence[Column]) -> list[tuple[Column, bool]]:
    """The head of a table: each column, and whether it is one of numbers."""
    return [(column, is_number(column)) for column in columns]


def cells(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[list[tuple[Any, bool]]]:
    """The rows of a table: each value, and whether its column is one of numbers."""
    numbers = [is_number(column) for column in columns]
    return [list(zip(row, numbers, strict=True)) for row in rows]


def fitted(choice: ChartChoice, columns: Sequence[Column]) -> ChartChoice:
    """The choice as far as these columns allow it, and the rest guessed: the first date or text along the axis, numbers drawn."""
    names = {column.name for column in columns}
    numbers = [column.name for column in columns if is_number(column)]
    ys = tuple(name for name in choice.ys if name in numbers)
    series = choice.series if choice.series in names else ""
    if choice.kind == ChartKind.NUMBER:
        return ChartChoice(
            choice.kind, "", "", ys or tuple(name for name in numbers if name not in _NAMES)[:4] or tuple(numbers[:1])
        )
    x = choice.x if choice.x in names else _axis(columns, but=(*ys, series))
    if not ys:
        ys = tuple(name for name in numbers if name not in (x, series, *_NAMES))[:3] or tuple(numbers[:1])
    return ChartChoice(choice.kind, x, series if series != x else "", ys)


def _axis(columns: Sequence[Column], *, but: Sequence[str]) -> str:
    free = [column for column in columns if column.name not in but]
    for wanted in (lambda one: one.type.startswith(_TIMES), lambda one: not is_number(one), lambda one: True):
        for column in free:
            if wanted(column):
                return column.name
    return ""


def picture(
    *, columns: Sequence[Column], rows: Sequence[Sequence[Any]], choice: ChartChoice, title: str, key: str
) -> Chart | None:
    """The rows as a chart; None for a table. Rows with the same place are added up."""
    if choice.kind == ChartKind.TABLE:
        return None
    names = [column.name for column in columns]
    ys = [name for name in choice.ys if name in names]
    empty = _("The result has nothing to draw. Choose other columns.")
    if choice.kind == ChartKind.NUMBER:
        first = rows[0] if rows else []
        series = [Series(name, [_number(first[names.index(name)])] if rows else []) for name in ys]
        return Chart(key, title, "number", [""], series if rows else [], empty=empty)
    points = _points(names, rows, choice, ys)
    labels = list(dict.fromkeys(label for line in points.values() for label in line))
    if choice.x and _is_time(columns, choice.x):
        labels.sort()
    shown, notes = dict(list(points.items())[:SERIES]), []
    if len(points) > SERIES:
        notes.append(_("The first %(count)s of %(all)s lines are drawn.") % {"count": SERIES, "all": len(points)})
    if len(labels) > LABELS:
        notes.append(_("The first %(count)s of %(all)s places are drawn.") % {"count": LABELS, "all": len(labels)})
        labels = labels[:LABELS]
    drawn = [Series(name or _("(none)"), [line.get(label) for label in labels]) for name, line in shown.items()]
    if choice.x and _is_time(columns, choice.x):
        labels = _shortened(labels)
    if choice.kind == ChartKind.PIE:
        labels, drawn = _slices(labels, drawn[:1])
    return Chart(key, title, choice.kind.value, labels, drawn, corner=choice.x, note=" ".join(notes), empty=empty)


def _points(
    names: Sequence[str], rows: Sequence[Sequence[Any]], choice: ChartChoice, ys: Sequence[str]
) -> dict[str, dict[str, float]]:
    """For each line the value of each label. Labels in the rows' order; lines of a column's values by name, whatever the rows' order."""
    place = names.index(choice.x) if choice.x in names else None
    by = names.index(choice.series) if choice.series in names else None
    found: dict[str, dict[str, float]] = {} if by is not None else {name: {} for name in ys}
    for number, row in enumerate(rows, 1):
        label = str(number) if place is None else _label(row[place])
        for name in ys:
            value = _number(row[names.index(name)])
            line = name if by is None else _label(row[by]) if len(ys) == 1 else f"{_label(row[by])} · {name}"
            points = found.setdefault(line, {})
            if value is not None:
                points[label] = points.get(label, 0) + value
    return found if by is None else dict(sorted(found.items()))


def _slices(labels: Sequence[str], series: Sequence[Series]) -> tuple[list[str], list[Series]]:
    """The largest parts, and the others together."""
    if not series:
        return [], []
    parts = sorted(((value or 0, label) for label, value in zip(labels, series[0].values, strict=True)), key=lambda one: -one[0])
    kept, others = parts[:SLICES], parts[SLICES:]
    if others:
        kept.append((sum(value for value, _label in others), _("Others")))
    return [label for _value, label in kept], [Series(series[0].name, [value for value, _label in kept])]


def _is_time(columns: Sequence[Column], name: str) -> bool:
    return any(column.name == name and column.type.startswith(_TIMES) for column in columns)


def _label(cell: Any) -> str:
    text = _("(none)") if cell is None else str(cell)
    return text[:80]


def _shortened(labels: Sequence[str]) -> list[str]:
    """Times without the part that is nothing in all of them."""
    for nothing in (" 00:00:00", ":00"):
        if all(label.endswith(nothing) for label in labels):
            return [label.removesuffix(nothing) for label in labels]
    return list(labels)


def _number(cell: Any) -> float | None:
    if cell is None or isinstance(cell, bool):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1 << 53 else value
