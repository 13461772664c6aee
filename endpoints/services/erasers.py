"""Erasers of the floors below, which know no person, only ids."""

from __future__ import annotations

from analytics.services import erasing
from endpoints.ports import Erased, ErasedPerson


def erase_events(person: ErasedPerson, after: int) -> Erased:
    return Erased(rows=erasing.erase_events(project_id=person.project_id, endpoint_ids=person.endpoint_ids))


def erase_reach(person: ErasedPerson, after: int) -> Erased:
    struck = erasing.erase_reach(project_id=person.project_id, endpoint_ids=person.endpoint_ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)
