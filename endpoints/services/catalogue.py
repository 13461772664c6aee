"""Keeping the catalogue of attribute names, of which a project may have 250."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection

from core.sql import execute_again, text_array
from endpoints.importer.refusals import FileRefused
from endpoints.models import AttributeKind, AttributeName
from projects.models import Project

# Most writes name what is known; those write nothing and lock nothing.
_UPSERT = """
    INSERT INTO endpoints_attributename AS n (project_id, kind, name, looks_like_date)
    SELECT %(project)s, given.* FROM unnest(%(kinds)s::text[], %(names)s::text[], %(dates)s::boolean[]) AS given (kind, name, is_date)
     WHERE NOT EXISTS (SELECT 1 FROM endpoints_attributename o
                        WHERE o.project_id = %(project)s AND (o.kind, o.name, o.looks_like_date) = (given.kind, given.name, given.is_date))
     ORDER BY 2, 3
    ON CONFLICT (project_id, kind, name) DO UPDATE SET looks_like_date = excluded.looks_like_date
     WHERE n.looks_like_date <> excluded.looks_like_date
"""
_KNOWN = "SELECT kind, name FROM endpoints_attributename WHERE project_id = %s AND name = ANY(%s::text[])"

_LOCK_CLASS = 0x7061_6264

Name = tuple[str, str]  # kind, name


def note_names(*, project: Project, names: Mapping[AttributeKind, Mapping[str, bool]]) -> None:
    """Add names to the catalogue, in sorted order; the values say whether those of an attribute look like dates."""
    rows = [(str(kind), name, is_date) for kind, some in names.items() for name, is_date in some.items()]
    if rows:
        kinds, texts, dates = zip(*rows, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_UPSERT, {"project": project.pk, "kinds": list(kinds), "names": list(texts), "dates": list(dates)})


def unknown_names(*, project: Project, names: set[Name]) -> set[Name]:
    """Those of the names that the project has not seen yet."""
    if not names:
        return set()
    with connection.cursor() as cursor:
        execute_again(cursor, _KNOWN, [project.pk, text_array({name for _kind, name in names})], rows=len(names))
        return names - set(cursor.fetchall())


def room(*, project: Project) -> int:
    """How many more names the project may have; until the transaction ends, nobody else takes that room."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, project.pk % (1 << 31)])
    return int(settings.ATTRIBUTE_NAMES_LIMIT) - AttributeName.objects.filter(project=project).count()


def check_room(*, project: Project, names: Mapping[AttributeKind, set[str]]) -> None:
    """Raises ``FileRefused`` when the project would have more names with these than it may."""
    unknown = unknown_names(project=project, names={(str(kind), name) for kind, some in names.items() for name in some})
    if unknown and len(unknown) > room(project=project):
        limit = settings.ATTRIBUTE_NAMES_LIMIT
        raise FileRefused("too_many_attributes", total=limit - room(project=project) + len(unknown), limit=limit)
