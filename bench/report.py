"""Figures, as a table on the screen and as one JSON object a line in ``var/bench/latest.jsonl``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

ENOUGH_ROWS = 50_000  # from so many on a rate says what it would be of a million


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One measurement. ``ratio`` is value / yardstick in the figure's own unit; ``floor`` is what must not be missed.

    ``ratio_floor`` is the same for a rate beside its yardstick. Both hold from ``floor_rows`` rows on: of fewer, most of the time goes into
    starting processes and filling caches.
    """

    figure: str
    value: float
    unit: str
    rows: int
    yardstick: float | None = None
    yardstick_name: str = ""
    goal: float | None = None
    floor: float | None = None
    ratio_floor: float | None = None
    floor_rows: int = 0

    @property
    def ratio(self) -> float | None:
        return round(self.value / self.yardstick, 3) if self.yardstick else None

    @property
    def is_missed(self) -> bool:
        """A rate (something per second) must reach its floor, a duration or a size must stay under it."""
        if self.rows < self.floor_rows:
            return False
        if self.ratio_floor is not None and self.yardstick and self.value < self.ratio_floor * self.yardstick:
            return True
        if self.floor is None:
            return False
        return self.value < self.floor if self.unit.endswith("/s") else self.value > self.floor

    def as_line(self) -> str:
        return json.dumps(dataclasses.asdict(self) | {"ratio": self.ratio}, ensure_ascii=False)


class Report:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._figures: list[Figure] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def add(self, figure: Figure) -> None:
        """Print the figure and append it to the file at once, so that a run that breaks off keeps what it has."""
        self._figures.append(figure)
        beside = f"   {figure.yardstick_name}: {figure.yardstick:,.1f} (ratio {figure.ratio})" if figure.yardstick else ""
        print(f"{figure.figure:<44} {figure.value:>14,.1f} {figure.unit:<12}{beside}", flush=True)
        with self._path.open("a", encoding="utf-8") as out:
            out.write(figure.as_line() + "\n")

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self._figures if figure.is_missed]
