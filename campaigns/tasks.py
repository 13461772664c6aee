"""Ticks and sends. The rows say what is to do; a lost message costs the time until the next tick."""

from __future__ import annotations

import os
import socket
import threading

from celery import shared_task
from celery.signals import worker_shutting_down

from campaigns.models import Run, RunState
from campaigns.sending import freezing, worker
from campaigns.services import occurrences
from core import clock

_OPEN_AT_ONCE = 4  # messages a tick puts out for one run: as many workers may join in
_stopping = threading.Event()


@worker_shutting_down.connect
def _stop(**_signal: object) -> None:
    """SIGTERM: the small batch that is out is finished, no further one begun."""
    _stopping.set()


@shared_task(name="campaigns.tick_due")
def tick_due() -> None:
    for run_id in occurrences.claim_due(now=clock.now()):
        freeze_run.delay(run_id)


@shared_task(name="campaigns.tick_runs")
def tick_runs() -> None:
    """Runs whose messages were lost, whose worker died, or whose hour has come."""
    now = clock.now()
    for run_id in Run.objects.filter(state=RunState.FREEZING).values_list("pk", flat=True):
        freeze_run.delay(run_id)
    freezing.start_waves(now=now)
    for run_id in worker.runs_with_work(now=now):
        for _number in range(_OPEN_AT_ONCE):
            send_run.delay(run_id)


@shared_task(name="campaigns.freeze_run")
def freeze_run(run_id: int) -> None:
    freezing.freeze_run(run_id=run_id, clock=clock.now)
    for _number in range(_OPEN_AT_ONCE):
        send_run.delay(run_id)


@shared_task(name="campaigns.send_run")
def send_run(run_id: int) -> None:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    worker.send_run(run_id=run_id, owner=owner, clock=clock.now, should_stop=_stopping.is_set)
