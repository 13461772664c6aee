"""The difference that a rare write makes, found by reading before and after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from django.db import connection

from endpoints.facets.changes import Changes
from endpoints.facets.subjects import ADDRESS, SHARED, Subject, values_of

FIELDS = """
    e.id, e.channel_type, e.address, e.opt_out, e.status, e.attributes::text, e.metrics::text, e.demographic::text,
    e.location::text, u.attributes::text
"""
_ROWS = f"""
    SELECT {FIELDS} FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s AND e.id = ANY(%s)
"""
_LOCK = "SELECT 1 FROM endpoints_endpoint WHERE project_id = %s AND id = ANY(%s) ORDER BY id FOR UPDATE"
_SHARED = """
    SELECT e.id, o.id FROM endpoints_endpoint e
      JOIN endpoints_endpoint o ON o.project_id = e.project_id AND o.channel_type = e.channel_type
                               AND o.address_key = e.address_key AND o.id <> e.id
     WHERE e.project_id = %s AND e.id = ANY(%s) AND e.address_key <> ''
"""


@contextlib.contextmanager
def tracked(*, project_id: int, endpoint_ids: Sequence[int]) -> Iterator[None]:
    """Around a write to these endpoints (or to their users) within a transaction: locks them, and records what changes.

    Reads every endpoint twice: for opt-outs, deletions, corrections; the writers of many record by ``Changes`` themselves.
    """
    ids = list(endpoint_ids)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [project_id, ids])
    before = stored_values(project_id=project_id, endpoint_ids=ids)
    yield
    after = stored_values(project_id=project_id, endpoint_ids=ids)
    changes = Changes()
    for endpoint_id in sorted({*before, *after}):
        old, new = before.get(endpoint_id, set()), after.get(endpoint_id, set())
        for subject, value in old - new:
            changes.remove(subject, value, [endpoint_id])
        for subject, value in new - old:
            changes.add(subject, value, [endpoint_id])
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [project_id, ids])
        twins = {pk for pair in cursor.fetchall() for pk in pair}
    if twins:
        changes.add(ADDRESS, SHARED, twins)
    changes.record(project_id=project_id)


def stored_values(*, project_id: int, endpoint_ids: Sequence[int]) -> dict[int, set[tuple[Subject, str]]]:
    """The pairs of each endpoint as it stands in the tables."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [project_id, list(endpoint_ids)])
        return {row[0]: row_values(row) for row in cursor.fetchall()}


def row_values(row: Sequence[Any]) -> set[tuple[Subject, str]]:
    """The pairs of one row of ``FIELDS``."""
    _pk, channel, address, opt_out, status, attributes, metrics, demographic, location, user_attributes = row
    return values_of(
        channel_type=channel, address=address, opt_out=opt_out, status=status, attributes=orjson.loads(attributes),
        metrics=orjson.loads(metrics), demographic=orjson.loads(demographic), location=orjson.loads(location),
        user_attributes=orjson.loads(user_attributes) if user_attributes else None,
    )  # fmt: skip
