"""Reads of endpoints for sending, previews and pages."""

from __future__ import annotations

import datetime
import functools
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from core.audience import Audience
from core.sql import bigint_array, execute_again, id_set, text_array
from endpoints.models import OptOut
from projects.models import Project

_COLUMNS = """
    SELECT e.id, e.endpoint_id, e.channel_type, e.address, e.address_key, e.opt_out, e.status, e.attributes, e.metrics,
           e.demographic, e.location, e.request_id, e.effective_at, e.created_at, e.cohort_id, u.user_id, u.attributes
      FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
"""
_DOCUMENTS = f"{_COLUMNS} WHERE e.project_id = %s AND e.id = ANY(%s::bigint[]) ORDER BY e.id"
_BY_KEY = f"{_COLUMNS} WHERE e.project_id = %s AND e.endpoint_key = %s"
_PKS = "SELECT endpoint_key, id FROM endpoints_endpoint WHERE project_id = %s AND endpoint_key = ANY(%s::text[])"
_OF_USER = f"""{_COLUMNS}
     WHERE e.user_id = (SELECT o.id FROM endpoints_endpointuser o WHERE o.project_id = %s AND o.user_id = %s) ORDER BY e.id
"""


# The same document, put together by the database: no text of it passes through Python's objects.
_LINES = """
    COPY (
        SELECT json_build_object(
                   'Id', e.endpoint_id, 'ApplicationId', %s, 'ChannelType', e.channel_type, 'Address', e.address,
                   'OptOut', e.opt_out, 'EndpointStatus', e.status, 'Attributes', e.attributes, 'Metrics', e.metrics,
                   'Demographic', e.demographic, 'Location', e.location, 'RequestId', e.request_id,
                   'EffectiveDate', to_char(e.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                   'CreationDate', to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                   'CohortId', e.cohort_id::text,
                   'User', CASE WHEN u.id IS NULL THEN '{}' ELSE
                       jsonb_build_object('UserId', u.user_id, 'UserAttributes', u.attributes) END)
          FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
         WHERE e.project_id = %s AND e.id = ANY(%s::bigint[])
         ORDER BY e.id
    ) TO STDOUT
"""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint as Pinpoint's EndpointResponse document, with the columns that sending decides by."""

    id: int
    address: str
    address_key: str
    opt_out: str
    document: dict[str, Any]

    @property
    def is_opted_out(self) -> bool:
        return self.opt_out == OptOut.ALL


def of_same_users(*, project_id: int, ids: Audience) -> Audience:
    """These endpoints, and all others of their users: what a person did on a telephone, his mail address did, too."""
    query = """SELECT id FROM endpoints_endpoint
                WHERE project_id = %(project)s AND user_id IN (
                      SELECT user_id FROM endpoints_endpoint WHERE project_id = %(project)s AND id = ANY(%(ids)s::bigint[]))"""
    return ids | id_set(query, {"project": project_id, "ids": bigint_array(ids)})


def groups_of_users(*, project_id: int, ids: Collection[int]) -> dict[int, list[int]]:
    """Of each of these endpoints all endpoints of its user, itself among them. One query."""
    found = {one: [one] for one in ids}
    query = """SELECT me.id, other.id FROM endpoints_endpoint me JOIN endpoints_endpoint other ON other.user_id = me.user_id
                WHERE me.project_id = %(project)s AND me.id = ANY(%(ids)s::bigint[]) AND other.id <> me.id"""
    with connection.cursor() as cursor:
        cursor.execute(query, {"project": project_id, "ids": bigint_array(ids)})
        for one, other in cursor.fetchall():
            found[one].append(other)
    return found


