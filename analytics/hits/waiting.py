"""Where lines wait until they are written: a Redis stream, or a folder of synced files while Redis is away.

A write to Redis that timed out may have arrived all the same; its lines are then spooled as well, so whoever reads them tells by what
they hold that they came twice.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import redis
from django.conf import settings

from analytics.hits.gathering import Gatherer

_REDIS_SECONDS = 0.1  # a redirect waits no longer for Redis
_PAUSE_SECONDS = 2.0  # after a failure Redis is left alone for so long, so that an outage costs one wait, not one each

_log = logging.getLogger(__name__)


class Waiting:
    """``stream`` is the key in Redis, ``folder`` a name under ``PABAL_VAR/spool``."""

    def __init__(self, *, stream: str, folder: str) -> None:
        self.stream = stream
        self._folder = folder
        self._lock = threading.Lock()
        self._gatherers: dict[str, Gatherer] = {}
        self._closed_until = 0.0

    def put(self, lines: Sequence[bytes]) -> None:
        """Returns when they are safe: acknowledged by Redis or synced to the spool. Raises ``OSError`` when both refuse them."""
        if time.monotonic() >= self._closed_until:
            try:
                self._gatherer().append(lines)
            except redis.RedisError:
                self._closed_until = time.monotonic() + _PAUSE_SECONDS
                _log.warning("Redis does not take %s; they go to the spool", self._folder)
            else:
                return
        self.spool(b"\n".join(lines))

    def try_again(self) -> None:
        """Redis is back."""
        self._closed_until = 0.0

    def spool_folder(self) -> Path:
        return Path(settings.VAR_DIR) / "spool" / self._folder

    def spool(self, lines: bytes) -> None:
        """One file for what comes together, complete before it gets its name: a reader never sees half of one, and no lock is needed."""
        folder = self.spool_folder()
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}-{os.getpid()}-{threading.get_ident()}"
        unfinished = folder / f".{name}"
        with unfinished.open("wb") as out:
            out.write(lines + b"\n")
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(folder / f"{name}.jsonl")
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def bury(self, line: bytes) -> None:
        """What can't be read must not stop the rest, nor vanish."""
        folder = self.spool_folder().parent
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"unreadable-{self._folder}.txt").open("ab") as out:
            out.write(line + b"\n")
        _log.error("A line could not be read and was put into %s", folder / f"unreadable-{self._folder}.txt")

    def _gatherer(self) -> Gatherer:
        with self._lock:
            found = self._gatherers.get(settings.REDIS_URL)
            if found is None:
                found = self._gatherers[settings.REDIS_URL] = Gatherer(
                    url=settings.REDIS_URL, stream=self.stream, seconds=_REDIS_SECONDS
                )
            return found
