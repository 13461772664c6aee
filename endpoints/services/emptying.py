"""Taking single fields from an endpoint, which no EndpointRequest can say: there an absent or empty field keeps what was there."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.db import connection

from core.sql import text_array
from endpoints import facets

# Nothing happens to an endpoint that has none of them: updated_at and EffectiveDate say when something was written.
_TAKE = """
    UPDATE endpoints_endpoint
       SET metrics = metrics - %(metrics)s::text[], demographic = demographic - %(demographic)s::text[],
           location = location - %(location)s::text[], effective_at = %(now)s,
           updated_at = greatest(%(now)s, updated_at + interval '1 microsecond')
     WHERE project_id = %(project)s AND id = %(id)s
       AND (metrics ?| %(metrics)s::text[] OR demographic ?| %(demographic)s::text[] OR location ?| %(location)s::text[])
"""


@dataclass(frozen=True, slots=True)
class Emptied:
    """The names of the metrics, and of the members of Demographic and Location, that are taken away."""

    metrics: tuple[str, ...] = ()
    demographic: tuple[str, ...] = ()
    location: tuple[str, ...] = ()

    @property
    def members(self) -> list[str]:
        """The members of the EndpointRequest that are concerned."""
        named = {"Demographic": self.demographic, "Location": self.location, "Metrics": self.metrics}
        return [member for member, names in named.items() if names]


def empty_fields(*, project_id: int, endpoint_id: int, emptied: Emptied, now: datetime.datetime) -> None:
    """Take the fields away, in the caller's transaction. Users that it writes, too, are locked before."""
    given: dict[str, Any] = {"project": project_id, "id": endpoint_id, "now": now}
    names = {name: text_array(getattr(emptied, name)) for name in ("metrics", "demographic", "location")}
    with facets.tracked(project_id=project_id, endpoint_ids=[endpoint_id]), connection.cursor() as cursor:
        cursor.execute(_TAKE, given | names)
