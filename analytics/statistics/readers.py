"""Who opened and clicked one campaign's mails: by class, program and device, and hour of the day. Read from counters and reach."""

from __future__ import annotations

import datetime
import zoneinfo
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar, cast

from django.db.models import Q, Sum
from django.db.models.functions import ExtractHour

from analytics.hits.clients import Device, Program, device_of, program_of
from analytics.models import Counter, Detail, EventKind, HitClass, Reach, ReachAddition, SourceKind
from analytics.statistics import by_detail
from core.audience import Audience

KINDS = (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)
_ALL_DAYS = (datetime.date.min, datetime.date.max)
_Key = TypeVar("_Key", Program, Device)


@dataclass(frozen=True, slots=True)
class Hits:
    """Opens and clicks, each as often as they happened."""

    opens: int = 0
    clicks: int = 0


@dataclass(frozen=True, slots=True)
class ClassHits(Hits):
    """And the endpoints that are behind them."""

    openers: int = 0
    clickers: int = 0


def by_class(*, project_id: int, campaign_id: int) -> dict[HitClass, ClassHits]:
    """Of each class, those without a hit too. Three queries."""
    mine = _of(project_id, campaign_id)
    totals: dict[tuple[int, int], int] = defaultdict(int)
    for kind, hit_class, total in Counter.objects.filter(mine).values_list("kind", "hit_class").annotate(sum=Sum("total")):
        totals[kind, hit_class] = total
    members: dict[tuple[int, int], list[Audience]] = defaultdict(list)
    for model in (ReachAddition, Reach):  # what waits to be folded first: it is seen twice rather than missed
        for kind, hit_class, some in model.objects.filter(mine, link_number=-1).values_list("kind", "hit_class", "members"):
            members[kind, hit_class].append(cast(Audience, some))

    def people(kind: EventKind, hit_class: HitClass) -> int:
        return len(Audience.union(members[kind, hit_class]))

    return {
        one: ClassHits(
            opens=totals[EventKind.EMAIL_OPEN, one], clicks=totals[EventKind.EMAIL_CLICK, one],
            openers=people(EventKind.EMAIL_OPEN, one), clickers=people(EventKind.EMAIL_CLICK, one),
        )
        for one in HitClass if one is not HitClass.NONE
    }  # fmt: skip


def by_hour(*, project_id: int, campaign_id: int, zone: zoneinfo.ZoneInfo, classes: Collection[int]) -> list[Hits]:
    """Twenty-four, from midnight on, in the zone. One query."""
    rows = (
        Counter.objects.filter(_of(project_id, campaign_id), hit_class__in=[int(one) for one in classes])
        .annotate(at=ExtractHour("hour", tzinfo=zone))
        .values_list("at", "kind")
        .annotate(sum=Sum("total"))
    )
    found: dict[tuple[int, int], int] = defaultdict(int)
    for at, kind, total in rows:
        found[at, kind] = total
    return [Hits(found[at, EventKind.EMAIL_OPEN], found[at, EventKind.EMAIL_CLICK]) for at in range(24)]


def by_client(
    *, project_id: int, campaign_id: int, classes: Collection[int]
) -> tuple[dict[Program, Hits], dict[Device, Hits]]:  # fmt: skip
    """By program and by device, the most hits first. One query. Hits of before programs were told apart are not among them."""
    first, last = _ALL_DAYS
    looked = by_detail.Looked(project_id, Detail.CLIENT, first, last, campaign_id=campaign_id, classes=classes)
    programs: dict[Program, list[int]] = defaultdict(lambda: [0, 0])
    devices: dict[Device, list[int]] = defaultdict(lambda: [0, 0])
    for client, kinds in by_detail.totals(looked=looked, kinds=KINDS).items():
        for found in (programs[program_of(client)], devices[device_of(client)]):
            for place, kind in enumerate(KINDS):
                found[place] += kinds[kind]
    return _sorted(programs), _sorted(devices)


def _sorted(found: dict[_Key, list[int]]) -> dict[_Key, Hits]:
    return {one: Hits(*numbers) for one, numbers in sorted(found.items(), key=lambda pair: (-sum(pair[1]), pair[0]))}


def _of(project_id: int, campaign_id: int) -> Q:
    return Q(project_id=project_id, source_kind=SourceKind.CAMPAIGN, source_id=campaign_id, kind__in=KINDS)
