"""What endpoints do in the background: erasing people, removing attributes, counting days, folding and filling facets."""

from __future__ import annotations

from celery import shared_task

from core import clock
from endpoints.facets import folding, rebuilding
from endpoints.services import collecting, erasing, growth, removing_attributes

_EXPIRES_SECONDS = 25  # of a message that the tick would repeat


@shared_task(name="endpoints.erase_person")
def erase_person(request_id: int) -> None:
    erasing.run_erasure(request_id=request_id, clock=clock.now)


@shared_task(name="endpoints.remove_attributes")
def remove_attributes(removal_id: int) -> None:
    removing_attributes.run_removal(removal_id=removal_id, clock=clock.now)


@shared_task(name="endpoints.tick_erasures")
def tick_erasures() -> None:
    """Erasures and removals of attributes that no worker has."""
    now = clock.now()
    for request_id in erasing.due_erasures(now=now):
        erase_person.delay(request_id)
    for removal_id in removing_attributes.due_removals(now=now):
        remove_attributes.delay(removal_id)


@shared_task(name="endpoints.tick_facets")
def tick_facets() -> None:
    folding.fold_due(now=clock.now())


@shared_task(name="endpoints.rebuild_facets")
def rebuild_facets(project_id: int) -> None:
    rebuilding.resume(project_id=project_id)


@shared_task(name="endpoints.tick_rebuilds")
def tick_rebuilds() -> None:
    """Rebuilds whose process is gone."""
    for project_id in rebuilding.left_behind():
        rebuild_facets.apply_async((project_id,), expires=_EXPIRES_SECONDS)


@shared_task(name="endpoints.tick_growth")
def tick_growth() -> None:
    growth.note_growth(now=clock.now())


@shared_task(name="endpoints.drain_batches")
def drain_batches() -> None:
    """What web pages sent."""
    collecting.drain_batches()
