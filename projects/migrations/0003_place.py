from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0002_sending_settings")]

    operations = [
        migrations.AddField("installation", "place", models.CharField(blank=True, db_default="", max_length=100)),
        migrations.AddField("installation", "alive_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("installation", "restored_from", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("installation", "restored_at", models.DateTimeField(blank=True, null=True)),
    ]
