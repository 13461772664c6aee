"""Funnels: who did one thing, and after it the next, within a time of the first."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.kpis.measures import COUNTED
from analytics.statistics.daily import Days
from core.audience import Audience
from core.sql import copied

MOST_STEPS = 6
_EVENTS = """
    SELECT endpoint_id, occurred_at, kind FROM analytics_event
     WHERE project_id = %(project)s AND kind = ANY(%(kinds)s) AND hit_class = ANY(%(classes)s)
       AND occurred_at >= %(start)s AND occurred_at < %(end)s
"""
# A row of COPY's binary form (PostgreSQL's manual, "COPY", file formats): each field after its size; times are microseconds since 2000.
_ROW = np.dtype(
    [("fields", ">i2"), ("s1", ">i4"), ("endpoint", ">i8"), ("s2", ">i4"), ("at", ">i8"), ("s3", ">i4"), ("kind", ">i2")]
)
_HEAD, _TAIL = 19, 2  # bytes around the rows
_TIME_BITS = 36  # milliseconds of two years; the rest of a key is the endpoint's number
_Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reached:
    """Who came as far as this step."""

    kind: int
    members: Audience


def funnel(
    *, project_id: int, kinds: Sequence[int], days: Days, within: datetime.timedelta, among: Audience | None = None
) -> list[Reached]:
    """For each step those who did it after the steps before it, all ``within`` that time after a first one. One query.

    Any of an endpoint's first steps may begin its way; of each following step the earliest that comes no sooner (to the millisecond) is
    taken, which reaches as far as any choice would.
    """
    rows = _rows(project_id, kinds, days)
    endpoints, at, of = rows["endpoint"].astype(np.int64), rows["at"].astype(np.int64) // 1000, rows["kind"]
    if not len(rows):
        return [Reached(kind, Audience()) for kind in kinds]
    numbers, names = _numbered(endpoints)
    keys = (numbers << _TIME_BITS) | (at - at.min())
    sorted_ = {kind: np.sort(keys[of == kind]) for kind in set(kinds)}
    now = sorted_[kinds[0]]
    deadline = now + int(within.total_seconds() * 1000)
    found = [_reached(kinds[0], names, now, among)]
    for kind in kinds[1:]:
        steps = sorted_[kind]
        places = np.searchsorted(steps, now)
        is_reached = places < len(steps)
        now, deadline, places = now[is_reached], deadline[is_reached], places[is_reached]
        following = steps[places]
        is_reached = (following >> _TIME_BITS == now >> _TIME_BITS) & (following <= deadline)
        now, deadline = following[is_reached], deadline[is_reached]
        found.append(_reached(kind, names, now, among))
    return found


def _numbered(endpoints: _Longs) -> tuple[_Longs, Callable[[_Longs], _Longs]]:
    """A small number for each endpoint, and the way back: its distance from the first, unless they lie too far from each other."""
    first = int(endpoints.min())
    if int(endpoints.max()) - first < 1 << (63 - _TIME_BITS):
        return endpoints - first, lambda numbers: numbers + first
    known, numbers = np.unique(endpoints, return_inverse=True)
    return numbers.astype(np.int64), lambda some: known[some]


def _reached(kind: int, names: Callable[[_Longs], _Longs], keys: _Longs, among: Audience | None) -> Reached:
    """``keys`` are sorted."""
    numbers = keys >> _TIME_BITS
    is_new = np.ones(len(numbers), bool)
    is_new[1:] = numbers[1:] != numbers[:-1]
    members = Audience(names(numbers[is_new]).tolist())
    return Reached(kind, members if among is None else members & among)


def _rows(project_id: int, kinds: Sequence[int], days: Days) -> npt.NDArray[np.void]:
    start = datetime.datetime.combine(days.first, datetime.time(), tzinfo=days.zone)
    end = datetime.datetime.combine(days.last + datetime.timedelta(days=1), datetime.time(), tzinfo=days.zone)
    given = {
        "project": project_id, "kinds": [int(kind) for kind in kinds], "classes": [int(one) for one in COUNTED], "start": start,
        "end": end,
    }  # fmt: skip
    data = copied(_EVENTS, given, "FORMAT binary")
    return np.frombuffer(data, _ROW, count=(len(data) - _HEAD - _TAIL) // _ROW.itemsize, offset=_HEAD)
