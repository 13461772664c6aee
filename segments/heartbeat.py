"""Keeping a lease while long statements run: a thread of the worker's renews it every second on a connection of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from django.db import Error, connection

_SECONDS = 1.0  # between two beats: the progress bar moves as often

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has the work, or it was cancelled: this one must write nothing more."""


class Heartbeat:
    """``hold`` says what a beat does: it renews and gives back whether the lease is still ours. No beat, no connection.

    A beat that can't reach the database is tried again; when the lease runs out meanwhile, the epoch keeps this worker's
    writes out.
    """

    def __init__(self) -> None:
        self._beats: dict[object, Callable[[], bool]] = {}
        self._is_lost = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def hold(self, key: object, beat: Callable[[], bool]) -> None:
        with self._lock:
            self._beats[key] = beat

    def let_go(self, key: object) -> None:
        with self._lock:
            self._beats.pop(key, None)

    def check(self) -> None:
        """Raises ``LeaseLost`` when a beat found so. Any thread may ask."""
        if self._is_lost:
            raise LeaseLost

    def _run(self) -> None:
        try:
            while not self._stop.wait(_SECONDS):
                with self._lock:
                    beats = list(self._beats.items())
                for key, beat in beats:
                    self._once(key, beat)
        finally:
            connection.close()

    def _once(self, key: object, beat: Callable[[], bool]) -> None:
        try:
            if not beat() and key in self._beats:
                self._is_lost = True
        except Error:
            _log.warning("a lease could not be renewed; trying again", exc_info=True)
            connection.close()
