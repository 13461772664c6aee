"""Reach beside what is recorded: additions folded into the sets, and all sets made again from the events."""

from __future__ import annotations

import collections

from django.db import connection, transaction

from analytics.models import EventKind, Reach, ReachAddition
from analytics.services.record import ReachKey, add_reach
from core.audience import Audience

_FOLDED_AT_ONCE = 2_000  # additions; a batch of a run is one
_KEY = "project_id, source_kind, source_id, run_id, treatment, kind, hit_class, {link}, (occurred_at AT TIME ZONE 'UTC')::date"
_FROM_EVENTS = f"""
    SELECT {_KEY.format(link="-1")}, array_agg(DISTINCT endpoint_id) FROM analytics_event
     WHERE run_id = %(run)s AND source_id IS NOT NULL AND kind = ANY(%(kinds)s)
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    UNION ALL
    SELECT {_KEY.format(link="link_number")}, array_agg(DISTINCT endpoint_id) FROM analytics_event
     WHERE run_id = %(run)s AND source_id IS NOT NULL AND kind = ANY(%(kinds)s) AND link_number IS NOT NULL AND link_number <> -1
     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
KINDS = (EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE)


def fold_reach() -> int:
    """Fold the oldest additions into their sets; returns how many. Killed anywhere, it is done again; run twice, each has its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        rows = list(ReachAddition.objects.select_for_update(skip_locked=True).order_by("pk")[:_FOLDED_AT_ONCE])
        parts: dict[ReachKey, list[Audience]] = collections.defaultdict(list)
        for row in rows:
            parts[_key(row)].append(row.members)
        add_reach(cursor, {key: Audience.union(members) for key, members in parts.items()})
        ReachAddition.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _key(row: ReachAddition) -> ReachKey:
    return (
        row.project_id, row.source_kind, row.source_id, row.run_id, row.treatment, row.kind, row.hit_class, row.link_number, row.day,
    )  # fmt: skip


def rebuild_reach() -> int:
    """Make all sets again from the events that are kept; returns how many. Writers of reach wait until it is done."""
    made = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE analytics_reach, analytics_reachaddition IN EXCLUSIVE MODE")
        ReachAddition.objects.all().delete()
        Reach.objects.all().delete()
        cursor.execute("SELECT DISTINCT run_id FROM analytics_event WHERE run_id IS NOT NULL ORDER BY run_id")
        for (run_id,) in cursor.fetchall():
            cursor.execute(_FROM_EVENTS, {"run": run_id, "kinds": [int(kind) for kind in KINDS]})
            found: dict[ReachKey, Audience] = {row[:9]: Audience(row[9]) for row in cursor.fetchall()}
            add_reach(cursor, found)
            made += len(found)
    return made
