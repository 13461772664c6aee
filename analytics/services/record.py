"""Writing events: rows by COPY, then their counters and reach, in the caller's transaction."""

from __future__ import annotations

import collections
import datetime
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection
from psycopg2.extras import execute_values

from analytics.events import EventBlock, EventRow, Send, Sms
from analytics.models import EventKind
from analytics.stream.horizon import WRITING
from core.audience import Audience
from core.sql import Together, bigint_array, execute_again

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
    INSERT INTO analytics_counter (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, link_number, hour, total)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (project_id, source_kind, source_id, run_id, treatment, kind, hit_class, link_number, hour)
    DO UPDATE SET total = analytics_counter.total + excluded.total
"""
_COUNT_SMS = """
    INSERT INTO analytics_smscounter AS kept
           (project_id, source_kind, source_id, run_id, treatment, kind, country, status, hour, messages, parts, millicents)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (project_id, source_kind, source_id, run_id, treatment, kind, country, status, hour)
    DO UPDATE SET messages = kept.messages + excluded.messages, parts = kept.parts + excluded.parts,
                  millicents = kept.millicents + excluded.millicents
"""
_COUNT_SENDS = """
    INSERT INTO analytics_sendcounter AS kept
           (project_id, source_kind, source_id, run_id, treatment, kind, channel, status, hour, total)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (project_id, source_kind, source_id, run_id, treatment, kind, channel, status, hour)
    DO UPDATE SET total = kept.total + excluded.total
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
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# The lock is held before the transaction takes a position: the horizon of the stream waits for those who hold it.
_ERASED = f"""
    SELECT pg_advisory_xact_lock_shared({WRITING})::text, coalesce(array_agg(endpoint_id), '{{}}') FROM analytics_erasedendpoint
     WHERE endpoint_id = ANY(%s::bigint[])
"""
# Written beside the set and folded in later (analytics.services.reach): batch after batch of one run, or one person at a time.
_REACHING = frozenset({EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE})
# Whom a run sent to is in its outcomes; a text message that is on its way says nothing yet.
NOT_REACHING = frozenset({EventKind.CAMPAIGN_SEND, EventKind.JOURNEY_SEND, EventKind.EMAIL_SEND, EventKind.SMS_BUFFERED})
SMS_KINDS = frozenset({EventKind.SMS_BUFFERED, EventKind.SMS_SUCCESS, EventKind.SMS_FAILURE, EventKind.SMS_OPTOUT})
SEND_KINDS = frozenset({EventKind.CAMPAIGN_SEND, EventKind.JOURNEY_SEND})
ANY_LINK = -1

Fact = tuple[EventRow | EventBlock, Sequence[int]]  # and the endpoints that it is about
ReachKey = tuple[int, int, int, int, int, int, int, int, datetime.date]


def record_events(
    *,
    events: Sequence[EventRow],
    blocks: Sequence[EventBlock] = (),
    may_repeat: bool = False,
    together: Together | None = None,
    new: list[EventRow] | None = None,
) -> int:
    """Write events in the caller's transaction; returns how many were new.

    Counters move with them (hour in UTC), and reach. ``may_repeat`` tells events that
    were written before by (occurred_at, id) and counts them once; callers whose own cursor moves in the same transaction
    don't need it (and only they may give ``blocks``). All upserts go in sorted order, so two writers can't deadlock. ``together``
    has statements that wait, and are sent with the counters. ``new`` gets those of ``events`` that were new.
    """
    if not events and not blocks:
        return 0
    if not connection.in_atomic_block:
        raise RuntimeError("record_events belongs into the transaction that moves the caller's cursor")
    with connection.cursor() as cursor:
        events, blocks = _of_the_living(cursor, events, blocks)
        if not events and not blocks:
            return 0
        if may_repeat:
            cursor.execute(_STAGE)
            cursor.copy_expert(_COPY_STAGED, _as_copy(events))
            cursor.execute(_INSERT_NEW)
            unknown = {str(row[0]) for row in cursor.fetchall()}
            unique = {str(event.id): event for event in events}
            events = [event for key, event in unique.items() if key in unknown]
        else:
            cursor.copy_expert(_COPY, _as_copy(events, blocks))
        if new is not None:
            new += events
        facts = [(event, (event.endpoint_id,)) for event in events] + [(block, block.endpoint_ids) for block in blocks]
        together = together or Together()
        _count(together, facts)
        _count_sends(together, facts)
        _count_sms(together, events)
        _reach_later(together, facts)
        together.send()
        add_reach(cursor, {key: Audience(ids) for key, ids in _reached(facts, _at_once).items()})
    return sum(len(ids) for _fact, ids in facts)


def _of_the_living(
    cursor: Any, events: Sequence[EventRow], blocks: Sequence[EventBlock]
) -> tuple[Sequence[EventRow], Sequence[EventBlock]]:
    """Nothing is written about endpoints whose person was erased."""
    asked = {event.endpoint_id for event in events}.union(*(block.endpoint_ids for block in blocks))
    execute_again(cursor, _ERASED, [bigint_array(asked)], rows=1)
    erased = set(cursor.fetchone()[1])
    if not erased:
        return events, blocks
    left = [replace(block, endpoint_ids=[one for one in block.endpoint_ids if one not in erased]) for block in blocks]
    return [event for event in events if event.endpoint_id not in erased], [block for block in left if block.endpoint_ids]


