"""The process that answers a query (``analytics.lake.child``): started, listened to, ended at its limits; and how many there may be."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from analytics.lake.refusals import SqlRefused, of_child

THREADS = 2
_AT_ONCE, _AT_ONCE_OF_PROJECT = 3, 2  # queries; the threads of the web processes are more
_SLOT, _SLOT_OF_PROJECT = 0x7061_6C71, 0x7061_6C80
_ROOM, _ROOM_OF_ARROW = (
    1_300 << 20,
    500 << 20,
)  # bytes of addresses that Python, DuckDB and pyarrow take beside what a query may use
CHILD = Path(__file__).with_name("child.py")
# No settings, no keys, no home. The answer's texts are UTF-8 whatever the machine's language is.
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@contextlib.contextmanager
def slot(project_id: int) -> Iterator[None]:
    """A place among the queries that may run at the same time: the processors and the pages' threads are everybody's.

    Raises ``SqlRefused``.
    """
    with connection.cursor() as cursor:
        held: list[tuple[int, int]] = []
        try:
            for places in (
                [(_SLOT_OF_PROJECT + place, project_id % (1 << 31)) for place in range(_AT_ONCE_OF_PROJECT)],
                [(_SLOT, place) for place in range(_AT_ONCE)],
            ):
                if not any(_taken(cursor, place, held) for place in places):
                    raise SqlRefused("busy")
            yield
        finally:
            for place in held:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", place)


def _taken(cursor: Any, place: tuple[int, int], held: list[tuple[int, int]]) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", place)
    (is_mine,) = cursor.fetchone()
    if is_mine:
        held.append(place)
    return bool(is_mine)


class Listener:
    """What the process says, until its time is over or it has said too much."""

    def __init__(self, child: subprocess.Popen[bytes], *, deadline: float, limit: int) -> None:
        assert child.stdout is not None
        self._handle, self._deadline, self._left = child.stdout.fileno(), deadline, limit
        self._heard = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(child.stdout, selectors.EVENT_READ)

    def line(self) -> dict[str, Any]:
        """The next line. Raises ``SqlRefused``: as the process says, or because it ended in the middle."""
        while (end := self._heard.find(b"\n")) < 0:
            if not self._more():
                raise SqlRefused("broken_off")
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        try:
            said = json.loads(line)
        except ValueError:
            raise SqlRefused("broken_off") from None
        if not isinstance(said, dict):
            raise SqlRefused("broken_off")
        if isinstance(error := said.get("error"), dict):
            raise of_child(str(error.get("code")), str(error.get("text", "")))
        return said

    def exactly(self, size: int) -> bytes:
        """The next bytes."""
        if size < 0:
            raise SqlRefused("broken_off")
        while len(self._heard) < size:
            if not self._more():
                raise SqlRefused("broken_off")
        part = bytes(self._heard[:size])
        del self._heard[:size]
        return part

    def _more(self) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0 or not self._selector.select(left):
            raise SqlRefused("seconds", seconds=f"{settings.SQL_SECONDS:g}")
        part = os.read(self._handle, 1 << 18)
        self._heard += part
        self._left -= len(part)
        if self._left < 0:
            raise SqlRefused("large")
        return bool(part)

    def close(self) -> None:
        self._selector.close()


@contextlib.contextmanager
def asked(request: Mapping[str, Any], *, limit: int) -> Iterator[Listener]:
    """A process with a request, for as long as one listens. ``limit``: bytes that it may say."""
    is_arrow = request.get("answer") == "arrow"
    limits = {
        "seconds": settings.SQL_SECONDS, "memory": settings.SQL_MEMORY_BYTES, "threads": THREADS,
        "address_space": settings.SQL_MEMORY_BYTES + _ROOM + (_ROOM_OF_ARROW if is_arrow else 0),
    }  # fmt: skip
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as nowhere:
        child = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=_ENVIRONMENT, cwd=nowhere, start_new_session=True, close_fds=True,
        )  # fmt: skip
        listener = Listener(child, deadline=began + settings.SQL_SECONDS, limit=limit)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps({**limits, **request}).encode() + b"\n")
                child.stdin.close()
            yield listener
        finally:
            listener.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
