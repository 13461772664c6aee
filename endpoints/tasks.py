"""What endpoints do in the background: erasing people, removing attributes, folding facets."""

from __future__ import annotations

from celery import shared_task

from core import clock
from endpoints.facets import folding
from endpoints.services import erasing, removing_attributes


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
