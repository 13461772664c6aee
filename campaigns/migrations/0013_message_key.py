"""Which runs sent the same message, and so number its links alike."""

from django.db import migrations, models

FILL = """
    UPDATE campaigns_run SET message_key = left(encode(sha256(convert_to(content->'Message'->>'HtmlBody', 'UTF8')), 'hex'), 32)
     WHERE content->'Message'->>'HtmlBody' <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0011_event_campaigns")]

    operations = [
        migrations.AddField("run", "message_key", models.CharField(blank=True, db_default="", max_length=32)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
