"""Transforms, the parts of time that they are asked about, and the files of their tables."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0026_unknown_programs"),
        ("projects", "0005_raw_values"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LakeTransform",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
                ("sql", models.TextField()),
                (
                    "mode",
                    models.CharField(
                        choices=[("HOUR", "hour by hour"), ("DAY", "day by day"), ("WHOLE", "all at once")], max_length=5
                    ),
                ),
                (
                    "state",
                    models.CharField(choices=[("RUNNING", "Running"), ("PAUSED", "Paused")], default="RUNNING", max_length=7),
                ),
                ("version", models.IntegerField(default=1)),
                ("columns", models.JSONField(default=list)),
                ("reads", models.JSONField(default=list)),
                ("position", models.BigIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure", models.JSONField(default=dict)),
                ("failures", models.IntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TransformFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.BigIntegerField()),
                ("transform_id", models.BigIntegerField()),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("day", models.DateField(blank=True, null=True)),
                ("path", models.CharField(max_length=300, unique=True)),
                ("rows", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("made_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("replaced_at", None)), fields=["transform_id", "day"], name="transform_file_current"
                    ),
                    models.Index(
                        condition=models.Q(("replaced_at", None)), fields=["project_id"], name="transform_file_of_project"
                    ),
                    models.Index(
                        condition=models.Q(("replaced_at__isnull", False)), fields=["replaced_at"], name="transform_file_replaced"
                    ),
                ],
                "constraints": [models.CheckConstraint(condition=models.Q(("rows__gt", 0)), name="transform_file_has_rows")],
            },
        ),
        migrations.CreateModel(
            name="TransformWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("asked", models.IntegerField(default=1)),
                ("done", models.IntegerField(default=0)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("rows", models.BigIntegerField(default=0)),
                ("seconds", models.FloatField(default=0.0)),
                (
                    "transform",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="windows",
                        to="analytics.laketransform",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="laketransform",
            index=models.Index(condition=models.Q(("state", "RUNNING")), fields=["next_at"], name="lake_transform_due"),
        ),
        migrations.AddConstraint(
            model_name="laketransform",
            constraint=models.UniqueConstraint(fields=("project", "name"), name="lake_transform_name_once"),
        ),
        migrations.AddConstraint(
            model_name="laketransform",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode__in", ["HOUR", "DAY", "WHOLE"])), name="lake_transform_mode_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="laketransform",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["RUNNING", "PAUSED"])), name="lake_transform_state_known"
            ),
        ),
        migrations.AddIndex(
            model_name="transformwindow",
            index=models.Index(
                condition=models.Q(("asked__gt", models.F("done"))),
                fields=["transform", "-starts_at"],
                name="transform_window_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="transformwindow",
            constraint=models.UniqueConstraint(fields=("transform", "starts_at"), name="transform_window_once"),
        ),
    ]
