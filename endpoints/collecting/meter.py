"""How much callers ask for within ten seconds, over all processes and machines.

Each process counts for itself and tells Redis once a second what came since, which answers what the others counted: so a request waits for
nobody, and a limit is kept to what comes within a second. While Redis is away each process keeps the limits by itself.
"""

from __future__ import annotations

import collections
import logging
import math
import threading
import time

import redis

from core.redis import quick_client

SECONDS = 10
_NAMES = 100_000  # that are counted at once; a flood from more addresses is counted by its key alone
_SMALL = 0.05  # of a limit: what others need not know of yet

_log = logging.getLogger(__name__)


class Meter:
    """Counts by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._window = 0
        self._told_at = 0.0
        self._mine: collections.Counter[str] = collections.Counter()
        self._told: collections.Counter[str] = collections.Counter()
        self._others: dict[str, int] = {}
        self._worth_telling: set[str] = set()

    def take(self, *, name: str, units: int, limit: int, now: float | None = None) -> int:
        """0, or after how many seconds to ask again: the units would be more than the limit. ``now``: seconds since 1970."""
        now = time.time() if now is None else now
        with self._lock:
            if int(now // SECONDS) != self._window:
                self._begin(int(now // SECONDS))
            if self._mine[name] + self._others.get(name, 0) + units > limit:
                return math.ceil((self._window + 1) * SECONDS - now) or 1
            if len(self._mine) > _NAMES:
                self._begin(self._window)
            self._mine[name] += units
            if self._mine[name] >= limit * _SMALL:
                self._worth_telling.add(name)
        if now >= self._told_at + 1 and self._telling.acquire(blocking=False):
            try:
                self._told_at = now
                self._tell()
            finally:
                self._telling.release()
        return 0

    def _begin(self, window: int) -> None:
        self._window = window
        self._mine.clear()
        self._told.clear()
        self._others.clear()
        self._worth_telling.clear()

    def _tell(self) -> None:
        with self._lock:
            window = self._window
            counted = {name: self._mine[name] for name in self._worth_telling}
            news = {name: count - self._told[name] for name, count in counted.items()}
        if not news:
            return
        pipeline = quick_client().pipeline(transaction=False)
        for name, more in news.items():
            pipeline.incrby(f"pabal:web:rate:{window}:{name}", more)
            pipeline.expire(f"pabal:web:rate:{window}:{name}", 2 * SECONDS)
        try:
            totals = pipeline.execute()[::2]
        except redis.RedisError:
            _log.warning("Redis does not take counts; each process keeps the limits of web pages by itself")
            return
        with self._lock:
            if window == self._window:
                for (name, count), total in zip(counted.items(), totals, strict=True):
                    self._told[name] = count
                    self._others[name] = int(total) - count
