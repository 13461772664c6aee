"""Ticks and sends. The rows say what is to do; a lost message costs the time until the next tick."""

from __future__ import annotations

import os
import socket
import threading
import time

from celery import shared_task
from celery.signals import worker_shutting_down

from campaigns.calendar import entries
from campaigns.limits import caps
from campaigns.models import Run, RunState
from campaigns.sending import freezing, lending, worker
from campaigns.services import approval_mail, events, occurrences, restoring, winners
from core import clock
from projects.models import Project

_OPEN_AT_ONCE = 4  # messages a tick puts out for one run: as many workers may join in
_TURN_SECONDS = 10.0  # a worker stays with a run for so long when others wait
_stopping = threading.Event()


@worker_shutting_down.connect
def _stop(**_signal: object) -> None:
    """SIGTERM: the small batch that is out is finished, no further one begun."""
    _stopping.set()


@shared_task(name="campaigns.tick_due")
def tick_due() -> None:
    for run_id in occurrences.claim_due(now=clock.now()):
        freeze_run.delay(run_id)
    for run_id in winners.choose_due(now=clock.now()):
        freeze_run.delay(run_id)


@shared_task(name="campaigns.tick_events")
def tick_events() -> None:
    for run_id in events.claim_events(now=clock.now()):
        freeze_run.delay(run_id)


@shared_task(name="campaigns.tick_runs")
def tick_runs() -> None:
    """Runs whose messages were lost, whose worker died, or whose hour has come."""
    now = clock.now()
    if restoring.hold_if_restored(now=now):
        return
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
    restoring.hold_if_restored(now=clock.now())
    owner = f"{socket.gethostname()}:{os.getpid()}"
    turn = _Turn(run_id)
    lender = lending.Lender(run_id=run_id, owner=owner, clock=clock.now, should_stop=_stopping.is_set, lent=turn.extend)
    worker.send_run(run_id=run_id, owner=owner, clock=clock.now, should_stop=turn.is_over, while_waiting=lender)
    if turn.has_passed_on:
        send_run.delay(run_id)  # behind those that wait


class _Turn:
    """A worker's time with one run: without end, unless other runs wait."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._end = time.monotonic() + _TURN_SECONDS
        self.has_passed_on = False

    def extend(self) -> None:
        """The run needs the worker only now and then, and others have it meanwhile: it stays."""
        self._end = time.monotonic() + _TURN_SECONDS

    def is_over(self) -> bool:
        if _stopping.is_set() or self.has_passed_on:
            return True
        if time.monotonic() > self._end:
            self._end += _TURN_SECONDS
            self.has_passed_on = bool(set(worker.runs_with_work(now=clock.now())) - {self._run_id})
        return self.has_passed_on


@shared_task(name="campaigns.tick_limits")
def tick_limits() -> None:
    """Forget what counts no more; mail about approvals whose message was lost."""
    while caps.prune(now=clock.now()):
        pass
    for request_id in approval_mail.unmailed(now=clock.now()):
        mail_approval.delay(request_id)


@shared_task(name="campaigns.mail_approval")
def mail_approval(request_id: int) -> None:
    approval_mail.mail_request(request_id=request_id)


@shared_task(name="campaigns.count_estimates")
def count_estimates(project_id: int) -> None:
    """Count the segments of campaigns that never ran, for the calendar."""
    project = Project.objects.get(pk=project_id)
    entries.count_missing(project=project, clock=clock.now)
