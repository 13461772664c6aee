"""Keeping the catalogue of attribute names, of which a project may have 250."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection

from core.sql import text_array
from endpoints.importer.refusals import FileRefused
from endpoints.models import AttributeKind, AttributeName
from projects.models import Project

_UPSERT = """
    INSERT INTO endpoints_attributename AS n (project_id, kind, name, looks_like_date)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (project_id, kind, name) DO UPDATE SET looks_like_date = excluded.looks_like_date
     WHERE n.looks_like_date <> excluded.looks_like_date
"""
_KNOWN = "SELECT kind, name FROM endpoints_attributename WHERE project_id = %s AND name = ANY(%s::text[])"

_LOCK_CLASS = 0x7061_6264

Name = tuple[str, str]  # kind, name


def note_names(*, project: Project, kind: AttributeKind, names: Mapping[str, bool]) -> None:
    """Add names to the catalogue, in sorted order; the value says whether its values look like dates."""
    with connection.cursor() as cursor:
        for name in sorted(names):
            cursor.execute(_UPSERT, [project.pk, kind, name, names[name]])


def unknown_names(*, project: Project, names: set[Name]) -> set[Name]:
    """Those of the names that the project has not seen yet."""
    if not names:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [project.pk, text_array({name for _kind, name in names})])
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
