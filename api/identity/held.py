"""Rows as this process read them last. Each call asks, in one small statement, whether they are still so.

To read a key with its project, its maker and his role takes the ORM a millisecond and a half; to ask whether any of the four rows was
written since, a twentieth of that. A row that was written has another ``xmin`` or another ``ctid``, so what is revoked, or taken from
its maker, is refused by the next call, as if nothing were held.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection
from django.db.models import Model, OuterRef, Subquery

from api.models import AccessKey
from core.sql import execute_again
from projects.models import Member, Project

_MOST = 1_024  # of a kind
_Row = TypeVar("_Row", bound=Model)
_KEY = """
    SELECT k.xmin, k.ctid, p.xmin, p.ctid, u.xmin, u.ctid, m.xmin, m.ctid
      FROM api_accesskey k JOIN projects_user u ON u.id = k.created_by_id LEFT JOIN projects_project p ON p.id = k.project_id
      LEFT JOIN projects_member m ON (m.project_id, m.user_id) = (k.project_id, k.created_by_id)
     WHERE k.access_key_id = %s
"""
_PROJECT = "SELECT xmin, ctid FROM projects_project WHERE public_id = %s AND deleted_at IS NULL"


class _Held(Generic[_Row]):
    """``stamp`` is the statement that gives a row, and another one whenever something was written; ``read`` reads the objects anew."""

    def __init__(self, stamp: str, read: Callable[[str], _Row | None]) -> None:
        self._stamp, self._read = stamp, read
        self._held: dict[str, tuple[tuple[str | None, ...], bytes]] = {}

    def find(self, name: str) -> _Row | None:
        """Objects of the caller's own, which it may change."""
        with connection.cursor() as cursor:
            execute_again(cursor, self._stamp, [name], rows=1)
            stamp = cursor.fetchone()
        if stamp is None:
            return None
        known, pickled = self._held.get(name, (None, b""))
        if known == stamp:
            row: _Row = pickle.loads(pickled)  # noqa: S301  (this process wrote it)
            return row
        found = self._read(name)  # what is read now is not older than the stamp
        if found is not None:
            if len(self._held) >= _MOST:
                self._held.clear()
            self._held[name] = stamp, pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        return found

    def forget(self) -> None:
        self._held.clear()


def _read_key(access_key_id: str) -> AccessKey | None:
    memberships = Member.objects.filter(project=OuterRef("project"), user=OuterRef("created_by"))
    found = AccessKey.objects.select_related("project", "created_by").annotate(role=Subquery(memberships.values("role")[:1]))
    return found.filter(access_key_id=access_key_id).first()


def _read_project(public_id: str) -> Project | None:
    return Project.objects.filter(public_id=public_id, deleted_at=None).first()


_keys = _Held(_KEY, _read_key)
_projects = _Held(_PROJECT, _read_project)


def access_key(access_key_id: str) -> AccessKey | None:
    """With ``project``, ``created_by`` and ``role``: its maker's in the project, None when he is no member."""
    return _keys.find(access_key_id)


def project(public_id: str) -> Project | None:
    """One that is not deleted."""
    return _projects.find(public_id)


def forget() -> None:
    """Rows of another database may have the same stamps."""
    _keys.forget()
    _projects.forget()
