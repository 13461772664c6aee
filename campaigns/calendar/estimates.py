"""How many a campaign that never ran will go to, about: the count of its segment, kept in Redis, where a lost note costs a count.

A page only reads what is kept, and asks a worker to count what is not. Never more than one worker counts for a project.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable, Collection
from typing import NamedTuple, cast

from redis import RedisError

from core.errors import Refusal
from core.redis import client
from projects.models import Project
from segments import queries as segment_queries
from segments.models import Segment

_KEPT = datetime.timedelta(days=1)
_PATIENCE = 600  # seconds after which a worker that was asked is taken for dead
_log = logging.getLogger(__name__)


class Key(NamedTuple):
    """A segment's public id, and the version that a campaign pins."""

    segment_id: str
    version: int | None


def known(*, project_id: int, keys: Collection[Key]) -> dict[Key, int]:
    """The counts that are kept. One question to Redis; none when it is away."""
    wanted = sorted(keys, key=str)
    if not wanted:
        return {}
    try:
        lines = cast("list[bytes | None]", client().hmget(_name(project_id), [_field(key) for key in wanted]))
    except RedisError:
        return {}
    return {key: int(json.loads(line)["eligible"]) for key, line in zip(wanted, lines, strict=True) if line is not None}


def ask(*, project_id: int) -> bool:
    """Whether a worker is to be asked to count; False while one is at it, or when Redis is away."""
    try:
        return bool(client().set(_asked(project_id), "1", nx=True, ex=_PATIENCE))
    except RedisError:
        return False


def is_asked(*, project_id: int) -> bool:
    try:
        return bool(client().exists(_asked(project_id)))
    except RedisError:
        return False


def count(*, project: Project, keys: Collection[Key], clock: Callable[[], datetime.datetime]) -> int:
    """Count these segments, unless it was done within a day; returns how many were. A segment that can't be counted is no estimate."""
    redis, name, done = client(), _name(project.pk), 0
    for key in sorted(keys, key=str):
        line = cast("bytes | None", redis.hget(name, _field(key)))
        if line is not None and clock() - datetime.datetime.fromisoformat(json.loads(line)["at"]) < _KEPT:
            continue
        try:
            segment = segment_queries.get_segment(project=project, segment_id=key.segment_id)
            counts = segment_queries.segment_counts(project=project, segment=segment, version=key.version, now=clock())
        except (Segment.DoesNotExist, Refusal) as error:
            _log.info("segment %s can't be counted for the calendar: %s", key.segment_id, error)
            continue
        redis.hset(name, _field(key), json.dumps({"eligible": counts.eligible, "at": clock().isoformat()}))
        redis.expire(name, 7 * _KEPT)
        done += 1
    redis.delete(_asked(project.pk))
    return done


def _name(project_id: int) -> str:
    return f"pabal:segment-counts:{project_id}"


def _asked(project_id: int) -> str:
    return f"pabal:segment-counts-asked:{project_id}"


def _field(key: Key) -> str:
    return f"{key.segment_id}:{key.version or ''}"
