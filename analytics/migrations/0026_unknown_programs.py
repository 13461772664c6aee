"""Hits of programs that nobody knows are told apart."""

from django.db import migrations, models

CLASSES = [(0, "none"), (1, "person"), (2, "proxy"), (3, "scanner"), (4, "unknown")]


class Migration(migrations.Migration):
    dependencies = [("analytics", "0025_details")]

    operations = [
        migrations.AlterField(name, "hit_class", models.SmallIntegerField(choices=CLASSES, default=0))
        for name in ("counter", "reach", "reachaddition")
    ]
