"""Where mails went and which programs opened them: on the event, and counted."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

SOURCES = [(0, "direct"), (1, "campaign"), (2, "journey")]
CLASSES = [(0, "none"), (1, "person"), (2, "proxy"), (3, "scanner"), (4, "unknown")]
DETAILS = [(1, "domain"), (2, "client")]


class Migration(migrations.Migration):
    dependencies = [("analytics", "0024_revenue")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE analytics_event ADD COLUMN client smallint, ADD COLUMN domain integer",
            "ALTER TABLE analytics_event DROP COLUMN client, DROP COLUMN domain",
        ),
        migrations.CreateModel(
            name="DetailAddition",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("project_id", models.BigIntegerField()),
                ("source_kind", models.SmallIntegerField(choices=SOURCES)),
                ("source_id", models.BigIntegerField()),
                ("kind", models.SmallIntegerField()),
                ("hit_class", models.SmallIntegerField(choices=CLASSES, default=0)),
                ("detail", models.SmallIntegerField(choices=DETAILS)),
                ("day", models.DateField()),
                ("numbers", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("totals", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={"indexes": [models.Index(fields=["project_id", "detail"], name="detail_addition_by_project")]},
        ),
        migrations.CreateModel(
            name="DetailCounter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.BigIntegerField()),
                ("source_kind", models.SmallIntegerField(choices=SOURCES)),
                ("source_id", models.BigIntegerField()),
                ("kind", models.SmallIntegerField()),
                ("hit_class", models.SmallIntegerField(choices=CLASSES, default=0)),
                ("detail", models.SmallIntegerField(choices=DETAILS)),
                ("value", models.IntegerField()),
                ("day", models.DateField()),
                ("total", models.BigIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["project_id", "detail", "day"], name="detail_counter_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project_id", "detail", "source_kind", "source_id", "kind", "hit_class", "value", "day"),
                        name="detail_counter_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MailDomain",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("project_id", models.BigIntegerField()),
                ("name", models.CharField(max_length=255)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("project_id", "name"), name="mail_domain_once")],
            },
        ),
    ]
