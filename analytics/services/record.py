"""Writing events: rows by COPY, then their counters and reach, in the caller's transaction."""

from __future__ import annotations

import collections
import datetime
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg2.extras import execute_values

from analytics.events import EventRow
from analytics.models import EventKind
from core.audience import Audience

_COLUMNS = (
    "id, occurred_at, project_id, endpoint_id, kind, hit_class, source_kind, source_id, run_id, treatment, link_number, data"
)

_COPY = f"COPY analytics_event ({_COLUMNS}) FROM STDIN"
_STAGE = """
    CREATE TEMP TABLE IF NOT EXISTS event_stage (LIKE analytics_event INCLUDING DEFAULTS) ON COMMIT DELETE ROWS;
    TRUNCATE event_stage
"""
_COPY_STAGED = f"COPY event_stage ({_COLUMNS}) FROM STDIN"
# An event that was written before (a spool file read twice, a batch whose commit was answered too late) changes nothing.
_INSERT_NEW = f"""
    INSERT INTO analytics_event ({_COLUMNS})
    SELECT DISTINCT ON (occurred_at, id) {_COLUMNS} FROM event_stage
    ON CONFLICT (occurred_at, id) DO NOTHING
    RETURNING id
"""

_COUNT = """
    INSERT INTO analytics_counter (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, hour, total)
    VALUES %s
    ON CONFLICT (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, hour)
    DO UPDATE SET total = analytics_counter.total + excluded.total
"""
_REACH_LOCKED = """
    SELECT id, members FROM analytics_reach
     WHERE project_id = %s AND source_kind = %s AND source_id = %s AND run_id = %s AND treatment = %s AND kind = %s
       AND hit_class = %s AND link_number = %s AND day = %s
       FOR UPDATE
"""
_REACH_SEED = """
    INSERT INTO analytics_reach
           (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, link_number, day, members)
    VALUES %s ON CONFLICT DO NOTHING
"""
_REACH_LATER = """
    INSERT INTO analytics_reachaddition
           (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, link_number, day, members)
    VALUES %s
"""
_ERASED = "SELECT endpoint_id FROM analytics_erasedendpoint WHERE endpoint_id = ANY(%s)"
_REACHING = frozenset({EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE})
# So many, batch by batch, that they are written beside the set and folded in later (analytics.services.reach).
_REACHING_LATER = frozenset({EventKind.EMAIL_DELIVERED})
ANY_LINK = -1

ReachKey = tuple[int, int, int, int, int, int, int, int, datetime.date]


def record_events(*, events: Sequence[EventRow], may_repeat: bool = False) -> int:
    """Write events in the caller's transaction; returns how many were new.

    Counters move with them (hour in UTC); reach is kept for deliveries, opens, clicks and unsubscribes. ``may_repeat`` tells events that
    were written before by (occurred_at, id) and counts them once; callers whose own cursor moves in the same transaction
    don't need it. All upserts go in sorted order, so two writers can't deadlock.
    """
    if not events:
        return 0
    if not connection.in_atomic_block:
        raise RuntimeError("record_events belongs into the transaction that moves the caller's cursor")
    with connection.cursor() as cursor:
        events = _of_the_living(cursor, events)
        if not events:
            return 0
        if may_repeat:
            cursor.execute(_STAGE)
            cursor.copy_expert(_COPY_STAGED, _as_copy(events))
            cursor.execute(_INSERT_NEW)
            new = {str(row[0]) for row in cursor.fetchall()}
            unique = {str(event.id): event for event in events}
            events = [event for key, event in unique.items() if key in new]
        else:
            cursor.copy_expert(_COPY, _as_copy(events))
        _count(cursor, events)
        _reach(cursor, events)
    return len(events)


def _of_the_living(cursor: Any, events: Sequence[EventRow]) -> Sequence[EventRow]:
    """Nothing is written about endpoints whose person was erased."""
    cursor.execute(_ERASED, [list({event.endpoint_id for event in events})])
    erased = {endpoint_id for (endpoint_id,) in cursor.fetchall()}
    return [event for event in events if event.endpoint_id not in erased] if erased else events


def _as_copy(events: Iterable[EventRow]) -> io.StringIO:
    lines = []
    for e in events:
        data = r"\N" if e.data is None else _escape(json.dumps(e.data, ensure_ascii=False))
        lines.append(
            f"{e.id}\t{e.occurred_at.isoformat()}\t{e.project_id}\t{e.endpoint_id}\t{int(e.kind)}\t{int(e.hit_class)}\t"
            f"{int(e.source_kind)}\t{_null(e.source_id)}\t{_null(e.run_id)}\t{e.treatment}\t{_null(e.link_number)}\t{data}\n"
        )
    return io.StringIO("".join(lines))


def _null(number: int | None) -> str:
    return r"\N" if number is None else str(number)


def _escape(text: str) -> str:
    # JSON writes control characters as escapes; only the backslash means something to COPY. PostgreSQL can't hold NUL.
    return text.replace("\\u0000", "").replace("\\", "\\\\")


def _count(cursor: object, events: Sequence[EventRow]) -> None:
    totals: collections.Counter[tuple[object, ...]] = collections.Counter()
    for e in events:
        if e.source_id is not None and e.run_id is not None:
            hour = e.occurred_at.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)
            key = (e.project_id, int(e.source_kind), e.source_id, e.run_id, e.treatment, int(e.kind), int(e.hit_class), hour)
            totals[key] += 1
    if totals:
        execute_values(cursor, _COUNT, [(*key, totals[key]) for key in sorted(totals)])  # type: ignore[type-var]


def _reach(cursor: object, events: Sequence[EventRow]) -> None:
    later = _reached(events, _REACHING_LATER)
    if later:
        execute_values(cursor, _REACH_LATER, [(*key, bytes(Audience(ids))) for key, ids in later.items()])
    add_reach(cursor, {key: Audience(ids) for key, ids in _reached(events, _REACHING).items()})


def _reached(events: Sequence[EventRow], kinds: frozenset[EventKind]) -> dict[ReachKey, set[int]]:
    reached: dict[ReachKey, set[int]] = collections.defaultdict(set)
    for e in events:
        if e.kind not in kinds or e.source_id is None or e.run_id is None:
            continue
        day = e.occurred_at.astimezone(datetime.UTC).date()
        for link in {ANY_LINK, ANY_LINK if e.link_number is None else e.link_number}:
            key = (e.project_id, int(e.source_kind), e.source_id, e.run_id, e.treatment, int(e.kind), int(e.hit_class), link, day)
            reached[key].add(e.endpoint_id)
    return reached


def add_reach(cursor: object, reached: Mapping[ReachKey, Audience]) -> None:
    """Unite the sets with those that are kept, in the caller's transaction and in the order in which all writers lock them."""
    if not reached:
        return
    keys = sorted(reached)
    execute_values(cursor, _REACH_SEED, [(*key, bytes(Audience())) for key in keys])
    for key in keys:
        cursor.execute(_REACH_LOCKED, key)  # type: ignore[attr-defined]
        row_id, members = cursor.fetchone()  # type: ignore[attr-defined]
        grown = Audience.from_bytes(members) | reached[key]
        cursor.execute("UPDATE analytics_reach SET members = %s WHERE id = %s", [bytes(grown), row_id])  # type: ignore[attr-defined]
