"""Up to where the events can be read in the order of their positions without missing one.

A position is taken when an event is written, and seen when its transaction commits; another one may have taken a later position
and committed before. So a reader must not go past a position as long as a transaction that could hold an earlier one is open. A probe
notes the last position that was given out, and then the first transaction number that was not: every transaction that took one of
those positions has a smaller number (``record_events`` gets its number before its positions). When all smaller ones are over, the
probe is settled. Two readers may do this at once; whoever dies leaves a probe that is still true.
"""

from __future__ import annotations

from django.db import connection, transaction

from analytics.models import Horizon

_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM analytics_event_position"
_NUMBERS = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


def settled_position() -> int:
    """Every event up to this position is visible. Moves on with each call, as far as it can; twice in a row for what is just written."""
    with transaction.atomic(), connection.cursor() as cursor:
        horizon, _made = Horizon.objects.select_for_update().get_or_create(pk=1)
        cursor.execute(_LAST)
        (last,) = cursor.fetchone()
        cursor.execute(_NUMBERS)  # after the position, and in a snapshot of its own
        oldest, following = cursor.fetchone()
        if horizon.probed_xid > following:  # a restored backup: its transaction numbers begin anew
            horizon.probed_xid = following
        elif oldest >= horizon.probed_xid:
            horizon.settled = max(horizon.settled, horizon.probed)
        if horizon.settled >= horizon.probed:  # else the probe still waits
            horizon.probed, horizon.probed_xid = last, following
        horizon.save(update_fields=["settled", "probed", "probed_xid"])
        return horizon.settled