def reached_through(*, project_id: int, ids: Collection[int], channels: Sequence[str]) -> dict[int, list[int]]:
    """Those of the endpoints that have none of these channels, each with the endpoints of its user that have one. One query."""
    query = """SELECT mine.id, coalesce(array_agg(other.id) FILTER (WHERE other.id IS NOT NULL), '{}')
                 FROM endpoints_endpoint mine
                 LEFT JOIN endpoints_endpoint other
                        ON other.user_id = mine.user_id AND other.project_id = mine.project_id AND other.channel_type = ANY(%s)
                WHERE mine.project_id = %s AND mine.id = ANY(%s::bigint[]) AND mine.channel_type <> ALL(%s)
                GROUP BY mine.id"""
    with connection.cursor() as cursor:
        cursor.execute(query, [list(channels), project_id, bigint_array(ids), list(channels)])
        return dict(cursor.fetchall())


def endpoint_rows(*, project_id: int, ids: Sequence[int]) -> list[EndpointRow]:
    """The endpoints of a project with these ids, ascending; ids that don't exist (any more) are left out. One query."""
    with connection.cursor() as cursor:
        execute_again(cursor, _DOCUMENTS, [project_id, bigint_array(ids)], rows=1)  # by the key, however many
        rows = cursor.fetchall()
    return [_row(row) for row in rows]


def endpoint_named(*, project_id: int, endpoint_id: str) -> EndpointRow | None:
    """The endpoint with the client's Id, whatever its case. One query."""
    return next(iter(_asked(_BY_KEY, [project_id, endpoint_id.lower()])), None)


def endpoint_pks(*, project_id: int, keys: Collection[str]) -> dict[str, int]:
    """The row ids of those of the keys (Ids in lower case) that exist. One query."""
    with connection.cursor() as cursor:
        execute_again(cursor, _PKS, [project_id, text_array(keys)], rows=len(keys))
        return dict(cursor.fetchall())


def endpoints_of_user(*, project_id: int, user_id: str) -> list[EndpointRow]:
    """All endpoints of a user, ascending; none when there is no such user. One query."""
    return _asked(_OF_USER, [project_id, user_id])


def _asked(query: str, params: list[object]) -> list[EndpointRow]:
    with connection.cursor() as cursor:
        execute_again(cursor, query, params, rows=1)
        rows = cursor.fetchall()
    return [_row(row) for row in rows]


def endpoint_lines(*, project: Project, ids: Sequence[int]) -> bytes:
    """The endpoints with these ids as JSON lines, each Pinpoint's EndpointResponse, ascending by id. One query."""
    out = io.BytesIO()
    with connection.cursor() as cursor:
        query = cursor.mogrify(_LINES, [project.public_id, project.pk, bigint_array(ids)])
        cursor.copy_expert(query.decode(), out)
    return out.getvalue().replace(b"\\\\", b"\\")  # all that COPY escapes in JSON without white space of its own


def _row(row: tuple[Any, ...]) -> EndpointRow:
    (pk, endpoint_id, channel, address, address_key, opt_out, status, attributes, metrics, demographic, location, request_id,
     effective_at, created_at, cohort_id, user_id, user_attributes) = row  # fmt: skip
    document: dict[str, Any] = {
        "Id": endpoint_id,
        "ChannelType": channel,
        "Address": address,
        "OptOut": opt_out,
        "EndpointStatus": status,
        "Attributes": _json(attributes),
        "Metrics": _json(metrics),
        "Demographic": _json(demographic),
        "Location": _json(location),
        "RequestId": request_id,
        "EffectiveDate": _instant(effective_at),
        "CreationDate": _instant(created_at),
        "CohortId": str(cohort_id),
        "User": {"UserId": user_id, "UserAttributes": _json(user_attributes) or {}} if user_id is not None else {},
    }
    return EndpointRow(id=pk, address=address, address_key=address_key, opt_out=opt_out, document=document)


def _json(value: Any) -> Any:
    # Django leaves jsonb as text on raw cursors.
    return orjson.loads(value) if isinstance(value, str) else value


@functools.lru_cache(maxsize=1_024)  # those of an import have one
def _instant(value: datetime.datetime) -> str:
    return value.astimezone(datetime.UTC).isoformat(timespec="milliseconds")[:23] + "Z"
