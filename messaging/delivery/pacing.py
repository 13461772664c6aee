"""Limits that all workers keep together, in Redis: messages a second, and connections at once."""

from __future__ import annotations

import math
import secrets

from core.redis import client

_SLOT_SECONDS = 90  # a dead worker's connection counts so long
# The bucket holds the instant at which the next message may go. Whoever reserves moves it, and waits for the place that was his.
_RESERVE = """
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    local free = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
    local cost = math.ceil(tonumber(ARGV[1]) * 1000000 / tonumber(ARGV[2]))
    redis.call('SET', KEYS[1], string.format('%.0f', free + cost), 'PX', math.ceil((free + cost - now) / 1000) + 1000)
    return string.format('%.0f', free - now)
"""
_TAKE = """
    local now = tonumber(redis.call('TIME')[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
        return 0
    end
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
    redis.call('EXPIRE', KEYS[1], tonumber(ARGV[3]) + 10)
    return 1
"""


class Rate:
    """So many messages a second under one name."""

    def __init__(self, *, name: str, per_second: float) -> None:
        self._key = f"pabal:rate:{name}"
        self._per_second = per_second

    @property
    def piece(self) -> int:
        """How many messages may be reserved at once without making bursts: a tenth of a second's."""
        return max(1, math.floor(self._per_second / 10))

    def reserve(self, count: int) -> float:
        """Reserve the next places; returns the seconds to wait for them. Raises ``redis.RedisError``."""
        return float(client().eval(_RESERVE, 1, self._key, str(count), repr(self._per_second))) / 1e6  # type: ignore[arg-type]


def free_slots(*, name: str, limit: int) -> int:
    """How many connections under a name are not taken, as far as is known now. Raises ``redis.RedisError``."""
    now = int(client().time()[0])
    return max(0, limit - int(client().zcount(f"pabal:connections:{name}", f"({now}", "+inf")))


class Slot:
    """One of so many connections under one name. Must be renewed at least every minute."""

    def __init__(self, *, name: str, limit: int) -> None:
        self._key = f"pabal:connections:{name}"
        self._limit = limit
        self._me = secrets.token_hex(8)

    def take(self) -> bool:
        """Take a place, or renew the one that is held; False when all are taken. Raises ``redis.RedisError``."""
        return bool(client().eval(_TAKE, 1, self._key, self._me, str(self._limit), str(_SLOT_SECONDS)) == 1)

    def give_back(self) -> None:
        client().zrem(self._key, self._me)
