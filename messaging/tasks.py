"""Opt-outs that waited for the database."""

from __future__ import annotations

from celery import shared_task

from messaging.services import unsubscribe


@shared_task(name="messaging.tick_opt_outs")
def tick_opt_outs() -> None:
    unsubscribe.drain_spool()
