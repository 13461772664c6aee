"""What was bought: by day, currency, campaign and product, from counters; and by whom, from sets."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, Sum
from django.db.models.functions import TruncDate

from analytics.models import EventKind, HitClass, ProductCounter, RevenueCounter, SourceKind
from analytics.reach_sets import daily_sets
from analytics.statistics.daily import Days
from core.audience import Audience

_SUMS = {"all_purchases": Sum("purchases"), "pieces": Sum("quantity"), "money": Sum("amount")}


@dataclass(slots=True)
class Bought:
    """Purchases, pieces and money of one currency."""

    purchases: int = 0
    quantity: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)

    @property
    def average(self) -> Decimal | None:
        """Of a purchase."""
        return self.amount / self.purchases if self.purchases else None

    def __add__(self, other: Bought) -> Bought:
        return Bought(self.purchases + other.purchases, self.quantity + other.quantity, self.amount + other.amount)


@dataclass(frozen=True, slots=True)
class Revenue:
    """By currency (the one with most purchases first) what was bought on each day, and altogether; days of the project's zone."""

    by_day: dict[str, list[Bought]]
    total: dict[str, Bought] = field(default_factory=dict)


def revenue(*, project_id: int, days: Days) -> Revenue:
    """One query."""
    rows = (
        RevenueCounter.objects.filter(days.hours, project_id=project_id)
        .annotate(day=TruncDate("hour", tzinfo=days.zone))
        .values_list("currency", "day")
        .annotate(**_SUMS)
    )
    place = {day: number for number, day in enumerate(days.all)}
    found: dict[str, list[Bought]] = defaultdict(lambda: [Bought() for _day in place])
    for currency, day, *told in rows:
        found[currency][place[day]] = Bought(*told)
    total = {currency: sum(some, Bought()) for currency, some in found.items()}
    order = sorted(total, key=lambda one: (-total[one].purchases, one))
    return Revenue({one: found[one] for one in order}, {one: total[one] for one in order})


def by_campaign(*, project_id: int, days: Days, currency: str) -> dict[int, Bought]:
    """Of each campaign to which purchases were put down, those with most money first; 0: of none. One query."""
    rows = RevenueCounter.objects.filter(days.hours, project_id=project_id, currency=currency).values_list(
        "source_kind", "source_id"
    )
    found: dict[int, Bought] = defaultdict(Bought)
    for source_kind, source_id, *told in rows.annotate(**_SUMS):
        found[source_id if source_kind == SourceKind.CAMPAIGN else 0] += Bought(*told)
    return dict(sorted(found.items(), key=lambda one: (-one[1].amount, one[0])))


def by_product(*, project_id: int, days: Days, currency: str, limit: int) -> list[tuple[str, Bought]]:
    """The products with most money. One query, over the product's hours."""
    rows = ProductCounter.objects.filter(days.hours, project_id=project_id, currency=currency).values_list("product")
    most = rows.annotate(**_SUMS).order_by(F("money").desc(), "product")[:limit]
    return [(product, Bought(*told)) for product, *told in most]


def buyers(*, project_id: int, first: datetime.date, last: datetime.date) -> tuple[Sequence[int], int]:
    """How many distinct endpoints bought on each day, and altogether. Days of UTC."""
    sets = _daily(project_id, first, last)
    length = (last - first).days + 1
    each = [len(sets.get(first + datetime.timedelta(days=number), ())) for number in range(length)]
    return each, len(Audience.union(sets.values()))


def buyers_of(*, project_id: int, day: datetime.date) -> Audience:
    """Who bought on a day of UTC."""
    return _daily(project_id, day, day).get(day, Audience())


def _daily(project_id: int, first: datetime.date, last: datetime.date) -> dict[Any, Audience]:
    narrow = Q(project_id=project_id, kind=EventKind.MONETIZATION_PURCHASE, link_number=-1) & ~Q(hit_class=HitClass.SCANNER)
    return {day: members for (day,), members in daily_sets(narrow, first=first, last=last).items()}
