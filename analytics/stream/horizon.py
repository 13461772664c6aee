"""Up to where the events can be read in the order of their positions without missing one.

A position is taken when an event is written, and seen when its transaction commits; another one may have taken a later position
and committed before. So a reader must not go past a position as long as a transaction that could hold an earlier one is open. Whoever
writes events holds a lock, shared, from before his first position until his transaction ends. A probe notes the last position that
was given out, and then who holds the lock; when all of those are over, the probe is settled. Two readers may do this at once; whoever
dies leaves a probe that is still true, and a server that starts anew has none of the old transactions.
"""

from __future__ import annotations

from django.db import connection, transaction

from analytics.models import Horizon

WRITING = 0x7061_6264  # the advisory lock of whoever writes events
_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM analytics_event_position"
_WRITERS = """
    SELECT virtualtransaction FROM pg_locks
     WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND objsubid = 1
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def settled_position() -> int:
    """Every event up to this position is visible. Moves on with each call, as far as it can; twice in a row for what is just written."""
    with transaction.atomic(), connection.cursor() as cursor:
        horizon, _made = Horizon.objects.select_for_update().get_or_create(pk=1)
        cursor.execute(_LAST)
        (last,) = cursor.fetchone()
        cursor.execute(_WRITERS, [WRITING])  # after the position
        writing = {name for (name,) in cursor.fetchall()}
        if not writing.intersection(horizon.writers):
            horizon.settled = max(horizon.settled, horizon.probed)
            horizon.probed, horizon.writers = last, sorted(writing)
        if not writing:  # nobody holds an earlier position, and whoever comes takes a later one
            horizon.settled = max(horizon.settled, last)
        horizon.save(update_fields=["settled", "probed", "writers"])
        return horizon.settled
