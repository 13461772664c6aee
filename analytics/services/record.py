"""Writing events: rows by COPY, then their counters and reach, in the caller's transaction."""

from __future__ import annotations

import collections
import datetime
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from django.db import connection
from psycopg2.extras import execute_values

from analytics.events import EventBlock, EventRow, Purchase, Send, Sms
from analytics.models import Detail, EventKind, HitClass
from analytics.services import details
from analytics.stream.horizon import WRITING
from core.audience import Audience
from core.sql import Together, bigint_array, execute_again, text_array

_COLUMNS = (
    "id, occurred_at, project_id, endpoint_id, kind, hit_class, source_kind, source_id, run_id, treatment, link_number, data, client, "
    "domain"
)

_COPY = f"COPY analytics_event ({_COLUMNS}) FROM STDIN"
# Events that were written before (a spool file read twice, a batch whose commit was answered too late). Looked up one by one, by the key of
# the one partition that can hold it, however many the planner thinks there are.
_KNOWN = """
    SELECT replace(told.id::text, '-', '')
      FROM unnest(%s::timestamptz[], %s::uuid[]) AS told (at, id)
     CROSS JOIN LATERAL (
           SELECT FROM analytics_event AS kept WHERE kept.occurred_at = told.at AND kept.id = told.id LIMIT 1) AS found
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
_COUNT_REVENUE = """
    INSERT INTO analytics_revenuecounter AS kept
           (project_id, source_kind, source_id, run_id, treatment, kind, currency, hour, purchases, quantity, amount)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (project_id, source_kind, source_id, run_id, treatment, kind, currency, hour)
    DO UPDATE SET purchases = kept.purchases + excluded.purchases, quantity = kept.quantity + excluded.quantity,
                  amount = kept.amount + excluded.amount
"""
_COUNT_PRODUCTS = """
    INSERT INTO analytics_productcounter AS kept (project_id, hour, kind, currency, product, purchases, quantity, amount)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (project_id, hour, kind, currency, product)
    DO UPDATE SET purchases = kept.purchases + excluded.purchases, quantity = kept.quantity + excluded.quantity,
                  amount = kept.amount + excluded.amount
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
PURCHASE_KINDS = frozenset({EventKind.MONETIZATION_PURCHASE})
SEND_KINDS = frozenset({EventKind.CAMPAIGN_SEND, EventKind.JOURNEY_SEND})
ANY_LINK = -1

# What is counted together (project, kind of source, source, run, treatment, kind, class, link, hour since 1970), and its endpoints.
Groups = dict[tuple[int, ...], list[int]]
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

    Counters move with them (hour in UTC), and reach. ``may_repeat`` tells events that were written before by (occurred_at, id) and counts
    them once; callers whose own cursor moves in the same transaction don't need it (and only they may give ``blocks``). All upserts go
    in sorted order, so two writers can't deadlock. ``together`` has statements that wait, and are sent with the counters. ``new`` gets
    those of ``events`` that were new.
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
            events = _unknown(cursor, events)
        cursor.copy_expert(_COPY, _as_copy(events, blocks))
        if new is not None:
            new += events
        groups, domains, clients = _grouped(events, blocks)
        together = together or Together()
        _count(together, groups)
        details.add(together, Detail.DOMAIN, details.found_of(domains))
        details.add(together, Detail.CLIENT, details.found_of(clients))
        _count_sends(together, events, blocks)
        _count_sms(together, events)
        _count_purchases(together, events, blocks)
        _reach_later(together, groups)
        together.send()
        add_reach(cursor, {key: Audience(ids) for key, ids in _reached(groups, _at_once).items()})
    return sum(map(len, groups.values()))


def _unknown(cursor: Any, events: Sequence[EventRow]) -> list[EventRow]:
    """Those that are not in the table yet, each once. Of two writers of the same event at once the second fails, and finds it known."""
    unique: dict[str, EventRow] = {}
    for event in events:
        unique.setdefault(event.digits, event)
    times = text_array([event.occurred_at.isoformat() for event in unique.values()])
    execute_again(cursor, _KNOWN, [times, text_array(list(unique))], rows=1)
    for (digits,) in cursor.fetchall():
        del unique[digits]
    return list(unique.values())


