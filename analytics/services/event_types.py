"""The types of events that a project's own programs send, and the numbers under which they are stored."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, transaction

from analytics.models import FIRST_CUSTOM_KIND, EventKind, EventType
from core.sql import execute_again, text_array

LIMIT = 1_500  # of a project (reference, section 8.4)
_LOCK = 0x7061_6263
_STORED = "SELECT name, number FROM analytics_eventtype WHERE project_id = %s AND name = ANY(%s::text[])"
_KNOWN = {str(kind.label): int(kind) for kind in EventKind}


def kinds_of(*, project_id: int, names: Collection[str], limit: int = LIMIT) -> dict[str, int]:
    """The number of each name; new ones get theirs, up to ``limit`` of the project. A name that has no room any more is absent."""
    found = {name: _KNOWN[name] for name in names if name in _KNOWN}
    own = {name for name in names if name not in _KNOWN}
    if not own:
        return found
    found |= _stored(project_id, own)
    if (new := sorted(own - found.keys())) and limit:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, project_id % (1 << 31)])
            found |= _stored(project_id, own)
            taken = EventType.objects.filter(project_id=project_id).count()
            new = [name for name in new if name not in found][: max(limit - taken, 0)]
            made = [
                EventType(project_id=project_id, name=name, number=FIRST_CUSTOM_KIND + taken + place)
                for place, name in enumerate(new)
            ]
            EventType.objects.bulk_create(made)
            found |= {one.name: one.number for one in made}
    return found


def _stored(project_id: int, names: Collection[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        execute_again(cursor, _STORED, [project_id, text_array(names)], rows=len(names))
        return dict(cursor.fetchall())


def known_kind(*, project_id: int, name: str) -> int | None:
    """The number of a name, if the project has it."""
    return _KNOWN.get(name) or _stored(project_id, [name]).get(name)
