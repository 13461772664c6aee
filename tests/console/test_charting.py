"""Pictures of answers: which columns are drawn, and the rows as points."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.lake.catalog import Column
from console.sql import charting
from console.sql.charting import ChartChoice, ChartKind
from console.statistics.charts import Chart, Series, shown

DAY, KIND, COUNT, RATE = Column("day", "DATE"), Column("kind", "VARCHAR"), Column("n", "BIGINT"), Column("r", "DECIMAL(5,2)")
ROWS = [["2026-11-02", "open", 3, "0.50"], ["2026-11-01", "open", 2, "0.25"], ["2026-11-01", "click", 1, None]]


def drawn(rows: Any = ROWS, columns: Any = (DAY, KIND, COUNT, RATE), **choice: Any) -> Chart:
    fitting = charting.fitted(ChartChoice(**choice), columns)
    chart = charting.picture(columns=columns, rows=rows, choice=fitting, title="t", key="k")
    assert chart is not None
    return chart


def lines(chart: Chart) -> dict[str, list[float | None]]:
    return {one.name: list(one.values) for one in chart.series}


def test_a_line_for_each_value_of_a_column_along_the_days_in_their_order() -> None:
    chart = drawn(kind=ChartKind.LINE, x="day", series="kind", ys=("n",))

    assert (chart.kind, chart.labels, chart.corner) == ("line", ["2026-11-01", "2026-11-02"], "day")
    assert lines(chart) == {"open": [2, 3], "click": [1, None]}


def test_several_numbers_are_several_lines_and_rows_of_one_place_are_added_up() -> None:
    chart = drawn(kind=ChartKind.BAR, x="kind", ys=("n", "r"))

    assert chart.labels == ["open", "click"]
    assert lines(chart) == {"n": [5, 1], "r": [0.75, None]}


def test_without_a_choice_the_day_lies_along_the_axis_and_numbers_are_drawn() -> None:
    columns = [Column("endpoint_id", "BIGINT"), COUNT, KIND, DAY]
    fitting = charting.fitted(ChartChoice(ChartKind.LINE), columns)

    assert (fitting.x, fitting.ys, fitting.series) == ("day", ("n",), "")
    assert charting.fitted(ChartChoice(ChartKind.BAR, x="gone", series="gone", ys=("gone", "n")), [COUNT]).ys == ("n",)
    assert charting.fitted(ChartChoice(ChartKind.BAR), []) == ChartChoice(ChartKind.BAR)


def test_a_pie_shows_the_largest_parts_and_the_others_together() -> None:
    rows = [[f"p{number:02}", number] for number in range(1, 16)]

    chart = drawn(rows, (KIND, COUNT), kind=ChartKind.PIE)

    assert chart.labels[0] == "p15"
    assert (chart.labels[-1], chart.series[0].values[-1]) == ("Others", 15)
    assert sum(value or 0 for value in chart.series[0].values) == 120


def test_numbers_are_shown_large() -> None:
    chart = drawn([[5, "0.25"]], (COUNT, RATE), kind=ChartKind.NUMBER)

    assert chart.numbers == [("n", "5"), ("r", "0.25")]
    assert not drawn([[0]], (COUNT,), kind=ChartKind.NUMBER).is_empty
    assert drawn([], (COUNT,), kind=ChartKind.NUMBER).is_empty


def test_times_lose_what_is_nothing_in_all_of_them() -> None:
    at = Column("hour", "TIMESTAMP")
    whole = drawn([["2026-11-01 00:00:00", 1], ["2026-11-02 00:00:00", 1]], (at, COUNT), kind=ChartKind.LINE)
    hours = drawn([["2026-11-01 00:00:00", 1], ["2026-11-01 05:00:00", 1]], (at, COUNT), kind=ChartKind.LINE)

    assert whole.labels == ["2026-11-01", "2026-11-02"]
    assert hours.labels == ["2026-11-01 00:00", "2026-11-01 05:00"]


def test_what_is_no_number_is_a_gap_and_too_much_is_cut_with_a_word() -> None:
    rows = [[f"x{number}", f"s{number % 20}", value] for number, value in enumerate([1, None, "nan", "inf", True, "x"] * 100)]

    chart = drawn(rows, (KIND, Column("s", "VARCHAR"), Column("v", "DOUBLE")), kind=ChartKind.STACKED, x="kind", series="s")

    assert len(chart.series) == charting.SERIES
    assert len(chart.labels) <= charting.LABELS
    assert "12 of 20 lines" in chart.note
    assert {value for one in chart.series for value in one.values} == {1, None}


@pytest.mark.parametrize("document", [{}, {"kind": "evil"}, {"kind": 3}, {"kind": "line", "y": "n"}, {"kind": "line", "x": None}])
def test_what_is_no_choice_draws_nothing_or_guesses(document: Any) -> None:
    choice = ChartChoice.of(document)

    assert choice.kind in (ChartKind.TABLE, ChartKind.LINE)
    assert charting.picture(columns=[COUNT], rows=[[1]], choice=ChartChoice(), title="t", key="k") is None
    assert ChartChoice.of(choice.document) == choice


def test_numbers_have_as_many_decimals_as_one_reads() -> None:
    assert [shown(value, False) for value in (0, 1234567, 12.5, 0.25, 0.000123456, -0.5, None, 3.0)] == [
        "0", "1,234,567", "12.5", "0.25", "0.000123", "-0.5", "–", "3",
    ]  # fmt: skip
    assert Chart("k", "t", "line", ["a"], [Series("s", [0.125])]).heads == ["s"]
