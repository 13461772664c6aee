"""With an endpoint, the hash of the line that wrote it: a file imported again is told apart without reading what is stored."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0004_attribute_removals")]

    operations = [
        migrations.AddField("endpoint", "line_hash", models.BigIntegerField(blank=True, editable=False, null=True)),
    ]
