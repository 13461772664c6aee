"""What an export of Pinpoint's says of endpoints beyond what an import takes: that they are inactive, and since when they are there."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction

from core.audience import Audience
from core.sql import id_set, text_array
from endpoints import facets
from endpoints.models import EndpointStatus, OptOutEntry
from endpoints.services import update
from endpoints.writing import tables
from endpoints.writing.refusals import ItemRefused
from endpoints.writing.write import values
from projects.models import Project

# Only of rows that nobody has written since they were made: a later writer knows better.
_KEEP_PAST = """
    UPDATE endpoints_endpoint e
       SET effective_at = least(coalesce(given.effective_at, e.effective_at), e.effective_at),
           created_at = least(coalesce(given.created_at, e.created_at), e.created_at),
           cohort_id = coalesce(given.cohort_id, e.cohort_id)
      FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::smallint[])
           AS given(key, effective_at, created_at, cohort_id)
     WHERE e.project_id = %s AND e.endpoint_key = given.key AND e.created_at = e.updated_at AND e.effective_at = e.updated_at
"""


@dataclass(frozen=True, slots=True)
class Past:
    """What was known of an endpoint elsewhere; None where it was not. ``cohort``: 0 to 99."""

    endpoint_id: str
    effective_at: datetime.datetime | None
    created_at: datetime.datetime | None
    cohort: int | None


def take_inactive(
    *, project: Project, items: Sequence[Mapping[str, Any]], now: datetime.datetime
) -> list[update.Accepted | ItemRefused]:
    """Write endpoints that are INACTIVE, in one transaction: never is one of them active in between. One answer for each item."""
    with transaction.atomic():
        answers = update.update_endpoints(project=project, items=items, source=OptOutEntry.Source.IMPORT, now=now)
        ids = sorted({answer.id for answer in answers if isinstance(answer, update.Accepted)})
        states = [
            state for state in tables.lock_endpoints(project_id=project.pk, ids=ids) if state.status == EndpointStatus.ACTIVE
        ]
        after = [replace(state, status=str(EndpointStatus.INACTIVE)) for state in states]
        tables.update_endpoints(after, line_hashes=[None] * len(after), effective=[False] * len(after))
        changes = facets.Changes()
        for old, new in zip(states, after, strict=True):
            for subject, value in values(new) - values(old):
                changes.add(subject, value, [new.id])
            for subject, value in values(old) - values(new):
                changes.remove(subject, value, [new.id])
        changes.record(project_id=project.pk)
    return answers


def keep_past(*, project: Project, past: Sequence[Past]) -> None:
    """Give endpoints that were just made the dates and the cohort that they had. Said again, or after another writer: nothing happens."""
    given: list[Any] = [
        text_array(one.endpoint_id.lower() for one in past), [one.effective_at for one in past], [one.created_at for one in past],
        [one.cohort for one in past], project.pk,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_PAST, given)


def named(*, project: Project, endpoint_ids: Sequence[str]) -> Audience:
    """The endpoints with these Ids, those that are not there left out."""
    keys = text_array(one.lower() for one in endpoint_ids)
    return id_set(
        "SELECT id FROM endpoints_endpoint WHERE project_id = %s AND endpoint_key = ANY(%s::text[])", [project.pk, keys]
    )
