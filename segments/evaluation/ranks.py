"""So many of a group: the first by a metric, or a random choice that a seed repeats."""

from __future__ import annotations

import numpy as np

from core.audience import Audience
from core.sql import bigint_array, id_set
from segments.evaluation.tree import Limit

# Those without the metric come after all who have it, then the older endpoint first.
_BY_METRIC = """
    SELECT e.id FROM endpoints_endpoint e
     WHERE e.project_id = %(project)s AND e.id = ANY(%(ids)s::bigint[]) AND jsonb_typeof(e.metrics -> %(metric)s) = 'number'
     ORDER BY (e.metrics ->> %(metric)s)::numeric {order}, e.id LIMIT %(count)s
"""
# Two rounds of a multiplicative hash below 2^31, so that every product stays below 2^62; the SQL of `random_order` says the same.
_PRIME, _FIRST, _SECOND = 2_147_483_647, 1_103_515_245, 1_597_334_677


def limited(*, project_id: int, audience: Audience, limit: Limit) -> Audience:
    """At most ``limit.count`` of the audience. By a metric, endpoints that lack it are not taken."""
    if limit.metric:
        order = "ASC" if limit.is_ascending else "DESC"
        params = {"project": project_id, "ids": bigint_array(audience), "metric": limit.metric, "count": limit.count}
        return id_set(_BY_METRIC.format(order=order), params)
    if limit.count >= len(audience):
        return audience
    ids = np.fromiter(audience, dtype=np.int64, count=len(audience))
    mixed = (ids % _PRIME * _FIRST + limit.seed) % _PRIME
    mixed = (mixed ^ (mixed >> 15)) * _SECOND % _PRIME
    return Audience(ids[np.lexsort((ids, mixed))[: limit.count]].tolist())


def random_order(*, it: str, seed: str) -> str:
    """The SQL expression that puts ids in the order of the random choice."""
    first = f"mod(mod({it}, {_PRIME}) * {_FIRST} + {seed}, {_PRIME})"
    return f"mod(({first} # ({first} >> 15)) * {_SECOND}, {_PRIME})"
