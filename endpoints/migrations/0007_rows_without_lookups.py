"""Endpoints and users without foreign keys that the database checks: see the models."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0006_facets")]

    operations = [
        migrations.AlterField(
            "endpointuser",
            "project",
            models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AlterField(
            "endpoint",
            "project",
            models.ForeignKey(
                db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                to="projects.project",
            ),
        ),
        migrations.AlterField(
            "endpoint",
            "user",
            models.ForeignKey(
                blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL,
                related_name="endpoints", to="endpoints.endpointuser",
            ),
        ),
    ]  # fmt: skip
