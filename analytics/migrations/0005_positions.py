"""Events of every kind, in the order in which they were written."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE analytics_event_position AS bigint;
ALTER TABLE analytics_event DROP COLUMN received_at;
ALTER TABLE analytics_event ADD COLUMN position bigint NOT NULL DEFAULT nextval('analytics_event_position');
ALTER SEQUENCE analytics_event_position OWNED BY analytics_event.position;
-- Rows lie in the order of their positions, nearly: the smallest and the largest of some pages are all that is worth keeping.
CREATE INDEX event_by_position ON analytics_event USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
"""
BACK = """
ALTER TABLE analytics_event DROP COLUMN position;
ALTER TABLE analytics_event ADD COLUMN received_at timestamptz NOT NULL DEFAULT statement_timestamp();
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0004_reach_additions")]

    operations = [migrations.RunSQL(sql=FORWARD, reverse_sql=BACK)]
