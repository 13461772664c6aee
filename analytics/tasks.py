"""The events queue: hits into the table, months ahead."""

from __future__ import annotations

from celery import shared_task

from analytics.hits import drain
from analytics.lake import upkeep, writing
from analytics.lake.store import store
from analytics.services import partitions, reach
from core import clock


@shared_task(name="analytics.drain_hits")
def drain_hits() -> None:
    drain.drain_hits()


@shared_task(name="analytics.tick_partitions")
def tick_partitions() -> None:
    partitions.ensure_partitions(now=clock.now())


@shared_task(name="analytics.tick_reach")
def tick_reach() -> None:
    reach.fold_reach()


@shared_task(name="analytics.tick_lake")
def tick_lake() -> None:
    writing.write_events(now=clock.now())


@shared_task(name="analytics.tick_lake_upkeep")
def tick_lake_upkeep() -> None:
    upkeep.keep_up(now=clock.now())


@shared_task(name="analytics.tick_lake_orphans")
def tick_lake_orphans() -> None:
    upkeep.sweep_orphans(where=store(), now=clock.now())
