"""Which treatment is the best, and how sure that is.

Of n people who got a treatment s reacted: its true rate has the density Beta(1 + s, 1 + n − s) (every rate was as likely before). The
probability that it is the highest is ∫ f(x) · Π F_other(x) dx, summed here over a fine grid where the densities are not nothing: the
same figures give the same answer, to about six digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Line = npt.NDArray[np.float64]
_POINTS = 20_001
_REACH = 20.0  # standard deviations on both sides; beyond lies less than 1e-8, in the long tail of a rate near nothing
_TIE = 0.01  # two probabilities as close as that say nothing
_Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True, slots=True)
class Figures:
    """How many got it, and how many of them reacted."""

    sent: int
    reacted: int

    @property
    def rate(self) -> float:
        return self.reacted / self.sent if self.sent else 0.0


def probabilities(figures: Sequence[Figures]) -> list[float]:
    """For each the probability that its true rate is the highest. They add up to 1."""
    pairs = [(1.0 + min(one.reacted, one.sent), 1.0 + one.sent - min(one.reacted, one.sent)) for one in figures]
    spans = [_span(a, b) for a, b in pairs]
    grid = np.unique(np.concatenate([np.linspace(low, high, _POINTS) for low, high in spans]))
    densities = [_density(grid, a, b) for a, b in pairs]
    below = [_cumulated(grid, density) for density in densities]
    found = []
    for number, density in enumerate(densities):
        others = [one for place, one in enumerate(below) if place != number]
        product = np.prod(others, axis=0) if others else np.ones_like(grid)
        found.append(float(np.trapezoid(density * product, grid)))
    total = sum(found)
    return [one / total for one in found]


def _span(a: float, b: float) -> tuple[float, float]:
    mean = a / (a + b)
    deviation = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return max(0.0, mean - _REACH * deviation), min(1.0, mean + _REACH * deviation)


def _density(grid: _Line, a: float, b: float) -> _Line:
    inside = np.clip(grid, 1e-300, 1 - 1e-16)
    logs = (a - 1) * np.log(inside) + (b - 1) * np.log1p(-inside)
    density: _Line = np.exp(logs - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)))
    return density


def _cumulated(grid: _Line, density: _Line) -> _Line:
    steps = (density[1:] + density[:-1]) / 2 * np.diff(grid)
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    cumulated: _Line = np.minimum(sums / max(sums[-1], 1e-300), 1.0)
    return cumulated


def best(chances: Sequence[float]) -> int | None:
    """The number of the best one, or None when the first two are as good as each other."""
    order = sorted(range(len(chances)), key=lambda number: -chances[number])
    if len(order) > 1 and chances[order[0]] - chances[order[1]] < _TIE:
        return None
    return order[0]


def interval(figures: Figures) -> tuple[float, float]:
    """Wilson's interval: where the true rate lies with 95 %."""
    n = figures.sent
    if not n:
        return 0.0, 1.0
    rate = min(figures.rate, 1.0)
    middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2))
    return min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half))
