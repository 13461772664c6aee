"""Events of apps, web pages and other programs, found by their type and time: what questions about their attributes read.

What the console itself sends is left out: its counters answer for it, and it is nearly all of the table.
"""

from django.db import migrations

_PARTITIONS = "SELECT relid::regclass::text FROM pg_partition_tree('analytics_event') WHERE isleaf"


def make(apps, schema_editor):
    """Partition by partition, each without holding up its writers; broken off, it goes on with those that lack theirs."""
    if schema_editor.collect_sql:
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX IF NOT EXISTS event_by_kind ON ONLY analytics_event (project_id, kind, occurred_at) WHERE kind >= 30"
        )
        cursor.execute(_PARTITIONS)
        for (partition,) in cursor.fetchall():
            name = f"{partition}_by_kind"
            cursor.execute("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [name])
            if cursor.fetchone():
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {partition} (project_id, kind, occurred_at) WHERE kind >= 30"
            )
            cursor.execute(f"ALTER INDEX event_by_kind ATTACH PARTITION {name}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("analytics", "0022_catalogued_days")]

    operations = [
        migrations.RunPython(make, lambda apps, schema_editor: schema_editor.execute("DROP INDEX event_by_kind"), atomic=False)
    ]
