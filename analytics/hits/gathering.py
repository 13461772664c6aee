"""Writing to the Redis stream, for many threads at once: whoever finds nobody writing writes what all of them have, in one round trip.

A durable Redis syncs its file once for what comes together, and most of what a command costs here is not the command. Whoever waits is
answered when its own lines are acknowledged, and the first who came meanwhile writes next.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import redis


class _Waiting:
    __slots__ = ("error", "is_done", "lines", "turn")

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self.is_done = False
        self.error: Exception | None = None
        self.turn = threading.Lock()  # released when it is done, or when it is to write
        self.turn.acquire()


class Gatherer:
    """Appends lines to a stream at ``url``; ``seconds`` is what a connection and an answer may take."""

    def __init__(self, *, url: str, stream: str, seconds: float) -> None:
        name = stream.encode()
        self._head = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$3\r\nhit\r\n$" % (len(name), name)
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        )  # fmt: skip
        self._connection: Any = None  # of whoever writes
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_writing = False

    def append(self, lines: Sequence[bytes]) -> None:
        """Returns when Redis has them. Raises ``redis.RedisError``; then it may have them all the same, or some."""
        mine = _Waiting(lines)
        with self._lock:
            self._waiting.append(mine)
            is_first = not self._is_writing
            self._is_writing = True
        if not is_first:
            mine.turn.acquire()
        if not mine.is_done:
            self._write_all(mine)
        if mine.error is not None:
            raise mine.error

    def _write_all(self, mine: _Waiting) -> None:
        with self._lock:
            some, self._waiting = self._waiting, []
        error: Exception | None = redis.ConnectionError("broken off")
        try:
            self._write([line for one in some for line in one.lines])
            error = None
        except redis.RedisError as refused:
            error = refused
        finally:
            for one in some:
                one.error, one.is_done = error, True
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._is_writing = following is not None
            for one in some:
                if one is not mine:
                    one.turn.release()
            if following is not None:
                following.turn.release()

    def _write(self, lines: Sequence[bytes]) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            connection = self._pool.make_connection()
        try:
            connection.send_packed_command([self._packed(lines)])
            for _line in lines:
                connection.read_response()
        except redis.RedisError:
            connection.disconnect()  # what it still has to say belongs to nobody
            raise
        self._connection = connection

    def _packed(self, lines: Sequence[bytes]) -> bytes:
        """``XADD stream * hit line`` for each, as redis-py packs it in twenty times the time."""
        return b"".join([b"%s%d\r\n%s\r\n" % (self._head, len(line), line) for line in lines])
