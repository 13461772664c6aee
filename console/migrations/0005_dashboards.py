"""Dashboards, and the answers that they show."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0004_remote_queries"),
        ("projects", "0005_raw_values"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="savedquery",
            name="chart",
            field=models.JSONField(default=dict),
        ),
        migrations.CreateModel(
            name="Dashboard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "refresh_seconds",
                    models.IntegerField(
                        choices=[
                            (0, "only when somebody asks"),
                            (900, "every 15 minutes"),
                            (3600, "every hour"),
                            (21600, "every 6 hours"),
                            (86400, "every day"),
                        ],
                        default=3600,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                (
                    "made_by",
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
            name="DashboardTile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("place", models.IntegerField()),
                ("is_wide", models.BooleanField(default=False)),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "dashboard",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="tiles", to="console.dashboard"
                    ),
                ),
                (
                    "query",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tiles", to="console.savedquery"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("body", models.BinaryField()),
                ("refusal", models.JSONField(default=dict)),
                ("seconds", models.FloatField(default=0.0)),
                ("made_at", models.DateTimeField()),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="projects.project"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="dashboard",
            constraint=models.UniqueConstraint(fields=("project", "name"), name="dashboard_name_once"),
        ),
        migrations.AddConstraint(
            model_name="dashboard",
            constraint=models.CheckConstraint(
                condition=models.Q(("refresh_seconds__in", [0, 900, 3600, 21600, 86400])), name="dashboard_refresh_known"
            ),
        ),
        migrations.AddIndex(
            model_name="dashboardtile",
            index=models.Index(condition=models.Q(("asked_at__isnull", False)), fields=["asked_at"], name="dashboard_tile_asked"),
        ),
        migrations.AddConstraint(
            model_name="dashboardtile",
            constraint=models.UniqueConstraint(fields=("dashboard", "query"), name="dashboard_tile_once"),
        ),
        migrations.AddIndex(
            model_name="keptanswer",
            index=models.Index(fields=["made_at"], name="kept_answer_by_age"),
        ),
        migrations.AddConstraint(
            model_name="keptanswer",
            constraint=models.UniqueConstraint(fields=("project", "key"), name="kept_answer_once"),
        ),
    ]
