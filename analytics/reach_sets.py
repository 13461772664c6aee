"""Who did something, as sets by day: read once from the table, then kept in the process for as long as the rows are the same.

A day that is over changes no more, so a question about thirty days reads what happened today. Rows are told apart by where they lie
(``ctid``) and by the transaction that wrote them (``xmin``): whoever folds, erases or counts anew makes other ones, and what was kept of
the old is not used any more.
"""

from __future__ import annotations

import datetime
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from django.contrib.postgres.aggregates import BitXor
from django.db.models import BigIntegerField, Count, Q
from django.db.models.expressions import RawSQL

from analytics.models import Reach, ReachAddition
from core.audience import Audience

KEPT_BYTES = 128 << 20  # of a process
_VERSION = "hashtextextended(analytics_reach.ctid::text, analytics_reach.id # analytics_reach.xmin::text::bigint)"

_lock = threading.Lock()
_kept: OrderedDict[Hashable, tuple[tuple[int, int], Audience, int]] = OrderedDict()
_bytes = 0


def sets_by(narrow: Q, names: Sequence[str], *, first: datetime.date, last: datetime.date) -> dict[tuple[Any, ...], Audience]:
    """The sets of these days that ``narrow`` finds, united by these columns of ``Reach``; nobody may change them."""
    columns = [name for name in names if name != "day"]
    parts: dict[tuple[Any, ...], list[Audience]] = defaultdict(list)
    for key, members in daily_sets(narrow, columns, first=first, last=last).items():
        told = dict(zip([*columns, "day"], key, strict=True))
        parts[tuple(told[name] for name in names)].append(members)
    return {key: some[0] if len(some) == 1 else Audience.union(some) for key, some in parts.items()}


def daily_sets(
    narrow: Q, names: Sequence[str] = (), *, first: datetime.date, last: datetime.date
) -> dict[tuple[Any, ...], Audience]:
    """The same, each day (the last member of the key) by itself. Two queries, and one more for the days that are not kept.

    What waits to be folded is read first: what is folded meanwhile is seen twice, which changes no set, and never missed.
    """
    place = (narrow, tuple(names))
    narrow &= Q(day__gte=first, day__lte=last)
    columns = [*names, "day"]
    waiting: dict[tuple[Any, ...], list[Audience]] = defaultdict(list)
    for *key, members in ReachAddition.objects.filter(narrow).values_list(*columns, "members"):
        waiting[tuple(key)].append(members)
    stamps = {
        tuple(key): (count, stamp)
        for *key, count, stamp in Reach.objects.filter(narrow)
        .order_by()
        .values_list(*columns)
        .annotate(count=Count("pk"), stamp=BitXor(RawSQL(_VERSION, [], output_field=BigIntegerField())))  # noqa: S611 (a text of ours)
    }
    found = {key: members for key, stamp in stamps.items() if (members := _held((place, key), stamp)) is not None}
    if missing := stamps.keys() - found.keys():
        found |= _read(narrow, columns, place, {key: stamps[key] for key in missing})
    for key, some in waiting.items():
        found[key] = Audience.union([*some, found[key]] if key in found else some)
    return found


def _read(
    narrow: Q, columns: list[str], place: Hashable, stamps: dict[tuple[Any, ...], tuple[int, int]]
) -> dict[tuple[Any, ...], Audience]:
    sets: dict[tuple[Any, ...], list[Audience]] = defaultdict(list)
    days = {key[-1] for key in stamps}
    rows = Reach.objects.filter(narrow, day__in=days).order_by().values_list(*columns, "members")
    for *key, members in rows.iterator(chunk_size=2_000):
        sets[tuple(key)].append(members)
    found = {key: Audience.union(sets.get(key, ())) for key in stamps}
    for key, members in found.items():
        _keep((place, key), stamps[key], members)
    return found


def _held(key: Hashable, stamp: tuple[int, int]) -> Audience | None:
    with _lock:
        held = _kept.get(key)
        if held is None or held[0] != stamp:
            return None
        _kept.move_to_end(key)
        return held[1]


def _keep(key: Hashable, stamp: tuple[int, int], members: Audience) -> None:
    global _bytes
    size = len(bytes(members))
    with _lock:
        if (old := _kept.pop(key, None)) is not None:
            _bytes -= old[2]
        _kept[key] = (stamp, members, size)
        _bytes += size
        while _bytes > KEPT_BYTES and len(_kept) > 1:
            _key, (_stamp, _members, gone) = _kept.popitem(last=False)
            _bytes -= gone


def forget() -> None:
    """Rows of another database may look the same."""
    global _bytes
    with _lock:
        _kept.clear()
        _bytes = 0
