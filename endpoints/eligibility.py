"""Who of an audience can be sent to now, and why the others can't. The builder's count and a run's freeze both ask here."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, models
from django.db.models import Count, Q

from core.audience import Audience
from core.sql import bigint_array, id_set, id_sets
from endpoints import facets
from endpoints.models import Endpoint
from endpoints.ports import suppressed_endpoints


class Exclusion(models.TextChoices):
    """Pinpoint's execution metrics (reference, section 10.4), and one of ours."""

    ENDPOINT_OPT_OUT = "ENDPOINT_OPT_OUT"
    ENDPOINT_INACTIVE = "ENDPOINT_INACTIVE"
    ENDPOINT_MISSING_ADDRESS = "ENDPOINT_MISSING_ADDRESS"
    ENDPOINT_CHANNEL_MISMATCH = "ENDPOINT_CHANNEL_MISMATCH"
    ENDPOINT_SUPPRESSED = "ENDPOINT_SUPPRESSED"  # ours
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
        SELECT e.id, e.channel_type, e.address_key,
               CASE WHEN e.channel_type <> ALL(%(channels)s) THEN 'ENDPOINT_CHANNEL_MISMATCH'
                    WHEN e.address = '' THEN 'ENDPOINT_MISSING_ADDRESS'
                    WHEN e.opt_out = 'ALL' THEN 'ENDPOINT_OPT_OUT'
                    WHEN e.status <> 'ACTIVE' THEN 'ENDPOINT_INACTIVE'
                    WHEN listed.id IS NOT NULL THEN 'ENDPOINT_SUPPRESSED'
                    ELSE '' END AS reason
          FROM unnest(%(ids)s::bigint[]) AS wanted(id)
          JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s
          LEFT JOIN unnest(%(suppressed)s::bigint[]) AS listed(id) ON listed.id = e.id
    )
    SELECT CASE WHEN reason = '' AND row_number() OVER (PARTITION BY reason, channel_type, address_key ORDER BY id) > 1
                THEN 'DUPLICATE_ENDPOINT' ELSE reason END, id
      FROM member
"""

_ZONES = """
    SELECT replace(e.demographic ->> 'Timezone', E'\\t', ' '), e.id
      FROM unnest(%(ids)s::bigint[]) AS wanted(id)
      JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s
"""


# Of several endpoints with one address the lowest id stays.
_LATER_TWINS = """
    SELECT id FROM (
        SELECT e.id, row_number() OVER (PARTITION BY e.channel_type, e.address_key ORDER BY e.id) AS place
          FROM unnest(%(ids)s::bigint[]) AS wanted(id)
          JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s AND e.channel_type = ANY(%(channels)s)) held
     WHERE place > 1
"""
# Both ways round it is a hash join over the fewer; an endpoint shares its address with itself, too.
_SHARING = """
    SELECT DISTINCT e.id
      FROM unnest(%(ids)s::bigint[]) AS wanted(id)
      JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s AND e.channel_type = ANY(%(channels)s)
      JOIN endpoints_endpoint o ON o.address_key = e.address_key AND o.project_id = e.project_id AND o.channel_type = e.channel_type
      JOIN unnest(%(others)s::bigint[]) AS other(id) ON other.id = o.id
"""
_CHANNEL, _OPT_OUT, _STATUS, _TIME_ZONE = (
    facets.Subject(facets.SubjectKind.STANDARD, name)
    for name in ("Demographic.Channel", "OptOut", "EndpointStatus", "Demographic.Timezone")
)
_CHANNELS = """
    SELECT e.channel_type, count(*)
      FROM unnest(%(ids)s::bigint[]) AS wanted(id)
      JOIN endpoints_endpoint e ON e.id = wanted.id AND e.project_id = %(project)s
     GROUP BY 1 ORDER BY 1
"""
_SET = "set"  # the value of facets.ADDRESS for an address that is not empty


@dataclass(frozen=True, slots=True)
class Totals:
    endpoints: int
    reachable: int


def eligibility(*, project_id: int, members: Audience, channels: Sequence[str]) -> Eligibility:
    """Divide an audience into who can be sent to on one of the channels (types of endpoints) now and who can't, by reason."""
    with facets.moment(project_id=project_id):
        suppressed = Audience.union(suppressed_endpoints.call(project_id, channels)) & members
        sets = _by_facets(project_id, members, channels, suppressed)
        if sets is None:
            given = {
                "channels": list(channels),
                "ids": bigint_array(members),
                "project": project_id,
                "suppressed": bigint_array(suppressed),
            }
            sets = id_sets(_CLASSIFY, given)
    eligible = sets.pop("", Audience())
    gone = members - eligible - Audience.union(sets.values())
    if gone:
        sets[Exclusion.FILTERED_OUT_BY_SEGMENT] = gone
    return Eligibility(eligible=eligible, excluded={str(reason): sets[reason] for reason in sorted(sets)})


