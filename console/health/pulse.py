"""When beat was started, and when each task and each queue's last one was done: noted in Redis, where a lost note costs nothing."""

from __future__ import annotations

import datetime
import json
import logging
from dataclasses import dataclass
from typing import cast

from redis import RedisError

from core.redis import client

_TASKS, _QUEUES, _START = "pabal:last-tasks", "pabal:last-of-queues", "pabal:beat-started"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beat:
    """``seconds``: how long it took; ``failure``: the error's name, empty when it went well."""

    at: datetime.datetime
    seconds: float
    failure: str


def note(*, task: str, queue: str, beat: Beat) -> None:
    """A task has ended. Never fails: the work is done, whether it is noted or not."""
    line = json.dumps({"at": beat.at.isoformat(), "seconds": round(beat.seconds, 3), "failure": beat.failure})
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.hset(_TASKS, task, line)
            pipe.hset(_QUEUES, queue, line)
            pipe.execute()
    except RedisError:
        _log.warning("the end of %s could not be noted", task)


def note_start(*, at: datetime.datetime) -> None:
    """Beat has started: ticks are due from now on. Never fails."""
    try:
        client().set(_START, at.isoformat())
    except RedisError:
        _log.warning("the start of beat could not be noted")


def started_at() -> datetime.datetime | None:
    """When a beat was started last. Raises ``RedisError``."""
    told = cast("bytes | None", client().get(_START))
    return datetime.datetime.fromisoformat(told.decode()) if told else None


def last_of_tasks() -> dict[str, Beat]:
    """By the name of the task. Raises ``RedisError``."""
    return _read(_TASKS)


def last_of_queues() -> dict[str, Beat]:
    """By the name of the queue. Raises ``RedisError``."""
    return _read(_QUEUES)


def _read(key: str) -> dict[str, Beat]:
    found = {}
    notes = cast("dict[bytes, bytes]", client().hgetall(key))
    for name, line in notes.items():
        told = json.loads(line)
        found[name.decode()] = Beat(datetime.datetime.fromisoformat(told["at"]), told["seconds"], told["failure"])
    return found
