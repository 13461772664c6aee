"""Deleting endpoints, and users who have none left."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from endpoints import facets
from endpoints.writing import addresses, tables
from endpoints.writing.write import values

_USERS = """
    SELECT u.user_id FROM endpoints_endpointuser u
     WHERE u.project_id = %(project)s AND (u.user_id = ANY(%(user_ids)s) OR u.id IN (
           SELECT e.user_id FROM endpoints_endpoint e
            WHERE e.project_id = %(project)s AND (e.endpoint_key = ANY(%(keys)s) OR e.id = ANY(%(ids)s))))
     ORDER BY u.user_id FOR UPDATE
"""
_DELETE = """
    DELETE FROM endpoints_optoutentry WHERE endpoint_id = ANY(%(ids)s);
    DELETE FROM endpoints_endpoint WHERE id = ANY(%(ids)s);
    DELETE FROM endpoints_endpointuser u WHERE u.project_id = %(project)s AND u.id = ANY(%(users)s)
       AND NOT EXISTS (SELECT 1 FROM endpoints_endpoint e WHERE e.user_id = u.id)
"""


def remove(*, project_id: int, keys: Sequence[str] = (), ids: Sequence[int] = (), user_ids: Sequence[str] = ()) -> int:
    """Delete the endpoints with these keys (lower-case Ids) or ids, and those of these users; how many there were.

    In the caller's transaction. Users are locked before their endpoints. A user without endpoints is nobody's, and goes too.
    """
    addresses.share_project(project_id)  # an import may be giving new endpoints to a user who has none left
    with connection.cursor() as cursor:
        cursor.execute(_USERS, {"project": project_id, "keys": list(keys), "ids": list(ids), "user_ids": list(user_ids)})
        users = tables.users_by_id(project_id=project_id, user_ids=[user_id for (user_id,) in cursor.fetchall()])
        wanted = [user.id for user in users.values() if user.user_id in set(user_ids)]
        found = tables.lock_endpoints(project_id=project_id, keys=keys, ids=ids, user_pks=wanted)
        changes = facets.Changes()
        by_pk = {user.id: user for user in users.values()}
        for state in found:
            for subject, value in values(state, by_pk.get(state.user_pk)):
                changes.remove(subject, value, [state.id])
        cursor.execute(_DELETE, {"project": project_id, "ids": [state.id for state in found], "users": sorted(by_pk)})
    changes.record(project_id=project_id)
    return len(found)
