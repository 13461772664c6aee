"""The event table. Partitioned by month, which Django's schema editor can't write."""

from django.db import migrations

CREATE = """
CREATE TABLE analytics_event (
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    project_id bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    source_id bigint,
    run_id bigint,
    link_number integer,
    kind smallint NOT NULL,
    hit_class smallint NOT NULL DEFAULT 0,
    source_kind smallint NOT NULL DEFAULT 0,
    treatment smallint NOT NULL DEFAULT 0,
    data jsonb,
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX event_by_endpoint ON analytics_event (project_id, endpoint_id, occurred_at);
-- Months get partitions of their own ahead of time (analytics.services.partitions); this one takes what no month fits,
-- so that no event is refused for its date.
CREATE TABLE analytics_event_default PARTITION OF analytics_event DEFAULT;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [migrations.RunSQL(sql=CREATE, reverse_sql="DROP TABLE analytics_event")]
