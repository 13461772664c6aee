"""Erasing a person from what was asked: texts of queries may name somebody."""

from __future__ import annotations

from typing import Any

from console.models import KeptAnswer, QueryRun, RemoteQuery, SavedQuery
from endpoints.ports import Erased, ErasedPerson

_AT_ONCE = 200


def erase_saved(person: ErasedPerson, after: int) -> Erased:
    return _erased(SavedQuery.objects, person, after)


def erase_runs(person: ErasedPerson, after: int) -> Erased:
    return _erased(QueryRun.objects, person, after)


def erase_remote(person: ErasedPerson, after: int) -> Erased:
    return _erased(RemoteQuery.objects, person, after)


def erase_answers(person: ErasedPerson, after: int) -> Erased:
    """All that are kept of the project: numbers say of nobody whether he is in them. They are asked anew."""
    deleted, _tables = KeptAnswer.objects.filter(project_id=person.project_id).delete()
    return Erased(rows=deleted)


def _erased(rows: Any, person: ErasedPerson, after: int) -> Erased:
    page = list(rows.filter(project_id=person.project_id, pk__gt=after).order_by("pk")[:_AT_ONCE])
    naming = [row.pk for row in page if any(person.is_named_in(text) for text in (row.sql, *map(str, row.parameters.values())))]
    rows.filter(pk__in=naming).delete()
    return Erased(rows=len(naming), after=page[-1].pk if len(page) == _AT_ONCE else None)
