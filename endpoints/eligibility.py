"""Who of an audience can be sent to now, and why the others can't. The builder's count and a run's freeze both ask here."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass

from django.db import models

from core.audience import Audience
from core.sql import bigint_array, id_sets


class Exclusion(models.TextChoices):
    """Pinpoint's execution metrics (reference, section 10.4)."""

    ENDPOINT_OPT_OUT = "ENDPOINT_OPT_OUT"
    ENDPOINT_INACTIVE = "ENDPOINT_INACTIVE"
    ENDPOINT_MISSING_ADDRESS = "ENDPOINT_MISSING_ADDRESS"
    ENDPOINT_CHANNEL_MISMATCH = "ENDPOINT_CHANNEL_MISMATCH"
    DUPLICATE_ENDPOINT = "DUPLICATE_ENDPOINT"
    FILTERED_OUT_BY_SEGMENT = "FILTERED_OUT_BY_SEGMENT"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """``eligible`` and the sets of ``excluded`` (by ``Exclusion``) are disjoint; together they are the members."""

    eligible: Audience
    excluded: dict[str, Audience]


# One reason for each: the first that holds, in this order. Of several endpoints with one address the lowest id stays.
_CLASSIFY = """
    WITH member AS (
        SELECT e.id, e.address_key,
               CASE WHEN e.channel_type <> %(channel)s THEN 'ENDPOINT_CHANNEL_MISMATCH'
                    WHEN e.address = '' THEN 'ENDPOINT_MISSING_ADDRESS'
                    WHEN e.opt_out = 'ALL' THEN 'ENDPOINT_OPT_OUT'
                    WHEN e.status <> 'ACTIVE' THEN 'ENDPOINT_INACTIVE'
                    ELSE '' END AS reason
          FROM unnest(%(ids)s::bigint[]) AS wanted(id)
          JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s
    )
    SELECT CASE WHEN reason = '' AND row_number() OVER (PARTITION BY reason, address_key ORDER BY id) > 1
                THEN 'DUPLICATE_ENDPOINT' ELSE reason END, id
      FROM member
"""

_ZONES = """
    SELECT replace(e.demographic ->> 'Timezone', E'\\t', ' '), e.id
      FROM unnest(%(ids)s::bigint[]) AS wanted(id)
      JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s
"""


def eligibility(*, project_id: int, members: Audience, channel: str) -> Eligibility:
    """Divide an audience into who can be sent to on the channel now and who can't, by reason. One query."""
    sets = id_sets(_CLASSIFY, {"channel": channel, "ids": bigint_array(members), "project": project_id})
    eligible = sets.pop("", Audience())
    gone = members - eligible - Audience.union(sets.values())
    if gone:
        sets[Exclusion.FILTERED_OUT_BY_SEGMENT] = gone
    return Eligibility(eligible=eligible, excluded={str(reason): sets[reason] for reason in sorted(sets)})


def zones(*, project_id: int, members: Audience) -> dict[str, Audience]:
    """The members by their own time zone (IANA name); those without a valid one stand under the empty text."""
    found = id_sets(_ZONES, {"ids": bigint_array(members), "project": project_id})
    known = zoneinfo.available_timezones()
    by_zone: dict[str, Audience] = {}
    for name, audience in found.items():
        key = name if name in known else ""
        by_zone[key] = by_zone.get(key, Audience()) | audience
    return by_zone
