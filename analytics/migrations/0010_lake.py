"""The list of the lake's files, and up to where they hold events."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0007_send_counters"),
    ]

    operations = [
        migrations.CreateModel(
            name="LakePosition",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
                ("moved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="LakeFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.BigIntegerField()),
                ("kind", models.SmallIntegerField()),
                ("day", models.DateField()),
                ("path", models.CharField(max_length=300, unique=True)),
                ("rows", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("first_position", models.BigIntegerField()),
                ("last_position", models.BigIntegerField()),
                ("made_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("replaced_at", None)), fields=["project_id", "kind", "day"], name="lake_file_current"
                    ),
                    models.Index(
                        condition=models.Q(("replaced_at__isnull", False)), fields=["replaced_at"], name="lake_file_replaced"
                    ),
                ],
                "constraints": [models.CheckConstraint(condition=models.Q(("rows__gt", 0)), name="lake_file_has_rows")],
            },
        ),
    ]
