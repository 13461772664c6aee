"""Funnels: who did one thing, and after it the next, within a time of the first."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.kpis.measures import COUNTED
from analytics.statistics.daily import Days
from core.audience import Audience
from core.sql import copied

MOST_STEPS = 6
_EVENTS = """
    SELECT endpoint_id, (extract(epoch FROM occurred_at) * 1000)::bigint FROM analytics_event
     WHERE project_id = %(project)s AND kind = %(kind)s AND hit_class = ANY(%(classes)s)
       AND occurred_at >= %(start)s AND occurred_at < %(end)s
"""
_ROW = np.dtype([("fields", ">i2"), ("s1", ">i4"), ("endpoint", ">i8"), ("s2", ">i4"), ("at", ">i8")])
_HEAD, _TAIL = 19, 2  # bytes around the rows of COPY's binary form (PostgreSQL's manual, "COPY", file formats)
_Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reached:
    """Who came as far as this step."""

    kind: int
    members: Audience


def funnel(
    *, project_id: int, kinds: Sequence[int], days: Days, within: datetime.timedelta, among: Audience | None = None
) -> list[Reached]:
    """For each step those who did it after the steps before it, all ``within`` that time after a first one. One query a step.

    Any of an endpoint's first steps may begin its way; of each following step the earliest that comes no sooner is taken, which
    reaches as far as any choice would.
    """
    steps = [_sorted(project_id, kind, days) for kind in kinds]
    starts, times = steps[0]
    deadline = times + int(within.total_seconds() * 1000)
    found = [_reached(kinds[0], starts, among)]
    for kind, (endpoints, at) in zip(kinds[1:], steps[1:], strict=True):
        places = _first_not_before(endpoints, at, starts, times)
        is_found = places < len(endpoints)
        safe = np.minimum(places, max(len(endpoints) - 1, 0))
        if len(endpoints):
            is_found &= (endpoints[safe] == starts) & (at[safe] <= deadline)
            times, starts, deadline = at[safe][is_found], starts[is_found], deadline[is_found]
        else:
            times, starts, deadline = times[:0], starts[:0], deadline[:0]
        found.append(_reached(kind, starts, among))
    return found


def _reached(kind: int, endpoints: _Longs, among: Audience | None) -> Reached:
    members = Audience(np.unique(endpoints).tolist())
    return Reached(kind, members if among is None else members & among)


def _first_not_before(endpoints: _Longs, at: _Longs, wanted: _Longs, since: _Longs) -> _Longs:
    """The place of the first of the sorted (endpoint, time) that is not before each wanted one."""
    joined = np.concatenate([endpoints, wanted])
    both = np.concatenate([at, since])
    is_wanted = np.concatenate([np.zeros(len(endpoints), np.int8), np.ones(len(wanted), np.int8)])
    order = np.lexsort((1 - is_wanted, both, joined))  # a wanted one before an event of the same moment
    before = np.cumsum(1 - is_wanted[order])
    places = np.empty(len(joined), np.int64)
    places[order] = before
    return places[len(endpoints) :]


def _sorted(project_id: int, kind: int, days: Days) -> tuple[_Longs, _Longs]:
    start = datetime.datetime.combine(days.first, datetime.time(), tzinfo=days.zone)
    end = datetime.datetime.combine(days.last + datetime.timedelta(days=1), datetime.time(), tzinfo=days.zone)
    given = {"project": project_id, "kind": kind, "classes": [int(one) for one in COUNTED], "start": start, "end": end}
    rows = _rows(given)
    endpoints, at = rows["endpoint"].astype(np.int64), rows["at"].astype(np.int64)
    order = np.lexsort((at, endpoints))
    return endpoints[order], at[order]


def _rows(given: dict[str, object]) -> npt.NDArray[np.void]:
    data = copied(_EVENTS, given, "FORMAT binary")
    return np.frombuffer(data, _ROW, count=(len(data) - _HEAD - _TAIL) // _ROW.itemsize, offset=_HEAD)
