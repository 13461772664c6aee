"""What the API keeps for a day goes."""

from __future__ import annotations

from celery import shared_task

from api.identity import idempotency
from core import clock


@shared_task(name="api.tick_calls")
def tick_calls() -> None:
    while idempotency.forget(now=clock.now()) == idempotency.SOME:
        pass
