"""Keeping the catalogue of attribute names: at most 250 a project."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection

from endpoints.importer.refusals import FileRefused
from endpoints.models import AttributeKind, AttributeName
from projects.models import Project

NAME_LIMIT = 250  # attribute names of a project, all kinds together (reference, section 2)

_UPSERT = """
    INSERT INTO endpoints_attributename AS n (project_id, kind, name, looks_like_date)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (project_id, kind, name) DO UPDATE SET looks_like_date = excluded.looks_like_date
     WHERE n.looks_like_date <> excluded.looks_like_date
"""


def note_names(*, project: Project, kind: AttributeKind, names: Mapping[str, bool]) -> None:
    """Add names to the catalogue, in sorted order; the value says whether its values look like dates."""
    with connection.cursor() as cursor:
        for name in sorted(names):
            cursor.execute(_UPSERT, [project.pk, kind, name, names[name]])


def check_room(*, project: Project, names: Mapping[AttributeKind, set[str]]) -> None:
    """Raises ``FileRefused`` when the project would have more than 250 names with these."""
    known = {(kind, name) for kind, name in AttributeName.objects.filter(project=project).values_list("kind", "name")}
    asked = {(str(kind), name) for kind, some in names.items() for name in some}
    if asked - known and len(known | asked) > NAME_LIMIT:
        raise FileRefused("too_many_attributes", total=len(known | asked), limit=NAME_LIMIT)
