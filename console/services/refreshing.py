"""New numbers for dashboards: one query at a time, in the background.

A page shows what is kept and never waits for the lake. Which dashboards somebody looks at is a hint in Redis; numbers of those
are made anew when they are older than their dashboard wants, and those that somebody asked for in any case.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q
from redis import RedisError

from analytics.lake import sql as lake
from console.models import Dashboard, DashboardTile, KeptAnswer, SavedQuery
from console.services import keeping
from core.redis import client

_SEEN = "pabal:dashboards:seen"  # a sorted set: when somebody looked
_LOOKED_AT = datetime.timedelta(days=3)  # whose numbers are made anew by themselves
_TURN_SECONDS = 45  # of a task; the next tick goes on
_LOCK = 0x7061_6C72
_BROKEN_AGAIN = datetime.timedelta(minutes=15)  # before a query that was refused is asked by itself again


def note_seen(*, dashboard: Dashboard, now: datetime.datetime) -> None:
    """Somebody looks at it. Without Redis its numbers grow old, and the page says how old."""
    with contextlib.suppress(RedisError):
        client().zadd(_SEEN, {str(dashboard.pk): now.timestamp()})
        client().zremrangebyscore(_SEEN, "-inf", (now - _LOOKED_AT).timestamp())


def ask_for_all(*, dashboard: Dashboard, now: datetime.datetime) -> None:
    """New numbers for each tile, soon."""
    dashboard.tiles.update(asked_at=now)


def is_due(*, tile: DashboardTile, made_at: datetime.datetime | None, now: datetime.datetime, is_refused: bool = False) -> bool:
    """Whether its numbers are to be made anew. ``made_at``: when the kept ones were, None without any."""
    if tile.asked_at is not None or made_at is None:
        return True
    seconds = tile.dashboard.refresh_seconds
    limit = datetime.timedelta(seconds=seconds)
    return bool(seconds) and made_at < now - (max(limit, _BROKEN_AGAIN) if is_refused else limit)


@dataclass(frozen=True, slots=True)
class _Wanted:
    query: SavedQuery
    key: str
    tiles: tuple[int, ...]


def due(*, now: datetime.datetime) -> list[_Wanted]:
    """The queries whose numbers are wanted anew: those asked for first, then the oldest."""
    looked_at = _looked_at(now)
    rows = DashboardTile.objects.select_related("dashboard", "query").filter(query__project__deleted_at=None)
    tiles = list(rows.filter(Q(asked_at__isnull=False) | Q(dashboard_id__in=looked_at)).order_by("pk"))
    keys = {tile.pk: keeping.key_of(sql=tile.query.sql, parameters=tile.query.parameters) for tile in tiles}
    projects = {tile.query.project_id for tile in tiles}
    made = {
        (project_id, key): (made_at, bool(refusal))
        for project_id, key, made_at, refusal in KeptAnswer.objects.filter(
            project_id__in=projects, key__in=set(keys.values())
        ).values_list("project_id", "key", "made_at", "refusal")
    }
    found: dict[tuple[int, str], list[DashboardTile]] = {}
    for tile in tiles:
        name = (tile.query.project_id, keys[tile.pk])
        made_at, is_refused = made.get(name, (None, False))
        if is_due(tile=tile, made_at=made_at, now=now, is_refused=is_refused):
            found.setdefault(name, []).append(tile)
    oldest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    order = sorted(found, key=lambda name: (all(one.asked_at is None for one in found[name]), made.get(name, (oldest,))[0]))
    return [_Wanted(found[name][0].query, name[1], tuple(one.pk for one in found[name])) for name in order]


def _looked_at(now: datetime.datetime) -> set[int]:
    try:
        found: Any = client().zrangebyscore(_SEEN, (now - _LOOKED_AT).timestamp(), "+inf")
    except RedisError:
        return set()
    return {int(one) for one in found}


def refresh(*, clock: Callable[[], datetime.datetime], seconds: float = _TURN_SECONDS) -> int:
    """Ask the due queries one after the other; returns how many were answered or refused. Somebody else at it: none."""
    done, until = 0, time.monotonic() + seconds
    with _alone() as is_mine:
        if not is_mine:
            return 0
        for wanted in due(now=clock()):
            if time.monotonic() > until or not _refreshed(wanted, clock):
                break
            done += 1
    return done


def _refreshed(wanted: _Wanted, clock: Callable[[], datetime.datetime]) -> bool:
    """Killed in it: the tiles stay due. False: others are asking, and it is tried again later."""
    began = clock()
    query = wanted.query
    answer: lake.Answer | lake.SqlRefused
    try:
        answer = lake.run(project_id=query.project_id, sql=query.sql, parameters=query.parameters)
    except lake.SqlRefused as refusal:
        if refusal.code == "busy":
            return False
        answer = refusal
    keeping.keep(project_id=query.project_id, key=wanted.key, answer=answer, now=clock())
    DashboardTile.objects.filter(pk__in=wanted.tiles, asked_at__lte=began).update(asked_at=None)
    return True


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else refreshes: twelve tiles are one query after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_LOCK])
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_LOCK])


def tiles_of(dashboard: Dashboard) -> Sequence[DashboardTile]:
    """In their order, with their queries."""
    return list(dashboard.tiles.select_related("query").order_by("place", "pk"))
