"""What came of campaigns in the hours or days since each began to send: sums of counters."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Min, Q, Sum

from analytics.hit_classes import COUNTED
from analytics.models import Counter, EventKind, SourceKind
from analytics.queries import of_classes


@dataclass(frozen=True, slots=True)
class Course:
    """``steps`` of ``length`` since the start. The first begins with the hour in which the first message went out."""

    steps: int
    length: datetime.timedelta

    @property
    def whole(self) -> datetime.timedelta:
        return self.steps * self.length


def starts(*, project_id: int, campaign_ids: Collection[int]) -> dict[int, datetime.datetime]:
    """The hour in which each campaign sent its first message, of those that sent one. One query."""
    sent = _of(project_id, campaign_ids).filter(kind__in=(EventKind.EMAIL_SEND, EventKind.CAMPAIGN_SEND))
    return dict(sent.values_list("source_id").annotate(first=Min("hour")))


def since_start(
    *, project_id: int, starts: Mapping[int, datetime.datetime], kinds: Collection[int], course: Course, classes: Collection[int] = COUNTED
) -> dict[int, dict[int, list[int]]]:  # fmt: skip
    """Campaign → kind → how many events there were by the end of each step, from the start on. One query."""
    within = Q(pk__in=[])
    for source_id, start in starts.items():
        within |= Q(source_id=source_id, hour__gte=start, hour__lt=start + course.whole)
    counted = _of(project_id, starts).filter(within, of_classes(classes), kind__in=kinds)
    steps: dict[int, dict[int, list[int]]] = {one: {int(kind): [0] * course.steps for kind in kinds} for one in starts}
    for source_id, kind, hour, total in counted.values_list("source_id", "kind", "hour").annotate(sum=Sum("total")):
        steps[source_id][kind][(hour - starts[source_id]) // course.length] += total
    return {one: {kind: _added_up(each) for kind, each in found.items()} for one, found in steps.items()}


def _of(project_id: int, campaign_ids: Collection[int]):  # type: ignore[no-untyped-def]
    return Counter.objects.filter(project_id=project_id, source_kind=SourceKind.CAMPAIGN, source_id__in=list(campaign_ids))


def _added_up(steps: list[int]) -> list[int]:
    found, total = [], 0
    for one in steps:
        total += one
        found.append(total)
    return found
