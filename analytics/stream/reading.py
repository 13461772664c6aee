"""Events in the order of their positions, of one project or of all."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

_SPAN = 50_000  # positions that one statement looks at: they are all projects', so a quiet project skips many
_COLUMNS = """
    position, id, occurred_at, endpoint_id, kind, hit_class, source_kind, source_id, run_id, treatment, link_number, data
"""
_NEXT = f"""
    SELECT {_COLUMNS} FROM analytics_event
     WHERE project_id = %(project)s AND position > %(after)s AND position <= %(until)s ORDER BY position
     LIMIT %(limit)s
"""
_NEXT_OF_ALL = f"""
    SELECT project_id, {_COLUMNS} FROM analytics_event
     WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(limit)s
"""
_KNOWN = f"SELECT {_COLUMNS} FROM analytics_event WHERE project_id = %s AND (occurred_at, id) IN %s"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of the event table, of a known project."""

    position: int
    id: uuid.UUID
    occurred_at: datetime.datetime
    endpoint_id: int
    kind: int
    hit_class: int
    source_kind: int
    source_id: int | None
    run_id: int | None
    treatment: int
    link_number: int | None
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Span:
    """``until``: what to go on after; every event of the project up to it is among ``events`` or was read before."""

    events: Sequence[StoredEvent]
    until: int


def events_after(*, project_id: int, after: int, settled: int, limit: int) -> Span:
    """The project's next events after a position, at most ``limit``; ``settled`` is ``horizon.settled_position()``."""
    until, span = after, min(2 * limit, _SPAN)  # a busy project's next ones are near
    found: list[StoredEvent] = []
    with connection.cursor() as cursor:
        while until < settled and len(found) < limit:
            end = min(until + span, settled)
            cursor.execute(_NEXT, {"project": project_id, "after": until, "until": end, "limit": limit - len(found) + 1})
            rows = cursor.fetchall()
            found += [_event(row) for row in rows[: limit - len(found)]]
            until, span = end, min(4 * span, _SPAN)
            if len(rows) and found and rows[-1][0] > found[-1].position:
                until = found[-1].position  # there are more in this span
    return Span(found, until)


@dataclass(frozen=True, slots=True)
class EveryonesSpan:
    """As ``Span``, of all projects: their events by project."""

    events: dict[int, list[StoredEvent]]
    until: int


def everyones_events_after(*, after: int, settled: int, limit: int) -> EveryonesSpan:
    """The next events of all projects after a position, at most ``limit``."""
    until, count = after, 0
    found: dict[int, list[StoredEvent]] = {}
    with connection.cursor() as cursor:
        while until < settled and count < limit:
            end = min(until + _SPAN, settled)
            cursor.execute(_NEXT_OF_ALL, {"after": until, "until": end, "limit": limit - count})
            rows = cursor.fetchall()
            for project_id, *row in rows:
                found.setdefault(project_id, []).append(_event(tuple(row)))
            count += len(rows)
            until = rows[-1][1] if count == limit else end  # there may be more in this span
    return EveryonesSpan(found, until)


def _event(row: tuple[Any, ...]) -> StoredEvent:
    data = row[-1]  # Django leaves JSON of raw SQL as text
    return StoredEvent(*(*row[:-1], orjson.loads(data) if data is not None else None))


def events_of(*, project_id: int, keys: Sequence[tuple[datetime.datetime, uuid.UUID]]) -> dict[uuid.UUID, StoredEvent]:
    """The project's events with these instants and ids; those of people who were erased are gone."""
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [project_id, tuple((at, str(one)) for at, one in keys)])
        return {event.id: event for event in map(_event, cursor.fetchall())}
