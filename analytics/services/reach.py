"""Reach beside what is recorded: additions folded into the sets."""

from __future__ import annotations

import collections

from django.db import connection, transaction

from analytics.models import ReachAddition
from analytics.services.record import ReachKey, add_reach
from core.audience import Audience

_FOLDED_AT_ONCE = 2_000  # additions; a batch of a run is one


def fold_reach() -> int:
    """Fold the oldest additions into their sets; returns how many. Killed anywhere, it is done again; run twice, each has its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        rows = list(ReachAddition.objects.select_for_update(skip_locked=True).order_by("pk")[:_FOLDED_AT_ONCE])
        parts: dict[ReachKey, list[Audience]] = collections.defaultdict(list)
        for row in rows:
            parts[_key(row)].append(row.members)
        ReachAddition.objects.filter(pk__in=[row.pk for row in rows]).delete()  # before the sets, as all writers
        add_reach(cursor, {key: Audience.union(members) for key, members in parts.items()})
    return len(rows)


def _key(row: ReachAddition) -> ReachKey:
    return (
        row.project_id, row.source_kind, row.source_id, row.run_id, row.treatment, row.kind, row.hit_class, row.link_number, row.day,
    )  # fmt: skip
