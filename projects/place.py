"""Where the database lives, as PostgreSQL itself says it: a backup that was restored lives elsewhere.

The cluster's own number and time line, the database's and a table's: a restore into another cluster, into another database, over the
tables of the same one, or to a point in time makes at least one of them another. A copy of all the server's files makes none:
``manage.py restored declare`` says so.
"""

from __future__ import annotations

from django.db import connection

# A value, to be used in statements. What the server keeps in memory or in one small file: some ten microseconds.
PLACE = """(
    SELECT concat_ws('/', cluster.system_identifier, checkpoint.timeline_id, base.oid, 'projects_installation'::regclass::oid)
      FROM pg_control_system() cluster, pg_control_checkpoint() checkpoint, pg_database base WHERE base.datname = current_database())"""


def here() -> str:
    """The place of the database that this process is connected to."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {PLACE}")
        return str(cursor.fetchone()[0])


def is_known() -> bool:
    """Whether the installation was here when it was asked last."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM projects_installation WHERE place = {PLACE})")
        return bool(cursor.fetchone()[0])
