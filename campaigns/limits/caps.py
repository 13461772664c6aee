"""Limits.Daily and Limits.Total: a place for each message is reserved in the transaction of the intent, and never exceeded.

Two campaigns that reserve for the same person at once meet at her row: one waits for the other and then sees its reservation.
All statements take rows in ascending order of the endpoint.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import connection

_WINDOW = datetime.timedelta(hours=24)

_RESERVE_DAILY = """
    INSERT INTO campaigns_dailyuse AS held (project_id, endpoint_id, campaign_id, instants, last_at)
    SELECT %(project)s, wanted.id, %(campaign)s::bigint, ARRAY[%(now)s::timestamptz], %(now)s
      FROM unnest(%(ids)s::bigint[]) AS wanted(id) ORDER BY wanted.id
    ON CONFLICT (project_id, endpoint_id, campaign_id) DO UPDATE
       SET instants = ARRAY(SELECT one FROM unnest(held.instants) AS one WHERE one > %(since)s ORDER BY one) || %(now)s::timestamptz,
           last_at = greatest(held.last_at, %(now)s)
     WHERE (SELECT count(*) FROM unnest(held.instants) AS one WHERE one > %(since)s) < %(cap)s
    RETURNING endpoint_id
"""
# Of two reservations at the same instant one stays.
_GIVE_BACK_DAILY = """
    UPDATE campaigns_dailyuse AS held
       SET instants = held.instants[: array_position(held.instants, %(at)s) - 1]
                   || held.instants[array_position(held.instants, %(at)s) + 1 :]
      FROM (SELECT id FROM campaigns_dailyuse
             WHERE project_id = %(project)s AND endpoint_id = ANY(%(ids)s) AND campaign_id IS NOT DISTINCT FROM %(campaign)s::bigint
             ORDER BY endpoint_id FOR UPDATE) AS locked
     WHERE held.id = locked.id AND array_position(held.instants, %(at)s) IS NOT NULL
"""
_RESERVE_TOTAL = """
    INSERT INTO campaigns_totaluse AS held (campaign_id, endpoint_id, count)
    SELECT %(campaign)s, wanted.id, 1 FROM unnest(%(ids)s::bigint[]) AS wanted(id) ORDER BY wanted.id
    ON CONFLICT (campaign_id, endpoint_id) DO UPDATE SET count = held.count + 1 WHERE held.count < %(cap)s
    RETURNING endpoint_id
"""
_GIVE_BACK_TOTAL = """
    UPDATE campaigns_totaluse AS held SET count = held.count - 1
      FROM (SELECT id FROM campaigns_totaluse WHERE campaign_id = %(campaign)s AND endpoint_id = ANY(%(ids)s)
             ORDER BY endpoint_id FOR UPDATE) AS locked
     WHERE held.id = locked.id AND held.count > 0
"""
_PRUNE_DAILY = """
    DELETE FROM campaigns_dailyuse WHERE id IN (
        SELECT id FROM campaigns_dailyuse WHERE last_at < %(before)s ORDER BY last_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""
_PRUNE_TOTAL = """
    DELETE FROM campaigns_totaluse WHERE id IN (
        SELECT u.id FROM campaigns_totaluse u JOIN campaigns_campaign c ON c.id = u.campaign_id
         WHERE c.state IN ('COMPLETED', 'INVALID', 'DELETED') AND c.updated_at < %(before)s
           AND NOT EXISTS (SELECT 1 FROM campaigns_run r WHERE r.campaign_id = c.id AND r.state IN ('PENDING', 'FREEZING', 'RUNNING'))
         LIMIT %(limit)s)
"""


def reserve_daily(*, project_id: int, campaign_id: int | None, cap: int, ids: Sequence[int], now: datetime.datetime) -> set[int]:
    """Those of ``ids`` who had fewer than ``cap`` messages in the last 24 hours; ``now`` is noted for each of them."""
    given: dict[str, Any] = {
        "project": project_id,
        "campaign": campaign_id,
        "cap": cap,
        "ids": sorted(ids),
        "now": now,
        "since": now - _WINDOW,
    }
    return _ids(_RESERVE_DAILY, given)


def give_back_daily(*, project_id: int, campaign_id: int | None, ids: Sequence[int], at: datetime.datetime) -> None:
    """Take the reservations of an instant back."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK_DAILY, {"project": project_id, "campaign": campaign_id, "ids": list(ids), "at": at})


def reserve_total(*, campaign_id: int, cap: int, ids: Sequence[int]) -> set[int]:
    """Those of ``ids`` whom the campaign has targeted fewer than ``cap`` times; it counts for each of them."""
    return _ids(_RESERVE_TOTAL, {"campaign": campaign_id, "cap": cap, "ids": sorted(ids)})


def give_back_total(*, campaign_id: int, ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK_TOTAL, {"campaign": campaign_id, "ids": list(ids)})


def prune(*, now: datetime.datetime, limit: int = 5_000) -> int:
    """Delete up to ``limit`` rows of each kind that count no more; how many went."""
    before = now - _WINDOW - datetime.timedelta(hours=1)  # workers' clocks may differ
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE_DAILY, {"before": before, "limit": limit})
        gone = cursor.rowcount
        cursor.execute(_PRUNE_TOTAL, {"before": before, "limit": limit})
        return int(gone + cursor.rowcount)


def _ids(query: str, given: dict[str, Any]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return {endpoint_id for (endpoint_id,) in cursor.fetchall()}
