"""Which figures are missed, and that few rows miss nothing that is meant for many."""

from __future__ import annotations

from typing import Any

import pytest

from bench.report import Figure


def figure(**fields: Any) -> Figure:
    return Figure(**{"figure": "import", "value": 10.0, "unit": "rows/s", "rows": 100_000} | fields)


@pytest.mark.parametrize(
    ("fields", "is_missed"),
    [
        ({"floor": 11}, True),
        ({"floor": 9}, False),
        ({"floor": 9, "unit": "ms"}, True),
        ({"floor": 11, "unit": "MB"}, False),
        ({"yardstick": 100, "ratio_floor": 0.2}, True),
        ({"yardstick": 100, "ratio_floor": 0.05}, False),
        ({}, False),
    ],
)
def test_a_rate_reaches_its_floor_and_a_duration_or_a_size_stays_under_it(fields: dict[str, Any], is_missed: bool) -> None:
    assert figure(**fields).is_missed is is_missed


def test_a_floor_holds_from_its_rows_on() -> None:
    assert figure(floor=11, floor_rows=50_000).is_missed
    assert not figure(floor=11, yardstick=100, ratio_floor=0.2, floor_rows=50_000, rows=2_000).is_missed
