"""The facets of endpoints that were there before facets were. Reads each of them once: minutes for millions."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def build(apps: Any, schema_editor: Any) -> None:
    from endpoints.facets import rebuilding

    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id FROM projects_project p WHERE EXISTS (SELECT 1 FROM endpoints_endpoint e WHERE e.project_id = p.id)"
        )
        projects = [pk for (pk,) in cursor.fetchall()]
    for pk in projects:
        rebuilding.rebuild(project_id=pk)


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0007_rows_without_lookups")]

    operations = [migrations.RunPython(build, migrations.RunPython.noop)]
