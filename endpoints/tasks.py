"""What endpoints do in the background: erasing people."""

from __future__ import annotations

from celery import shared_task

from core import clock
from endpoints.services import erasing


@shared_task(name="endpoints.erase_person")
def erase_person(request_id: int) -> None:
    erasing.run_erasure(request_id=request_id, clock=clock.now)


@shared_task(name="endpoints.tick_erasures")
def tick_erasures() -> None:
    for request_id in erasing.due_erasures(now=clock.now()):
        erase_person.delay(request_id)
