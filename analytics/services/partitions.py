"""The event table's months: made ahead of time."""

from __future__ import annotations

import datetime

from django.db import connection, transaction

MONTHS_AHEAD = 3
_ADVISORY_LOCK = 0x7061_6262


def ensure_partitions(*, now: datetime.datetime) -> list[str]:
    """Make the partitions from last month to three months ahead that are missing; returns their names.

    Rows of such a month that already lie in the default partition are moved, so none is lost and none blocks the making.
    """
    made = []
    this_month = now.astimezone(datetime.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month = (this_month - datetime.timedelta(days=1)).replace(day=1)
    for _number in range(MONTHS_AHEAD + 2):
        following = (month + datetime.timedelta(days=32)).replace(day=1)
        name = f"analytics_event_{month:%Y_%m}"
        if _make(name, month, following):
            made.append(name)
        month = following
    return made


def _make(name: str, start: datetime.datetime, end: datetime.datetime) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return False
        cursor.execute(f"CREATE TABLE {name} (LIKE analytics_event INCLUDING DEFAULTS)")
        cursor.execute("LOCK TABLE analytics_event IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"WITH moved AS (DELETE FROM analytics_event_default WHERE occurred_at >= %s AND occurred_at < %s RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved",
            [start, end],
        )
        cursor.execute(f"ALTER TABLE analytics_event ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", [start, end])
    return True