def _by_facets(project_id: int, members: Audience, channels: Sequence[str], suppressed: Audience) -> dict[str, Audience] | None:
    """As ``_CLASSIFY`` says; only who may share an address is looked at. None when a facet can't answer."""
    subjects = (facets.EVERYONE, _CHANNEL, facets.ADDRESS, _OPT_OUT, _STATUS)
    snapshot = facets.read(project_id=project_id, subjects=subjects)
    everyone, types, addresses, opt_outs, statuses = (snapshot.facet(subject) for subject in subjects)
    if everyone is None or types is None or addresses is None or opt_outs is None or statuses is None:
        return None
    left = members & everyone.carrying([""])
    sets: dict[str, Audience] = {}

    def keep(reason: Exclusion, kept: Audience) -> None:
        nonlocal left
        taken, left = left - kept, left & kept
        if taken:
            sets[reason] = taken

    keep(Exclusion.ENDPOINT_CHANNEL_MISMATCH, types.carrying(list(channels)))
    keep(Exclusion.ENDPOINT_MISSING_ADDRESS, addresses.carrying([_SET]))
    keep(Exclusion.ENDPOINT_OPT_OUT, left - opt_outs.carrying(["ALL"]))
    keep(Exclusion.ENDPOINT_INACTIVE, statuses.carrying(["ACTIVE"]))
    keep(Exclusion.ENDPOINT_SUPPRESSED, left - suppressed)
    shared = left & addresses.carrying([facets.SHARED])
    if shared:
        given = {"ids": bigint_array(shared), "project": project_id, "channels": list(channels)}
        keep(Exclusion.DUPLICATE_ENDPOINT, left - id_set(_LATER_TWINS, given))
    sets[""] = left
    return sets


def totals(*, project_id: int) -> Totals:
    """How many endpoints a project has, and how many of them are active, not opted out, and have an address."""
    with facets.moment(project_id=project_id):
        subjects = (facets.EVERYONE, facets.ADDRESS, _OPT_OUT, _STATUS)
        snapshot = facets.read(project_id=project_id, subjects=subjects)
        everyone, addresses, opt_outs, statuses = (snapshot.facet(subject) for subject in subjects)
        if everyone is None or addresses is None or opt_outs is None or statuses is None:
            reachable = Q(status="ACTIVE", opt_out="NONE") & ~Q(address="")
            counted = Endpoint.objects.filter(project_id=project_id)
            return Totals(**counted.aggregate(endpoints=Count("pk"), reachable=Count("pk", filter=reachable)))
        can_get = (addresses.carrying([_SET]) & statuses.carrying(["ACTIVE"])) - opt_outs.carrying(["ALL"])
        return Totals(endpoints=len(everyone.carrying([""])), reachable=len(can_get))


def sharing_an_address(*, project_id: int, members: Audience, others: Audience, channels: Sequence[str]) -> Audience:
    """The members who have an address that one of the others has (on the same of the channels), or are among the others themselves."""
    with facets.moment(project_id=project_id):
        addresses = facets.read(project_id=project_id, subjects=(facets.ADDRESS,)).facet(facets.ADDRESS)
        twins = members if addresses is None else members & addresses.carrying([facets.SHARED])
        theirs = others if addresses is None else others & addresses.carrying([facets.SHARED])
        if not twins or not theirs:
            return members & others
        given = {"ids": bigint_array(twins), "others": bigint_array(theirs), "project": project_id, "channels": list(channels)}
        return (members & others) | id_set(_SHARING, given)


def channel_counts(*, project_id: int, members: Audience) -> dict[str, int]:
    """How many of the members each channel has, by its name."""
    with facets.moment(project_id=project_id):
        facet = facets.read(project_id=project_id, subjects=(_CHANNEL,)).facet(_CHANNEL)
        if facet is None:
            with connection.cursor() as cursor:
                cursor.execute(_CHANNELS, {"ids": bigint_array(members), "project": project_id})
                return dict(cursor.fetchall())
        counts = {channel: len(facet.carrying([channel]) & members) for channel in sorted(facet.values())}
    return {channel: count for channel, count in counts.items() if count}


def zones(*, project_id: int, members: Audience) -> dict[str, Audience]:
    """The members by their own time zone (IANA name); those without a valid one stand under the empty text."""
    with facets.moment(project_id=project_id):
        found = _zones_by_facets(project_id, members)
        if found is None:
            found = id_sets(_ZONES, {"ids": bigint_array(members), "project": project_id})
    known = zoneinfo.available_timezones()
    by_zone: dict[str, Audience] = {}
    for name, audience in found.items():
        key = name if name in known else ""
        by_zone[key] = by_zone.get(key, Audience()) | audience
    return by_zone


def _zones_by_facets(project_id: int, members: Audience) -> dict[str, Audience] | None:
    snapshot = facets.read(project_id=project_id, subjects=(facets.EVERYONE, _TIME_ZONE))
    everyone, facet = snapshot.facet(facets.EVERYONE), snapshot.facet(_TIME_ZONE)
    if everyone is None or facet is None:
        return None
    left = members & everyone.carrying([""])
    found: dict[str, Audience] = {}
    for name in facet.values():
        here = left & facet.carrying([name])
        if here:
            found[name] = here
    homeless = left - Audience.union(found.values())
    return found | {"": homeless} if homeless else found