def _of_the_living(
    cursor: Any, events: Sequence[EventRow], blocks: Sequence[EventBlock]
) -> tuple[Sequence[EventRow], Sequence[EventBlock]]:
    """Nothing is written about endpoints whose person was erased."""
    asked = {event.endpoint_id for event in events}.union(*(block.endpoint_ids for block in blocks))
    execute_again(cursor, _ERASED, [bigint_array(asked)], rows=1)
    erased = set(cursor.fetchone()[1])
    if not erased:
        return events, blocks
    left = [_without(block, erased) for block in blocks]
    return [event for event in events if event.endpoint_id not in erased], [block for block in left if block.endpoint_ids]


def _without(block: EventBlock, erased: set[int]) -> EventBlock:
    kept = [place for place, one in enumerate(block.endpoint_ids) if one not in erased]
    domains = None if block.domains is None else [block.domains[place] for place in kept]
    return replace(block, endpoint_ids=[block.endpoint_ids[place] for place in kept], domains=domains)


def _as_copy(events: Iterable[EventRow], blocks: Iterable[EventBlock] = ()) -> io.BytesIO:
    lines = [
        f"{event.digits}{_before(event)}{event.endpoint_id}{_after(event, event.client)}{_END[event.domain]}" for event in events
    ]
    for block in blocks:
        before, after = _before(block), _after(block, None)
        ids, uuids = block.endpoint_ids, _uuids(len(block.endpoint_ids))
        if block.domains is None:
            after += _END[None]
            lines += [f"{one}{before}{pk}{after}" for one, pk in zip(uuids, ids, strict=True)]
        else:
            ends = map(_END.__getitem__, block.domains)
            lines += [f"{one}{before}{pk}{after}{end}" for one, pk, end in zip(uuids, ids, ends, strict=True)]
    return io.BytesIO("".join(lines).encode())


class _Ends(dict[int | None, str]):
    """How a line ends that tells of this domain."""

    def __missing__(self, domain: int | None) -> str:
        self[domain] = end = f"{domain}\n"
        return end


_END = _Ends({None: "\\N\n"})


def _before(e: EventRow | EventBlock) -> str:
    """What stands between the event's id and the endpoint's."""
    return f"\t{e.occurred_at.isoformat()}\t{e.project_id}\t"


def _after(e: EventRow | EventBlock, client: int | None) -> str:
    """What stands between the endpoint's id and the domain."""
    data = r"\N" if e.data is None else _escape(orjson.dumps(e.data).decode())
    source = r"\N" if e.source_id is None else e.source_id
    run = r"\N" if e.run_id is None else e.run_id
    link = r"\N" if e.link_number is None else e.link_number
    program = r"\N" if client is None else client
    return f"\t{e.kind:d}\t{e.hit_class:d}\t{e.source_kind:d}\t{source}\t{run}\t{e.treatment}\t{link}\t{data}\t{program}\t"


def _uuids(count: int) -> list[str]:
    """Random ones (version 4), as ``uuid.uuid4`` makes them, a fifth of its time each."""
    digits = os.urandom(16 * count).hex()
    return [f"{digits[at : at + 12]}4{digits[at + 13 : at + 16]}a{digits[at + 17 : at + 32]}" for at in range(0, 32 * count, 32)]


def _escape(text: str) -> str:
    # JSON writes control characters as escapes; only the backslash means something to COPY. PostgreSQL can't hold NUL.
    return text.replace("\\u0000", "").replace("\\", "\\\\")


def _grouped(events: Iterable[EventRow], blocks: Iterable[EventBlock]) -> tuple[Groups, details.Seen, details.Seen]:
    """The endpoints of each group, the domains of its mails and the clients of its hits."""
    groups: Groups = collections.defaultdict(list)
    domains: Groups = collections.defaultdict(list)
    clients: Groups = collections.defaultdict(list)
    for e in events:
        key = _group(e)
        groups[key].append(e.endpoint_id)
        if e.domain is not None:
            domains[key].append(e.domain)
        if e.client is not None:
            clients[key].append(e.client)
    whole: dict[tuple[int, ...], Sequence[int]] = dict(domains)
    for block in blocks:
        key = _group(block)
        groups[key].extend(block.endpoint_ids)
        if block.domains is not None:
            whole[key] = [*whole[key], *block.domains] if key in whole else block.domains
    return groups, whole, clients