def _as_copy(events: Iterable[EventRow], blocks: Iterable[EventBlock] = ()) -> io.StringIO:
    lines = [f"{event.id}{_before(event)}{event.endpoint_id}{_after(event)}" for event in events]
    for block in blocks:
        before, after = _before(block), _after(block)
        lines += [
            f"{one}{before}{pk}{after}" for one, pk in zip(_uuids(len(block.endpoint_ids)), block.endpoint_ids, strict=True)
        ]
    return io.StringIO("".join(lines))


def _before(e: EventRow | EventBlock) -> str:
    """What stands between the event's id and the endpoint's."""
    return f"\t{e.occurred_at.isoformat()}\t{e.project_id}\t"


def _after(e: EventRow | EventBlock) -> str:
    data = r"\N" if e.data is None else _escape(json.dumps(e.data, ensure_ascii=False))
    return (
        f"\t{int(e.kind)}\t{int(e.hit_class)}\t{int(e.source_kind)}\t{_null(e.source_id)}\t{_null(e.run_id)}\t{e.treatment}\t"
        f"{_null(e.link_number)}\t{data}\n"
    )


def _uuids(count: int) -> list[str]:
    """Random ones (version 4), as ``uuid.uuid4`` makes them, a fifth of its time each."""
    digits = os.urandom(16 * count).hex()
    return [f"{digits[at : at + 12]}4{digits[at + 13 : at + 16]}a{digits[at + 17 : at + 32]}" for at in range(0, 32 * count, 32)]


def _null(number: int | None) -> str:
    return r"\N" if number is None else str(number)


def _escape(text: str) -> str:
    # JSON writes control characters as escapes; only the backslash means something to COPY. PostgreSQL can't hold NUL.
    return text.replace("\\u0000", "").replace("\\", "\\\\")


def _count(together: Together, facts: Sequence[Fact]) -> None:
    totals: collections.Counter[tuple[Any, ...]] = collections.Counter()
    for e, ids in facts:
        link = ANY_LINK if e.link_number is None else e.link_number
        totals[(*_source(e), int(e.kind), int(e.hit_class), link, _hour(e.occurred_at))] += len(ids)
    for key in sorted(totals):
        together.execute_again(_COUNT, [*key, totals[key]], rows=1)


def _count_sends(together: Together, facts: Sequence[Fact]) -> None:
    totals: collections.Counter[tuple[Any, ...]] = collections.Counter()
    for e, ids in facts:
        if e.kind in SEND_KINDS:
            send = Send.of(e.data or {})
            totals[(*_source(e), int(e.kind), send.channel, send.status, _hour(e.occurred_at))] += len(ids)
    for key in sorted(totals):
        together.execute_again(_COUNT_SENDS, [*key, totals[key]], rows=1)


def _count_sms(together: Together, events: Sequence[EventRow]) -> None:
    totals: dict[tuple[Any, ...], list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for e in events:
        if e.kind in SMS_KINDS:
            sms = Sms.of(e.data or {})
            total = totals[(*_source(e), int(e.kind), sms.country, sms.status, _hour(e.occurred_at))]
            for place, more in enumerate((1, sms.parts, sms.millicents)):
                total[place] += more
    for key in sorted(totals):
        together.execute_again(_COUNT_SMS, [*key, *totals[key]], rows=1)


def _source(e: EventRow | EventBlock) -> tuple[int, int, int, int, int]:
    """Whose the event is, as counters and reach say it: 0 stands for what nobody's run sent."""
    return e.project_id, int(e.source_kind), e.source_id or 0, e.run_id or 0, e.treatment


def _hour(at: datetime.datetime) -> datetime.datetime:
    return at.astimezone(datetime.UTC).replace(minute=0, second=0, microsecond=0)


def _reach_later(together: Together, facts: Sequence[Fact]) -> None:
    for key, ids in _reached(facts, _later).items():
        together.execute_again(_REACH_LATER, [*key, bytes(Audience(ids))], rows=1)


def _at_once(kind: int) -> bool:
    return kind in _REACHING


def _later(kind: int) -> bool:
    return kind not in _REACHING and kind not in NOT_REACHING


def _reached(facts: Sequence[Fact], is_wanted: Callable[[int], bool]) -> dict[ReachKey, set[int]]:
    reached: dict[ReachKey, set[int]] = collections.defaultdict(set)
    for e, ids in facts:
        if not is_wanted(e.kind):
            continue
        day = e.occurred_at.astimezone(datetime.UTC).date()
        for link in {ANY_LINK, ANY_LINK if e.link_number is None else e.link_number}:
            reached[(*_source(e), int(e.kind), int(e.hit_class), link, day)].update(ids)
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
