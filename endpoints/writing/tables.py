"""The statements that read and write endpoints and users, a handful for any number of rows."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db import connection

from core.sql import Together, bigint_array, execute_again, text_array
from endpoints.models import OptOutEntry
from endpoints.writing.merging import State


@dataclass(frozen=True, slots=True)
class User:
    """``id`` 0 is not stored yet."""

    id: int
    user_id: str
    attributes: dict[str, list[str]]
    updated_at: datetime.datetime


# In sorted order, so that two writers of the same users can't deadlock.
_LOCK_USERS = """
    SELECT id, user_id, attributes::text, updated_at FROM endpoints_endpointuser
     WHERE project_id = %s AND user_id = ANY(%s::text[]) ORDER BY user_id FOR NO KEY UPDATE
"""
_USERS_BY_PK = "SELECT id, user_id, attributes::text, updated_at FROM endpoints_endpointuser WHERE id = ANY(%s::bigint[])"
# A unique violation here is another writer's user or endpoint of the same key, seen too late: the transaction is tried again.
_INSERT_USERS = """
    INSERT INTO endpoints_endpointuser (project_id, user_id, attributes, created_at, updated_at)
    SELECT %s, user_id, attributes, %s, %s FROM unnest(%s::text[], %s::jsonb[]) AS given(user_id, attributes) ORDER BY user_id
    RETURNING id, user_id
"""
_UPDATE_USERS = """
    UPDATE endpoints_endpointuser u SET attributes = given.attributes, updated_at = given.updated_at
      FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[]) AS given(id, attributes, updated_at) WHERE u.id = given.id
"""
_COLUMNS = """
    e.id, e.endpoint_key, e.endpoint_id, e.channel_type, e.address, e.opt_out, e.status, coalesce(e.user_id, 0),
    e.attributes::text, e.metrics::text, e.demographic::text, e.location::text, e.request_id, e.updated_at
"""
_BY_KEY = "e.project_id = %(project)s AND e.endpoint_key = ANY(%(keys)s::text[])"
_BY_PK = "e.project_id = %(project)s AND e.id = ANY(%(ids)s::bigint[])"
_BY_USER = "e.user_id = ANY(%(users)s::bigint[])"
_BY_ADDRESS = """
    e.project_id = %(project)s AND (e.channel_type, e.address_key) IN (
        SELECT * FROM unnest(%(channels)s::text[], %(addresses)s::text[]))
"""
_NAMES = """
    (SELECT array_agg(n.kind || ' ' || n.name) FROM endpoints_attributename n
      WHERE n.project_id = %(project)s AND n.name = ANY(%(names)s::text[]))
"""
_LOCK_ENDPOINTS = f"SELECT {_COLUMNS}, {{more}} FROM endpoints_endpoint e WHERE {{condition}} ORDER BY e.id FOR NO KEY UPDATE"
_INSERT_ENDPOINTS = """
    INSERT INTO endpoints_endpoint
           (project_id, endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, user_id, attributes,
            metrics, demographic, location, cohort_id, request_id, effective_at, created_at, updated_at, line_hash)
    SELECT %s, endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, nullif(user_pk, 0), attributes,
           metrics, demographic, location, cohort_id, request_id, written_at, written_at, written_at, line_hash
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::jsonb[],
                  %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::smallint[], %s::text[], %s::timestamptz[], %s::bigint[])
           AS given(endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, user_pk, attributes,
                    metrics, demographic, location, cohort_id, request_id, written_at, line_hash)
    RETURNING id, endpoint_key
"""
_UPDATE_ENDPOINTS = """
    UPDATE endpoints_endpoint e
       SET channel_type = given.channel_type, address = given.address, address_key = given.address_key, opt_out = given.opt_out,
           status = given.status, user_id = nullif(given.user_pk, 0), request_id = given.request_id,
           attributes = given.attributes, metrics = given.metrics, demographic = given.demographic, location = given.location,
           effective_at = CASE WHEN given.named THEN given.written_at ELSE e.effective_at END,
           updated_at = given.written_at, line_hash = given.line_hash
      FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::jsonb[],
                  %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::boolean[], %s::timestamptz[], %s::bigint[])
           AS given(id, channel_type, address, address_key, opt_out, status, user_pk, request_id, attributes,
                    metrics, demographic, location, named, written_at, line_hash)
     WHERE e.id = given.id
