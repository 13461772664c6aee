"""What is known of campaigns that were sent in Pinpoint."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0013_message_key")]

    operations = [
        migrations.CreateModel(
            name="CampaignPast",
            fields=[
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="past",
                        serialize=False,
                        to="campaigns.campaign",
                    ),
                ),
                ("state", models.CharField(max_length=32)),
                ("figures", models.JSONField(default=list)),
                ("runs", models.JSONField(default=list)),
                ("taken_at", models.DateTimeField()),
            ],
            options={"verbose_name_plural": "campaign pasts"},
        ),
    ]
