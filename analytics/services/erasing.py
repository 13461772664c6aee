"""Erasing endpoints from events and reach. Counters are numbers only and stay."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from analytics.models import ErasedEndpoint, Event, Reach, ReachAddition
from core.audience import Audience
from core.striking import Struck, strike

# The order in which `record` locks rows of reach.
_REACH_ORDER = (
    "project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "hit_class", "link_number", "day",
)  # fmt: skip


def erase_events(*, project_id: int, endpoint_ids: Sequence[int]) -> int:
    """Delete the events of endpoints that are gone, and take no more of them: an old mail may be clicked for years."""
    ErasedEndpoint.objects.bulk_create((ErasedEndpoint(endpoint_id=one) for one in endpoint_ids), ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {Event._meta.db_table} WHERE project_id = %s AND endpoint_id = ANY(%s)",
            [project_id, list(endpoint_ids)],
        )
        return int(cursor.rowcount)


def erase_reach(*, project_id: int, endpoint_ids: Sequence[int], after: int) -> Struck:
    """Strike the ids out of the next sets of reach."""
    rows = Reach.objects.filter(project_id=project_id)
    return strike(queryset=rows, field="members", ids=Audience(endpoint_ids), after=after, lock_order=_REACH_ORDER)


def erase_reach_additions(*, project_id: int, endpoint_ids: Sequence[int], after: int) -> Struck:
    """Strike the ids out of the next sets that wait to be folded in.

    One that is folded meanwhile is found in its set, by the second round.
    """
    rows = ReachAddition.objects.filter(project_id=project_id)
    return strike(queryset=rows, field="members", ids=Audience(endpoint_ids), after=after)
