"""Waiting for conditions; never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def wait_for_a_lock() -> None:
    """Until another connection waits for a row that this one holds."""
    wait_until(somebody_waits)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(cursor.fetchone()[0])
