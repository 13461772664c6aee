"""The events queue: hits into the table, months ahead. The streams queue: events out."""

from __future__ import annotations

import threading

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings

from analytics.carrying import turn
from analytics.hits import drain
from analytics.lake import glue, upkeep, writing
from analytics.lake.store import store
from analytics.services import details, partitions, reach
from analytics.stream.horizon import settled_position
from analytics.transforms import running
from analytics.transforms import upkeep as tables_upkeep
from analytics.webhooks import turn as webhook_turn
from core import clock

_stopping = threading.Event()
_NUDGE_SECONDS = 10  # a nudge that nobody took by then has had others after it


@worker_shutting_down.connect
def _stop(**_signal: object) -> None:
    """SIGTERM: the parcel that is out is finished, no further one begun."""
    _stopping.set()


@shared_task(name="analytics.drain_hits")
def drain_hits() -> None:
    drain.drain_hits()


@shared_task(name="analytics.tick_partitions")
def tick_partitions() -> None:
    partitions.ensure_partitions(now=clock.now())
    webhook_turn.drop_old(now=clock.now())


@shared_task(name="analytics.tick_reach")
def tick_reach() -> None:
    reach.fold_reach()
    details.fold()


@shared_task(name="analytics.tick_lake")
def tick_lake() -> None:
    writing.write_events(now=clock.now())


@shared_task(name="analytics.tick_lake_upkeep")
def tick_lake_upkeep() -> None:
    upkeep.keep_up(now=clock.now())
    tables_upkeep.keep_up(store=store(), now=clock.now())


@shared_task(name="analytics.tick_transforms")
def tick_transforms() -> None:
    for project_id in running.due_projects(now=clock.now()):
        run_transforms.apply_async((project_id,), expires=_NUDGE_SECONDS)


@shared_task(name="analytics.run_transforms")
def run_transforms(project_id: int) -> None:
    running.run_project(project_id=project_id, clock=clock.now, should_stop=_stopping.is_set)


@shared_task(name="analytics.tick_lake_catalog")
def tick_lake_catalog() -> None:
    if settings.LAKE_GLUE_DATABASE:
        glue.bring_up_to_date(now=clock.now())


@shared_task(name="analytics.tick_lake_orphans")
def tick_lake_orphans() -> None:
    upkeep.sweep_orphans(where=store(), now=clock.now())


@shared_task(name="analytics.tick_streams")
def tick_streams() -> None:
    now, settled = clock.now(), settled_position()
    for stream_id in turn.due(now=now, settled=settled):
        carry_stream.apply_async((stream_id,), expires=_NUDGE_SECONDS)
    for webhook_id in webhook_turn.due(now=now, settled=settled):
        carry_webhook.apply_async((webhook_id,), expires=_NUDGE_SECONDS)


@shared_task(name="analytics.carry_stream")
def carry_stream(stream_id: int) -> None:
    turn.carry(stream_id=stream_id, clock=clock.now, should_stop=_stopping.is_set)


@shared_task(name="analytics.carry_webhook")
def carry_webhook(webhook_id: int) -> None:
    webhook_turn.tell(webhook_id=webhook_id, clock=clock.now, should_stop=_stopping.is_set)
