"""What a worker does while it waits for a run's rate: it sends for other runs, and is back before the run misses anything."""

from __future__ import annotations

import collections
import datetime
import logging
import time
from collections.abc import Callable

from campaigns import limits
from campaigns.sending import worker

_SECONDS = 0.35  # the bucket of a rate is full after 0.6; a small batch that has begun is finished

_log = logging.getLogger(__name__)


class Lender:
    """``while_waiting`` of a worker on a run. ``lent`` is called each time when another run gets the worker."""

    def __init__(
        self,
        *,
        run_id: int,
        owner: str,
        clock: Callable[[], datetime.datetime],
        should_stop: Callable[[], bool] = lambda: False,
        lent: Callable[[], None] = lambda: None,
    ) -> None:
        self._run_id = run_id
        self._owner = owner
        self._clock = clock
        self._should_stop = should_stop
        self._lent = lent
        self._last: collections.deque[int] = collections.deque(maxlen=50)  # who had the worker, the latest at the end
        self._broken: set[int] = set()

    def __call__(self, seconds: float) -> None:
        waiting = [one for one in worker.runs_with_work(now=self._clock()) if one != self._run_id and one not in self._broken]
        if not waiting:
            limits.nap(seconds)
            return
        self._lent()
        end = time.monotonic() + _SECONDS
        for run_id in sorted(waiting, key=lambda one: self._last.index(one) if one in self._last else -1):  # in turn
            if time.monotonic() >= end or self._should_stop():
                return
            self._send(run_id, end)
            if run_id in self._last:
                self._last.remove(run_id)
            self._last.append(run_id)

    def _send(self, run_id: int, end: float) -> None:
        must_wait = False

        def wait(_seconds: float) -> None:
            nonlocal must_wait
            must_wait = True  # for a rate of its own: the next one, please

        def is_over() -> bool:
            return must_wait or time.monotonic() >= end or self._should_stop()

        try:
            worker.send_run(run_id=run_id, owner=self._owner, clock=self._clock, should_stop=is_over, while_waiting=wait)
        except Exception:  # noqa: BLE001 (another run's trouble must not be this one's; its own worker meets it as well)
            _log.exception("run %s can't be helped out with", run_id)
            self._broken.add(run_id)
