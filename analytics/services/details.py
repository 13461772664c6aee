"""Counters by one more thing (the receiving domain, the program that opened), beside the events and folded by a tick."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping, Sequence

from django.db import connection

from analytics.models import DEFERRED, Detail
from core.sql import Together, bigint_array

FOLDED_AT_ONCE = 2_000  # additions; a small batch of a run writes two

_ADD = """
    INSERT INTO analytics_detailaddition (project_id, source_kind, source_id, kind, hit_class, day, detail, numbers, totals)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s::int[], %s::int[])
"""
# In the order of the key, so that two who fold at once wait for each other and never in a circle.
_FOLD = """
    WITH taken AS (
        DELETE FROM analytics_detailaddition WHERE id IN (
            SELECT id FROM analytics_detailaddition ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING *),
    added AS (
        SELECT project_id, detail, source_kind, source_id, kind, hit_class, one.value, day, sum(one.total) AS total
          FROM taken CROSS JOIN LATERAL unnest(numbers, totals) AS one (value, total)
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),
    folded AS (
        INSERT INTO analytics_detailcounter AS kept (project_id, detail, source_kind, source_id, kind, hit_class, value, day, total)
        SELECT * FROM added ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
            ON CONFLICT (project_id, detail, source_kind, source_id, kind, hit_class, value, day)
            DO UPDATE SET total = kept.total + excluded.total)
    SELECT count(*) FROM taken
"""

_HOURS = 24  # of a day
_EPOCH = datetime.date(1970, 1, 1)
# (project, kind of source, source, kind, class, day since 1970) → how often each value occurred
Found = dict[tuple[int, int, int, int, int, int], collections.Counter[int]]
# As ``record`` groups events: (project, kind of source, source, run, treatment, kind, class, link, hour since 1970) → their values
Seen = Mapping[tuple[int, ...], Sequence[int]]


def found_of(seen: Seen) -> Found:
    """What groups of events come to. Groups with the very same list (a mail's send and its delivery) are counted once."""
    found: Found = {}
    counted: dict[int, collections.Counter[int]] = {}
    for (project, source_kind, source, _run, _treatment, kind, hit_class, _link, hour), values in seen.items():
        totals = counted.get(id(values))
        if totals is None:
            totals = counted[id(values)] = collections.Counter(values)
        key = (project, source_kind, source, kind, hit_class, hour // _HOURS)
        found[key] = found[key] + totals if key in found else totals
    return found


def deferred(*, project_id: int, source_kind: int, source_id: int, domains: Sequence[int], now: datetime.datetime) -> Found:
    """Mails that were refused for now, by where they were to go."""
    day = int(now.timestamp()) // (_HOURS * 3600)
    return {(project_id, source_kind, source_id, DEFERRED, 0, day): collections.Counter(domains)}


def add(together: Together, detail: Detail, found: Found) -> None:
    """Counted in the caller's transaction; the statements are sent with its others."""
    for key, totals in found.items():
        *of, day = map(int, key)  # an enum's member would be adapted as its name
        told = [*of, _EPOCH + datetime.timedelta(days=day), int(detail)]
        together.execute_again(_ADD, [*told, bigint_array(totals.keys()), bigint_array(totals.values())], rows=1)


def fold() -> int:
    """Fold the oldest additions into the counters; returns how many. One statement: killed anywhere, it is done again or was not."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [FOLDED_AT_ONCE])
        return int(cursor.fetchone()[0])