def _group(e: EventRow | EventBlock) -> tuple[int, ...]:
    link = ANY_LINK if e.link_number is None else e.link_number
    hour = int(e.occurred_at.timestamp()) // 3600
    return e.project_id, e.source_kind, e.source_id or 0, e.run_id or 0, e.treatment, e.kind, e.hit_class, link, hour


def _count(together: Together, groups: Groups) -> None:
    for key in sorted(groups):
        *of, hour = (int(one) for one in key)
        together.execute_again(_COUNT, [*of, _instant(hour), len(groups[key])], rows=1)


def _count_sends(together: Together, events: Sequence[EventRow], blocks: Sequence[EventBlock]) -> None:
    totals: collections.Counter[tuple[Any, ...]] = collections.Counter()
    sends: list[EventRow | EventBlock] = [*events, *blocks]
    for e in sends:
        if e.kind in SEND_KINDS:
            send = Send.of(e.data or {})
            count = len(e.endpoint_ids) if isinstance(e, EventBlock) else 1
            totals[(*_source(e), int(e.kind), send.channel, send.status, _hour(e.occurred_at))] += count
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


def _count_purchases(together: Together, events: Sequence[EventRow], blocks: Sequence[EventBlock]) -> None:
    revenue: dict[tuple[Any, ...], list[Any]] = collections.defaultdict(lambda: [0, 0, 0])
    products: dict[tuple[Any, ...], list[Any]] = collections.defaultdict(lambda: [0, 0, 0])
    told: list[EventRow | EventBlock] = [*events, *blocks]
    for e in told:
        if e.kind not in PURCHASE_KINDS or e.hit_class == HitClass.SCANNER:
            continue
        purchase, hour = Purchase.of(e.data or {}), _hour(e.occurred_at)
        count = len(e.endpoint_ids) if isinstance(e, EventBlock) else 1
        for total in (
            revenue[(*_source(e), int(e.kind), purchase.currency, hour)],
            products[e.project_id, hour, int(e.kind), purchase.currency, purchase.product],
        ):
            total[0] += count
            total[1] += count * purchase.quantity
            total[2] += count * purchase.amount
    for query, totals in ((_COUNT_REVENUE, revenue), (_COUNT_PRODUCTS, products)):
        for key in sorted(totals):
            together.execute_again(query, [*key, *totals[key]], rows=1)


def _source(e: EventRow | EventBlock) -> tuple[int, int, int, int, int]:
    """Whose the event is, as counters and reach say it: 0 stands for what nobody's run sent."""
    return e.project_id, int(e.source_kind), e.source_id or 0, e.run_id or 0, e.treatment


def _hour(at: datetime.datetime) -> datetime.datetime:
    return _instant(int(at.timestamp()) // 3600)


def _instant(hour: int) -> datetime.datetime:
    """The beginning of an hour, by its number since 1970."""
    return datetime.datetime.fromtimestamp(3600 * hour, datetime.UTC)


def _reach_later(together: Together, groups: Groups) -> None:
    for key, ids in _reached(groups, _later).items():
        together.execute_again(_REACH_LATER, [*key, bytes(Audience(ids))], rows=1)


def _at_once(kind: int) -> bool:
    return kind in _REACHING


def _later(kind: int) -> bool:
    return kind not in _REACHING and kind not in NOT_REACHING


def _reached(groups: Groups, is_wanted: Callable[[int], bool]) -> dict[ReachKey, list[int]]:
    reached: dict[ReachKey, list[int]] = collections.defaultdict(list)
    for (project, source_kind, source, run, treatment, kind, hit_class, number, hour), ids in groups.items():
        if is_wanted(kind):
            for link in {ANY_LINK, number}:
                day = _instant(hour).date()
                key = (project, int(source_kind), source, run, treatment, int(kind), int(hit_class), link, day)
                reached[key].extend(ids)
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
