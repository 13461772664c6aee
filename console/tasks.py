"""The invariants, checked in the background."""

from __future__ import annotations

from celery import shared_task

from console.health import checking
from core import clock
from projects.services import installation

_EXPIRES_SECONDS = 25  # of a message that the tick would repeat


@shared_task(name="console.check_invariant")
def check_invariant(check_id: int) -> None:
    checking.run_check(check_id=check_id, clock=clock.now)


@shared_task(name="console.tick_checks")
def tick_checks() -> None:
    """Checks that are asked for, and each invariant once a day."""
    now = clock.now()
    installation.note_alive(now=now)
    checking.ask_for_old_ones(now=now)
    for check_id in checking.due_checks(now=now):
        check_invariant.apply_async((check_id,), expires=_EXPIRES_SECONDS)
