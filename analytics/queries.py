"""Numbers and people, read from counters and reach; never by counting events."""

from __future__ import annotations

import datetime
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from django.db import connection
from django.db.models import Q, Sum

from analytics.conditions import Attributes, Metrics, holding
from analytics.event_names import names_of
from analytics.hit_classes import COUNTED
from analytics.models import Counter, Event, EventKind, HitClass, Reach, ReachAddition, SourceKind
from analytics.ports import RunSource
from core.audience import Audience
from core.sql import bigint_array, id_set

_ENDS = (
    EventKind.EMAIL_DELIVERED, EventKind.EMAIL_REJECTED, EventKind.EMAIL_HARDBOUNCE, EventKind.EMAIL_SOFTBOUNCE,
    EventKind.EMAIL_COMPLAINT, EventKind.EMAIL_RENDERING_FAILURE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Events of a run. The unique ones count endpoints, the others events."""

    sent: int = 0
    delivered: int = 0
    bounces: int = 0
    complaints: int = 0
    opens: int = 0
    unique_opens: int = 0
    clicks: int = 0
    unique_clicks: int = 0
    unsubscribes: int = 0
    unique_unsubscribes: int = 0


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of an endpoint, for a page."""

    at: datetime.datetime
    event_type: str
    run_id: int | None
    hit_class: str
    data: dict[str, Any]


# Of these it is told by whom they were made; all else counts whoever did it.
_HITS = (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)
_UNIQUE = (*_HITS, EventKind.EMAIL_UNSUBSCRIBE)  # of these people are counted


def of_classes(classes: Iterable[int]) -> Q:
    """Opens and clicks of these classes, and everything that is neither."""
    return Q(hit_class__in=[int(one) for one in classes]) | ~Q(kind__in=_HITS)


def run_counts(*, project_id: int, run_ids: Sequence[int], classes: Collection[int] = COUNTED) -> dict[int, RunCounts]:
    """The counts of each of these runs (all zero where nothing happened). Two queries."""
    totals: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    rows = (
        Counter.objects.filter(of_classes(classes), project_id=project_id, run_id__in=run_ids)
        .values_list("run_id", "kind")
        .annotate(sum=Sum("total"))
    )
    for run_id, kind, total in rows:
        totals[run_id][kind] += total
    unique: dict[int, dict[int, Audience]] = defaultdict(lambda: defaultdict(Audience))
    sets = Reach.objects.filter(of_classes(classes), project_id=project_id, run_id__in=run_ids, link_number=-1, kind__in=_UNIQUE)
    for run_id, kind, members in sets.values_list("run_id", "kind", "members"):
        unique[run_id][kind] |= cast(Audience, members)
    return {run_id: _counts(totals[run_id], unique[run_id]) for run_id in run_ids}


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """The counts of a campaign over all its runs; how many people opened and clicked in each run in which somebody did."""

    total: RunCounts
    opened: dict[int, int]
    clicked: dict[int, int]


def campaign_counts(*, project_id: int, campaign_id: int, classes: Collection[int] = COUNTED) -> SourceCounts:
    """The counts of a campaign with any number of runs, which are not named. Two queries. Unique ones are added up over the runs."""
    return counts_of_campaigns(project_id=project_id, campaign_ids=[campaign_id], classes=classes)[campaign_id]


def counts_of_campaigns(
    *, project_id: int, campaign_ids: Collection[int], classes: Collection[int] = COUNTED
) -> dict[int, SourceCounts]:
    """The same of several. Two queries."""
    theirs = of_classes(classes) & Q(project_id=project_id, source_kind=SourceKind.CAMPAIGN, source_id__in=list(campaign_ids))
    totals: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for source_id, kind, total in Counter.objects.filter(theirs).values_list("source_id", "kind").annotate(sum=Sum("total")):
        totals[source_id][kind] = total
    members: dict[tuple[int, int, int], list[Audience]] = defaultdict(list)
    rows = Reach.objects.filter(theirs, link_number=-1, kind__in=_UNIQUE).values_list("source_id", "kind", "run_id", "members")
    for source_id, kind, run_id, some in rows.iterator(chunk_size=2_000):
        members[source_id, kind, run_id].append(cast(Audience, some))
    unique: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    for (source_id, kind, run_id), sets in members.items():
        unique[source_id, kind][run_id] = len(Audience.union(sets))
    return {one: _of_source(totals[one], {kind: unique[one, kind] for kind in _UNIQUE}) for one in campaign_ids}


def _of_source(totals: dict[int, int], unique: dict[EventKind, dict[int, int]]) -> SourceCounts:
    opened, clicked = unique[EventKind.EMAIL_OPEN], unique[EventKind.EMAIL_CLICK]
    total = replace(
        _counts(totals, defaultdict(Audience)),
        unique_opens=sum(opened.values()), unique_clicks=sum(clicked.values()),
        unique_unsubscribes=sum(unique[EventKind.EMAIL_UNSUBSCRIBE].values()),
    )  # fmt: skip
    return SourceCounts(total=total, opened=opened, clicked=clicked)


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """Clicks on a message by the numbers of its links: all of them, and by how many different people. ``people``: on any link."""

    clicks: dict[int, int]
    people_of: dict[int, int]
    people: int
    unsubscribed: int


def link_counts(*, project_id: int, campaign_id: int, run_ids: Collection[int], classes: Collection[int] = COUNTED) -> LinkCounts:
    """The clicks in these runs of a campaign, somebody who clicked in several of them once. Two queries."""
    mine = of_classes(classes) & Q(project_id=project_id, source_kind=SourceKind.CAMPAIGN, source_id=campaign_id)
    wanted = set(run_ids)
    clicks: dict[int, int] = defaultdict(int)
    counted = Counter.objects.filter(mine, kind=EventKind.EMAIL_CLICK).values_list("link_number", "run_id")
    for number, run_id, total in counted.annotate(sum=Sum("total")):
        clicks[number] += total if run_id in wanted else 0
    members: dict[tuple[int, int], list[Audience]] = defaultdict(list)
    rows = Reach.objects.filter(mine, kind__in=(EventKind.EMAIL_CLICK, EventKind.EMAIL_UNSUBSCRIBE))
    for kind, number, run_id, some in rows.values_list("kind", "link_number", "run_id", "members").iterator(chunk_size=2_000):
        if run_id in wanted:
            members[kind, number].append(cast(Audience, some))
    people = {key: len(Audience.union(some)) for key, some in members.items()}
    return LinkCounts(
        clicks=dict(clicks),
        people_of={number: count for (kind, number), count in people.items() if kind == EventKind.EMAIL_CLICK and number >= 0},
        people=people.get((EventKind.EMAIL_CLICK, -1), 0),
        unsubscribed=people.get((EventKind.EMAIL_UNSUBSCRIBE, -1), 0),
    )


def _counts(total: dict[int, int], unique: dict[int, Audience]) -> RunCounts:
    return RunCounts(
        sent=total[EventKind.EMAIL_SEND],
        delivered=total[EventKind.EMAIL_DELIVERED],
        bounces=total[EventKind.EMAIL_HARDBOUNCE] + total[EventKind.EMAIL_SOFTBOUNCE],
        complaints=total[EventKind.EMAIL_COMPLAINT],
        opens=total[EventKind.EMAIL_OPEN],
        unique_opens=len(unique[EventKind.EMAIL_OPEN]),
        clicks=total[EventKind.EMAIL_CLICK],
        unique_clicks=len(unique[EventKind.EMAIL_CLICK]),
        unsubscribes=total[EventKind.EMAIL_UNSUBSCRIBE],
        unique_unsubscribes=len(unique[EventKind.EMAIL_UNSUBSCRIBE]),
    )


def reach(
    *, project_id: int, run_ids: Sequence[int], kind: EventKind, link_number: int = -1, classes: Collection[int] = COUNTED
) -> Audience:
    """The endpoints that did it, or had it done to them, in any of these runs (link −1: any link). One statement."""
    return _united(of_classes(classes) & Q(project_id=project_id, run_id__in=run_ids, kind=kind, link_number=link_number))


def did(
    *,
    project_id: int,
    kind: int,
    campaign_id: int | None = None,
    link_number: int | None = None,
    treatment: int | None = None,
    since: datetime.date | None = None,
) -> Audience:
    """The endpoints of the project that did it (or had it done to them: a delivery): in one campaign or any, by one link or any, of one
    treatment or any, ever or on ``since`` (a day of UTC) and later. Scanners don't count. One statement, so that a set that is being
    folded is seen once."""
    narrow = Q(project_id=project_id, kind=kind, link_number=-1 if link_number is None else link_number)
    narrow &= Q(hit_class__in=[HitClass.NONE, *COUNTED])
    if campaign_id is not None:
        narrow &= Q(source_kind=SourceKind.CAMPAIGN, source_id=campaign_id)
    if treatment is not None:
        narrow &= Q(treatment=treatment)
    if since is not None:
        narrow &= Q(day__gte=since)
    return _united(narrow)


def did_often(
    *,
    project_id: int,
    kind: int,
    at_least: int,
    since: datetime.date | None,
    attributes: Attributes,
    metrics: Metrics,
) -> Audience:
    """The endpoints with so many events of a kind whose attributes have one of these values each, and whose metrics compare so
    (``=``, ``<`` …). Reads the events of the kind; what was kept of an event that is gone can't be asked for."""
    conditions = ["project_id = %(project)s", "kind = %(kind)s", "hit_class = ANY(%(classes)s)"]
    params: dict[str, Any] = {
        "project": project_id, "kind": kind, "classes": [int(one) for one in (HitClass.NONE, *COUNTED)], "least": at_least,
    }  # fmt: skip
    if since is not None:
        conditions.append("occurred_at >= %(since)s")
        params["since"] = datetime.datetime.combine(since, datetime.time(), tzinfo=datetime.UTC)
    held, given = holding(attributes, metrics)
    conditions, params = conditions + held, params | given
    query = f"SELECT endpoint_id FROM analytics_event WHERE {' AND '.join(conditions)} GROUP BY 1 HAVING count(*) >= %(least)s"
    return id_set(query, params)


def last_reactions(*, project_id: int, asked: Sequence[tuple[Collection[int], datetime.datetime]]) -> list[RunSource | None]:
    """Of each group of endpoints and moment: the run to whose message one of them last reacted, by a click or by opening a notification,
    within ``REACTION`` before. One query."""
    if not asked:
        return []
    given: dict[str, Any] = {
        "project": project_id, "ids": [bigint_array(ids) for ids, _at in asked], "ats": [at for _ids, at in asked], "within": REACTION,
        "kinds": [int(kind) for kind in _REACTIONS], "classes": [int(one) for one in (HitClass.NONE, *COUNTED)],
    }  # fmt: skip
    found: list[RunSource | None] = [None] * len(asked)
    with connection.cursor() as cursor:
        cursor.execute(_LAST_REACTIONS, given)
        for number, *source in cursor.fetchall():
            found[number - 1] = RunSource(*source)
    return found


REACTION = datetime.timedelta(days=7)  # within which what somebody does is put down to the message that he reacted to
_REACTIONS = (EventKind.EMAIL_CLICK, EventKind.CAMPAIGN_OPENED_NOTIFICATION, EventKind.JOURNEY_OPENED_NOTIFICATION)
_LAST_REACTIONS = """
    SELECT asked.number, last.source_kind, last.source_id, last.run_id, last.treatment
      FROM unnest(%(ids)s::text[], %(ats)s::timestamptz[]) WITH ORDINALITY AS asked (ids, at, number)
     CROSS JOIN LATERAL (
           SELECT source_kind, source_id, run_id, treatment FROM analytics_event
            WHERE project_id = %(project)s AND endpoint_id = ANY(asked.ids::bigint[]) AND occurred_at <= asked.at
              AND occurred_at > asked.at - %(within)s AND kind = ANY(%(kinds)s) AND hit_class = ANY(%(classes)s)
              AND source_id IS NOT NULL AND run_id IS NOT NULL
            ORDER BY occurred_at DESC LIMIT 1) AS last
"""


def did_after(*, project_id: int, kind: int, since: datetime.datetime) -> Audience:
    """The endpoints with an event of a kind at that instant or later. Scanners don't count. Reads the events since then."""
    query = """SELECT DISTINCT endpoint_id FROM analytics_event
                WHERE project_id = %(project)s AND kind = %(kind)s AND occurred_at >= %(since)s AND hit_class = ANY(%(classes)s)"""
    classes = [int(one) for one in (HitClass.NONE, *COUNTED)]
    return id_set(query, {"project": project_id, "kind": kind, "since": since, "classes": classes})


def _united(narrow: Q) -> Audience:
    """The sets together with what waits to be folded into them, in one statement, so that none is missed or doubled meanwhile."""
    kept = Reach.objects.filter(narrow).values_list("members", flat=True)
    waiting = ReachAddition.objects.filter(narrow).values_list("members", flat=True)
    return Audience.union(cast(Iterable[Audience], kept.union(waiting, all=True)))


def known_outcomes(
    *, project_ids: Iterable[int], run_ids: Iterable[int], endpoint_ids: Iterable[int]
) -> set[tuple[int, int, int]]:
    """(run, endpoint, kind) of what is known already of how messages ended, of these endpoints in these runs. One query."""
    rows = Event.objects.filter(
        project_id__in=list(project_ids), endpoint_id__in=list(endpoint_ids), run_id__in=list(run_ids), kind__in=_ENDS
    )
    return {(run_id or 0, endpoint_id, kind) for run_id, endpoint_id, kind in rows.values_list("run_id", "endpoint_id", "kind")}


def sent_domains(
    *, project_ids: Iterable[int], run_ids: Iterable[int], endpoint_ids: Iterable[int]
) -> dict[tuple[int, int], int]:
    """(run, endpoint) → the number of the domain that its mail went to, where that is known. One query."""
    rows = Event.objects.filter(
        project_id__in=list(project_ids), endpoint_id__in=list(endpoint_ids), run_id__in=list(run_ids),
        kind=EventKind.EMAIL_SEND, domain__isnull=False,
    )  # fmt: skip
    return {(run or 0, endpoint): domain or 0 for run, endpoint, domain in rows.values_list("run_id", "endpoint_id", "domain")}


def endpoint_events(*, project_id: int, endpoint_id: int, limit: int = 100) -> list[EventLine]:
    """The newest events of an endpoint, newest first."""
    events = Event.objects.filter(project_id=project_id, endpoint_id=endpoint_id).order_by("-occurred_at", "-id")[:limit]
    names = names_of(project_id=project_id)
    return [
        EventLine(
            at=event.occurred_at,
            event_type=names.get(event.kind, ""),
            run_id=event.run_id,
            hit_class=HitClass(event.hit_class).label,
            data=event.data or {},
        )
        for event in events
    ]


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event of a person, with the campaign that caused it. ``event_type`` is the name of its kind."""

    at: datetime.datetime
    endpoint_id: int
    kind: int
    event_type: str
    hit_class: HitClass
    campaign_id: int | None
    data: dict[str, Any]


def timeline(
    *, project_id: int, endpoint_ids: Sequence[int], before: str = "", limit: int = 50
) -> tuple[list[TimelineEvent], str]:
    """The events of a person's endpoints, newest first, and what to give as ``before`` for the next page (empty: no more).

    A ``before`` that was not given by this function begins at the newest.
    """
    events = Event.objects.filter(project_id=project_id, endpoint_id__in=endpoint_ids).order_by("-occurred_at", "-id")
    place = _place(before)
    if place is not None:
        at, event_id = place
        events = events.filter(occurred_at__lte=at).exclude(Q(occurred_at=at) & Q(id__gte=event_id))
    rows = list(events[: limit + 1])
    more = f"{rows[limit - 1].occurred_at.isoformat()}|{rows[limit - 1].id.hex}" if len(rows) > limit else ""
    names = names_of(project_id=project_id)
    return [_timeline_event(row, names) for row in rows[:limit]], more


def _timeline_event(row: Event, names: Mapping[int, str]) -> TimelineEvent:
    return TimelineEvent(
        at=row.occurred_at, endpoint_id=row.endpoint_id, kind=row.kind, event_type=names.get(row.kind, ""),
        hit_class=HitClass(row.hit_class),
        campaign_id=row.source_id if row.source_kind == SourceKind.CAMPAIGN else None, data=row.data or {},
    )  # fmt: skip


def _place(before: str) -> tuple[datetime.datetime, uuid.UUID] | None:
    at, _bar, event_id = before.partition("|")
    try:
        instant, key = datetime.datetime.fromisoformat(at), uuid.UUID(event_id)
        return (instant.astimezone(datetime.UTC), key) if instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