"""
_OPTED_OUT = """
    SELECT DISTINCT endpoint_id FROM endpoints_optoutentry
     WHERE endpoint_id = ANY(%s::bigint[]) AND opt_out = 'ALL' AND source <> 'IMPORT'
"""
_OPT_OUT_ENTRIES = """
    INSERT INTO endpoints_optoutentry (project_id, endpoint_id, opt_out, source, actor_id, at)
    SELECT %s, id, opt_out, %s, %s, %s FROM unnest(%s::bigint[], %s::text[]) AS given(id, opt_out)
"""


def lock_users(*, project_id: int, user_ids: Sequence[str]) -> dict[str, User]:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_USERS, [project_id, text_array(user_ids)])
        return {row[1]: _user(row) for row in cursor.fetchall()}


def users_by_id(*, project_id: int, user_ids: Sequence[str]) -> dict[str, User]:
    return lock_users(project_id=project_id, user_ids=user_ids) if user_ids else {}


def users_by_pk(pks: Collection[int]) -> dict[int, User]:
    pks = [pk for pk in pks if pk]
    if not pks:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_USERS_BY_PK, [bigint_array(pks)])
        return {row[0]: _user(row) for row in cursor.fetchall()}


def _user(row: tuple[int, str, str, datetime.datetime]) -> User:
    return User(id=row[0], user_id=row[1], attributes=orjson.loads(row[2]), updated_at=row[3])


def insert_users(*, project_id: int, users: Sequence[User], now: datetime.datetime) -> list[User]:
    """The users with their new ids."""
    if not users:
        return []
    names, documents = text_array(user.user_id for user in users), text_array(document(user.attributes) for user in users)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_USERS, [project_id, now, now, names, documents])
        ids = {user_id: pk for pk, user_id in cursor.fetchall()}
    return [replace(user, id=ids[user.user_id]) for user in users]


def update_users(users: Sequence[User]) -> None:
    if users:
        given = [
            bigint_array(user.id for user in users), text_array(document(user.attributes) for user in users),
            text_array(user.updated_at.isoformat() for user in users),
        ]  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE_USERS, given)


def lock_endpoints(
    *,
    project_id: int,
    keys: Sequence[str] = (),
    ids: Sequence[int] = (),
    user_pks: Sequence[int] = (),
    addresses: Sequence[tuple[str, str]] = (),
) -> list[State]:
    """The endpoints with these keys or ids, of these users, and at these (channel, address key), locked in the order of their ids."""
    given = ((_BY_KEY, keys), (_BY_PK, ids), (_BY_USER, user_pks), (_BY_ADDRESS, addresses))
    ways = [condition for condition, some in given if some]
    if not ways:
        return []
    params = {
        "project": project_id,
        "keys": text_array(keys),
        "ids": bigint_array(ids),
        "users": bigint_array(user_pks),
        "channels": text_array(channel for channel, _address in addresses),
        "addresses": text_array(address for _channel, address in addresses),
    }
    asked = len(keys) + len(ids) + len(user_pks) + len(addresses)
    return [_state(row) for row in _lock(ways, "NULL", params, asked)]


def lock_stored(*, project_id: int, keys: Sequence[str], names: set[tuple[str, str]]) -> tuple[list[State], set[tuple[str, str]]]:
    """The endpoints with these keys, locked; and those of the attribute names (kind, name) that the catalogue has, if any is found."""
    params = {"project": project_id, "keys": text_array(keys), "names": text_array({name for _kind, name in names})}
    rows = _lock([_BY_KEY], _NAMES, params, len(keys))
    known = {tuple(one.split(" ", 1)) for one in rows[0][-1] or ()} if rows else set()
    return [_state(row) for row in rows], names & known


def _lock(ways: list[str], more: str, params: dict[str, Any], asked: int) -> list[tuple[Any, ...]]:
    condition = ways[0]
    if len(ways) > 1:
        found = " UNION ".join(f"SELECT e.id FROM endpoints_endpoint e WHERE {way}" for way in ways)
        condition = f"e.id IN ({found})"
    with connection.cursor() as cursor:
        execute_again(cursor, _LOCK_ENDPOINTS.format(more=more, condition=condition), params, rows=asked)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _state(row: tuple[Any, ...]) -> State:
    return State(
        id=row[0], key=row[1], endpoint_id=row[2], channel=row[3], address=row[4], opt_out=row[5], status=row[6],
        user_pk=row[7], attributes=orjson.loads(row[8]), metrics=orjson.loads(row[9]), demographic=orjson.loads(row[10]),
        location=orjson.loads(row[11]), request_id=row[12], updated_at=row[13],
    )  # fmt: skip


def insert_endpoints(*, project_id: int, states: Sequence[State], line_hashes: Sequence[int | None]) -> list[State]:
    """The endpoints with their new ids."""
    if not states:
        return []
    given = [
        text_array(state.endpoint_id for state in states), text_array(state.key for state in states),
        text_array(state.channel for state in states), text_array(state.address for state in states),
        text_array(state.address_key for state in states), text_array(state.opt_out for state in states),
        text_array(state.status for state in states), bigint_array(state.user_pk for state in states), *_documents(states),
        bigint_array(cohort(state.key) for state in states), text_array(state.request_id for state in states),
        text_array(state.updated_at.isoformat() for state in states), bigint_array(line_hashes),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_ENDPOINTS, [project_id, *given])
        ids = {key: pk for pk, key in cursor.fetchall()}
    return [replace(state, id=ids[state.key]) for state in states]


def update_endpoints(
    states: Sequence[State], *, line_hashes: Sequence[int | None], effective: Sequence[bool], together: Together | None = None
) -> None:
    """``effective``: whether the endpoint itself was written to (EffectiveDate), not only reached by a rule.

    With ``together`` the statement waits there.
    """
    if not states:
        return
    given = [
        bigint_array(state.id for state in states), text_array(state.channel for state in states),
        text_array(state.address for state in states), text_array(state.address_key for state in states),
        text_array(state.opt_out for state in states), text_array(state.status for state in states),
        bigint_array(state.user_pk for state in states), text_array(state.request_id for state in states), *_documents(states),
        text_array("t" if is_named else "f" for is_named in effective),
        text_array(state.updated_at.isoformat() for state in states), bigint_array(line_hashes),
    ]  # fmt: skip
    waiting = together or Together()
    waiting.execute_again(_UPDATE_ENDPOINTS, given, rows=len(states))
    if together is None:
        waiting.send()


def opted_out_themselves(ids: Sequence[int]) -> set[int]:
    """Those of them whom anything but a file has opted out."""
    with connection.cursor() as cursor:
        cursor.execute(_OPTED_OUT, [bigint_array(ids)])
        return {pk for (pk,) in cursor.fetchall()}


def insert_opt_out_entries(
    *, project_id: int, rows: Iterable[tuple[int, str]], source: OptOutEntry.Source, actor_id: int | None, now: datetime.datetime
) -> None:
    rows = list(rows)
    if rows:
        with connection.cursor() as cursor:
            given = [bigint_array(pk for pk, _opt_out in rows), text_array(opt_out for _pk, opt_out in rows)]
            cursor.execute(_OPT_OUT_ENTRIES, [project_id, source, actor_id, now, *given])


def cohort(key: str) -> int:
    """0 … 99, the same for the same Id, near enough one in a hundred each."""
    return zlib.crc32(key.encode()) % 100


def document(value: object) -> str:
    return orjson.dumps(value).decode()


def _documents(states: Sequence[State]) -> list[str]:
    return [
        text_array(document(state.attributes) for state in states),
        text_array(document(state.metrics) for state in states),
        text_array(document(state.demographic) for state in states),
        text_array(document(state.location) for state in states),
    ]
