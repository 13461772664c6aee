"""Ids that wait, and what for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.models import HoldReason

LARGEST = 1_000  # ids that wait in one slice


@dataclass(frozen=True, slots=True)
class Hold:
    """``ids`` wait until ``until``; not an attempt. They may join a slice of the run that waits for the same thing, up to
    ``leeway`` earlier, as long as it holds no more than ``largest``.
    """  # fmt: skip

    ids: Sequence[int]
    until: datetime.datetime
    reason: HoldReason
    note: str = ""
    largest: int = LARGEST
    leeway: datetime.timedelta = datetime.timedelta(0)
