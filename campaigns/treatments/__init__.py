"""Treatments: which message and which schedule each has, and who gets which (docs/adr/0012-treatments.md)."""

from campaigns.treatments.definition import (
    MOST,
    Variation,
    Winner,
    definition,
    is_divided,
    line,
    names,
    numbers,
    shares,
    variation,
    varied_step,
    winner,
)
from campaigns.treatments.split import Cut, cut, divided

__all__ = [
    "MOST",
    "Cut",
    "Variation",
    "Winner",
    "cut",
    "definition",
    "divided",
    "is_divided",
    "line",
    "names",
    "numbers",
    "shares",
    "variation",
    "varied_step",
    "winner",
]
