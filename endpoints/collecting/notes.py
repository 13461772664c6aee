"""What was seen of a project's web pages last, for whoever puts the script into one: kept in Redis for a day, without people's data."""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import orjson
import redis

from core.redis import quick_client

LAST = 20  # of each kind
_DAY_SECONDS = 24 * 3600
_DETAIL = 1_000  # characters
_EVERY_SECONDS = 1.0  # a key's refusals are noted so often at the most, by each process

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_noted_at: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that was written, by the key of its row."""

    event_id: str
    occurred_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class RefusedNote:
    """Something that was not taken: when, why (a code of the door's or of ``LEFT_OUT``), and what it was about."""

    at: datetime.datetime
    code: str
    detail: str


def note_seen(*, project_id: int, seen: Sequence[Seen]) -> None:
    """The newest events of a project's pages."""
    _push(f"pabal:web:seen:{project_id}", [orjson.dumps([one.event_id, one.occurred_at]) for one in seen[-LAST:]])


def note_refused(*, key_id: int, code: str, detail: str, now: datetime.datetime) -> None:
    """Something came with a key and was not taken."""
    with _lock:
        if time.monotonic() < _noted_at.get(key_id, float("-inf")) + _EVERY_SECONDS:
            return
        _noted_at[key_id] = time.monotonic()
    _push(f"pabal:web:refused:{key_id}", [orjson.dumps([now, code, detail[:_DETAIL]])])


def last_seen(*, project_id: int) -> list[Seen]:
    """Newest first."""
    return [Seen(event_id, datetime.datetime.fromisoformat(at)) for event_id, at in _read(f"pabal:web:seen:{project_id}")]


def last_refused(*, key_id: int) -> list[RefusedNote]:
    """Newest first."""
    found = _read(f"pabal:web:refused:{key_id}")
    return [RefusedNote(datetime.datetime.fromisoformat(at), code, detail) for at, code, detail in found]


def _push(name: str, lines: Sequence[bytes]) -> None:
    if not lines:
        return
    pipeline = quick_client().pipeline(transaction=True)
    pipeline.lpush(name, *lines)
    pipeline.ltrim(name, 0, LAST - 1)
    pipeline.expire(name, _DAY_SECONDS)
    try:
        pipeline.execute()
    except redis.RedisError:
        _log.warning("Redis does not take what was seen last")


def _read(name: str) -> Iterable[list[str]]:
    try:
        found = cast("list[bytes]", quick_client().lrange(name, 0, LAST - 1))
    except redis.RedisError:
        return []
    return [orjson.loads(line) for line in found]
