"""What is asked of an event's attributes and metrics, as SQL over the column ``data``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

SIGNS = {sign: sign for sign in ("=", "<", ">", "<=", ">=")}
Attributes = Iterable[tuple[str, Sequence[str]]]
Metrics = Iterable[tuple[str, str, float]]


def holding(attributes: Attributes, metrics: Metrics) -> tuple[list[str], dict[str, Any]]:
    """Conditions that must all hold, with their parameters: an attribute has one of the values, a metric compares so."""
    conditions: list[str] = []
    params: dict[str, Any] = {}
    for number, (name, values) in enumerate(attributes):
        conditions.append(f"data->'attributes'->>%(a{number})s = ANY(%(v{number})s)")
        params |= {f"a{number}": name, f"v{number}": list(values)}
    for number, (name, sign, value) in enumerate(metrics):
        held = f"data->'metrics'->%(m{number})s"
        conditions.append(
            f"CASE jsonb_typeof({held}) WHEN 'number' THEN ({held})::float8 {SIGNS[sign]} %(n{number})s ELSE false END"
        )
        params |= {f"m{number}": name, f"n{number}": value}
    return conditions, params
