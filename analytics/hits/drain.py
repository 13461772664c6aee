"""Hits, and events that a service answered for, from where they wait into the event table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analytics import ports
from analytics.events import EventRow
from analytics.hits import queue
from analytics.hits.consuming import Consumer
from analytics.services.record import record_events

_ADVISORY_LOCK = 0x7061_6261


def drain_hits() -> int:
    """Write what waits. Returns how many new events were written."""
    return CONSUMER.drain()


def write_events(events: Sequence[EventRow]) -> int:
    """Write those that are new, and tell of them, in the open transaction. Returns how many."""
    new: list[EventRow] = []
    record_events(events=events, may_repeat=True, new=new)
    if new:
        ports.events_written.call(new)
    return len(new)


def _write(lines: Sequence[bytes]) -> int:
    return write_events(list(_readable(lines)))


def _readable(lines: Iterable[bytes]) -> Iterable[EventRow]:
    for line in lines:
        try:
            yield queue.decode(line)
        except (ValueError, KeyError, TypeError):
            queue.HITS.bury(line)


CONSUMER = Consumer(waiting=queue.HITS, lock=_ADVISORY_LOCK, batch=5_000, write=_write)
