"""The list of the lake's files: what is added and taken away in one transaction each, whoever else is at it."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from analytics.lake.store import Store, new_path
from analytics.models import LakeFile

_LOCK = 0x7061_6C6B  # with the number of what is done

Instant = datetime.datetime | Now


@contextlib.contextmanager
def alone(what: int) -> Iterator[bool]:
    """Whether nobody else does it now: they would do the same work twice. That nothing is done twice does not depend on it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, what])
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine and connection.connection is not None and not connection.needs_rollback:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, what])


@dataclass(frozen=True, slots=True)
class Place:
    """Whose events a file holds. ``kind`` is the number of ``type_name``."""

    project_id: int
    app_id: str
    kind: int
    type_name: str
    day: datetime.date


class Replaced(Exception):
    """Somebody else replaced one of the files meanwhile: what was made of them is out of date."""


def current(*, project_id: int) -> Any:
    """A project's files, in the order in which they were written."""
    return LakeFile.objects.filter(project_id=project_id, replaced_at=None).order_by("pk")


def write(*, store: Store, place: Place, tables: Any, rows: int, first: int, last: int, now: Instant) -> LakeFile:
    """Write a file. It is of the lake when the row that is returned is saved."""
    path = new_path(app_id=place.app_id, type_name=place.type_name, day=place.day)
    size = store.write(path, tables)
    return LakeFile(
        project_id=place.project_id, kind=place.kind, day=place.day, path=path, rows=rows, bytes=size, first_position=first,
        last_position=last, made_at=now,
    )  # fmt: skip


def replace(*, old: Sequence[LakeFile], new: LakeFile | None, now: Instant) -> None:
    """Put one file in the place of others, or nothing. Raises ``Replaced`` when one of them is of the lake no longer."""
    with transaction.atomic():
        rows = LakeFile.objects.filter(pk__in=[one.pk for one in old], replaced_at=None)
        locked = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        if len(locked) != len(old):
            raise Replaced
        if new is not None:
            new.save(force_insert=True)
        LakeFile.objects.filter(pk__in=locked).update(replaced_at=now)
