"""Sending spread over some hours: each slice gets its own time to begin, at even distances."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

_STEP = datetime.timedelta(minutes=1)  # finer would make slices of a few people


@dataclass(frozen=True, slots=True)
class Spread:
    """``total`` people over ``duration`` from ``start`` on; a duration of zero: all at once, in slices of ``largest``."""

    start: datetime.datetime
    duration: datetime.timedelta
    total: int
    largest: int

    @property
    def slice_size(self) -> int:
        """So many that about one slice a minute begins, but never more than the largest slice."""
        steps = self.duration // _STEP
        return max(1, min(self.largest, -(-self.total // steps))) if steps else self.largest

    def not_before(self, number: int) -> datetime.datetime | None:
        """When the slice of a number may begin; None: at once."""
        if not self.duration:
            return None
        slices = max(1, -(-self.total // self.slice_size))
        return self.start + self.duration * number / slices if number else None
