"""Erasers of the floors below, which know no person, only ids."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from analytics.lake import erasing as lake
from analytics.services import erasing, transforms
from analytics.transforms import erasing as of_tables
from core.striking import strike
from endpoints.facets import folding, rebuilding
from endpoints.models import ArrivalMonth
from endpoints.ports import Erased, ErasedPerson


def erase_events(person: ErasedPerson, after: int) -> Erased:
    return Erased(rows=erasing.erase_events(project_id=person.project_id, endpoint_ids=person.endpoint_ids))


def erase_reach(person: ErasedPerson, after: int) -> Erased:
    struck = erasing.erase_reach(project_id=person.project_id, endpoint_ids=person.endpoint_ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)


def erase_values(person: ErasedPerson, after: int) -> Erased:
    """The person's ids went from the index with the endpoints; a value that only this person had is still named in it."""
    if rebuilding.is_filling(project_id=person.project_id):
        return Erased(waits_for=gettext_noop("an index that is being rebuilt"))
    rows, subject_id = folding.forget_values(project_id=person.project_id, after=after)
    return Erased(rows=rows, after=subject_id)


def erase_months(person: ErasedPerson, after: int) -> Erased:
    rows = ArrivalMonth.objects.filter(project_id=person.project_id)
    struck = strike(queryset=rows, field="members", ids=person.ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)


def erase_reach_additions(person: ErasedPerson, after: int) -> Erased:
    struck = erasing.erase_reach_additions(project_id=person.project_id, endpoint_ids=person.endpoint_ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)


def erase_tables(person: ErasedPerson, after: int) -> Erased:
    """Rows of the project's own tables."""
    struck = of_tables.erase_rows(
        project_id=person.project_id, endpoint_ids=person.endpoint_ids, names=person.needles, after=after
    )  # fmt: skip
    return Erased(rows=struck.rows, after=struck.after)


def erase_transforms(person: ErasedPerson, after: int) -> Erased:
    """Transforms whose SQL names the person."""
    found = [
        one for one in transforms.of_project(project_id=person.project_id)
        if any(person.is_named_in(text) for text in (one.sql, str(one.failure)))
    ]  # fmt: skip
    for one in found:
        transforms.forget_sql(transform=one)
    return Erased(rows=len(found))


def erase_lake(person: ErasedPerson, after: int) -> Erased:
    struck = lake.erase_rows(project_id=person.project_id, endpoint_ids=person.endpoint_ids, after=after)
    return Erased(rows=struck.rows, after=struck.after)
