"""A project's counters and sets against its events, a day (UTC) at a time.

Events of somebody who was erased are gone while the numbers stay, and events older than their retention are gone, too: where there are
fewer events than numbers that is told as such, and only ``raise_only`` keeps such numbers when a day is made again. What no event tells
(mails that were refused for now) is left as it is.
"""

from __future__ import annotations

import collections
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection, transaction
from psycopg2.extras import execute_values

from analytics.models import (
    DEFERRED,
    Counter,
    Detail,
    DetailAddition,
    DetailCounter,
    HitClass,
    ProductCounter,
    Reach,
    ReachAddition,
    RevenueCounter,
    SendCounter,
    SmsCounter,
)
from analytics.rollups import purchases
from analytics.services.record import NOT_REACHING, PURCHASE_KINDS, SEND_KINDS, SMS_KINDS
from core.audience import Audience

_SOURCE = "source_kind, coalesce(source_id, 0) AS source_id, coalesce(run_id, 0) AS run_id, treatment, kind"
_OF_DAY = "FROM analytics_event WHERE project_id = %(project)s AND occurred_at >= %(start)s AND occurred_at < %(end)s"
_HOUR = "date_trunc('hour', occurred_at, 'UTC')"
_COUNTERS = f"""
    SELECT {_SOURCE}, hit_class, coalesce(link_number, -1), {_HOUR}, count(*) {_OF_DAY} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_SMS = f"""
    SELECT {_SOURCE}, upper(left(coalesce(data->>'country', ''), 2)), left(coalesce(data->>'status', ''), 60), {_HOUR},
           count(*), sum(coalesce((data->>'parts')::int, 1)), sum(round(coalesce((data->>'millicents')::numeric, 0)))
      {_OF_DAY} AND kind = ANY(%(sms)s) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_SENDS = f"""
    SELECT {_SOURCE}, left(coalesce(nullif(data->>'channel', ''), 'EMAIL'), 30), left(coalesce(data->>'status', ''), 60), {_HOUR},
           count(*)
      {_OF_DAY} AND kind = ANY(%(sends)s) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
_PURCHASES = purchases.of(f"{_OF_DAY} AND kind = ANY(%(purchases)s) AND hit_class <> %(scanner)s", f"{_SOURCE}, {_HOUR} AS hour")
_REVENUE = f"""
    SELECT source_kind, source_id, run_id, treatment, kind, currency, hour, count(*), sum(quantity), sum(amount)
      FROM ({_PURCHASES}) AS bought GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_PRODUCTS = f"""
    SELECT kind, currency, product, hour, count(*), sum(quantity), sum(amount) FROM ({_PURCHASES}) AS bought GROUP BY 1, 2, 3, 4
"""
_REACH = f"""
    SELECT {_SOURCE}, hit_class, -1, array_agg(DISTINCT endpoint_id) {_OF_DAY} AND kind <> ALL(%(none)s) GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT {_SOURCE}, hit_class, link_number, array_agg(DISTINCT endpoint_id)
      {_OF_DAY} AND kind <> ALL(%(none)s) AND link_number <> -1 GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
_DETAILS = " UNION ALL ".join(
    f"SELECT source_kind, coalesce(source_id, 0), kind, hit_class, {detail:d}, {detail.label}, count(*) {_OF_DAY} "
    f"AND {detail.label} IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6"
    for detail in Detail
)
_DAYS = """
    SELECT DISTINCT (at AT TIME ZONE 'UTC')::date FROM (
        SELECT hour AS at FROM analytics_counter WHERE project_id = %(project)s
        UNION SELECT date_trunc('day', occurred_at, 'UTC') FROM analytics_event WHERE project_id = %(project)s) AS found ORDER BY 1
"""
_KEY = ("source_kind", "source_id", "run_id", "treatment", "kind")
_COUNTER_KEY = (*_KEY, "hit_class", "link_number", "hour")
_SMS_KEY = (*_KEY, "country", "status", "hour")
_SENDS_KEY = (*_KEY, "channel", "status", "hour")
_REACH_KEY = (*_KEY, "hit_class", "link_number")
_REVENUE_KEY = (*_KEY, "currency", "hour")
_PRODUCT_KEY = ("kind", "currency", "product", "hour")
_DETAIL_KEY = ("source_kind", "source_id", "kind", "hit_class", "detail", "value")
_SMS_VALUES = ("messages", "parts", "millicents")
_BOUGHT = ("purchases", "quantity", "amount")
_Value = TypeVar("_Value")
# In the order in which writers and folds come to them: else one of them and a recount would wait for each other.
_LOCK = """
    LOCK TABLE analytics_counter, analytics_detailaddition, analytics_sendcounter, analytics_smscounter, analytics_revenuecounter,
               analytics_productcounter, analytics_reachaddition, analytics_reach, analytics_detailcounter
            IN SHARE ROW EXCLUSIVE MODE
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """``what``: counter, send, sms, revenue, product, detail or reach; ``kept`` and ``counted``: what is kept, and what events say."""

    what: str
    day: datetime.date
    key: dict[str, Any]
    kept: Any
    counted: Any


@dataclass(slots=True)
class _Day:
    counters: dict[tuple[Any, ...], tuple[int, ...]]
    sends: dict[tuple[Any, ...], tuple[int, ...]]
    sms: dict[tuple[Any, ...], tuple[int, ...]]
    revenue: dict[tuple[Any, ...], tuple[Any, ...]]
    products: dict[tuple[Any, ...], tuple[Any, ...]]
    reach: dict[tuple[Any, ...], Audience]
    details: dict[tuple[Any, ...], tuple[int, ...]]


def days(*, project_id: int) -> list[datetime.date]:
    """The days (UTC) of which there are events or numbers."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, {"project": project_id})
        return [day for (day,) in cursor.fetchall()]


def differences(*, project_id: int, day: datetime.date) -> list[Difference]:
    """Where a day's numbers are not what its events say. Writers wait meanwhile, so that both are of one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        return list(_compared(day, _kept(project_id, day), _counted(cursor, project_id, day)))


def rebuild(*, project_id: int, day: datetime.date, raise_only: bool) -> int:
    """Set a day's numbers to what its events say; returns how many were wrong. ``raise_only``: no number is made smaller."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK)
        kept, counted = _kept(project_id, day), _counted(cursor, project_id, day)
        wrong = len(list(_compared(day, kept, counted)))
        if raise_only:
            counted = _Day(
                counters=_merged(kept.counters, counted.counters, _larger),
                sends=_merged(kept.sends, counted.sends, _larger),
                sms=_merged(kept.sms, counted.sms, _larger),
                revenue=_merged(kept.revenue, counted.revenue, _more),
                products=_merged(kept.products, counted.products, _more),
                reach=_merged(kept.reach, counted.reach, lambda one, other: one | other),
                details=_merged(kept.details, counted.details, _larger),
            )
        if wrong:
            _write(cursor, project_id, day, counted)
    return wrong


def _larger(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(pair) for pair in zip(one, other, strict=True))


def _more(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of the same purchases those of which there are more: money that came back makes an amount smaller."""
    return max(one, other, key=lambda bought: bought[0])


def _merged(
    one: dict[tuple[Any, ...], _Value], other: dict[tuple[Any, ...], _Value], merge: Callable[[_Value, _Value], _Value]
) -> dict[tuple[Any, ...], _Value]:
    return one | {key: merge(one[key], value) if key in one else value for key, value in other.items()}


def _compared(day: datetime.date, kept: _Day, counted: _Day) -> Iterator[Difference]:
    parts: list[tuple[str, tuple[str, ...], dict[Any, Any], dict[Any, Any]]] = [
        ("counter", _COUNTER_KEY, kept.counters, counted.counters),
        ("send", _SENDS_KEY, kept.sends, counted.sends),
        ("sms", _SMS_KEY, kept.sms, counted.sms),
        ("revenue", _REVENUE_KEY, kept.revenue, counted.revenue),
        ("product", _PRODUCT_KEY, kept.products, counted.products),
        ("reach", _REACH_KEY, kept.reach, counted.reach),
        ("detail", _DETAIL_KEY, kept.details, counted.details),
    ]
    for what, names, mine, theirs in parts:
        for key in sorted(mine.keys() | theirs.keys()):
            one, other = mine.get(key), theirs.get(key)
            if one != other:
                yield Difference(what, day, dict(zip(names, key, strict=True)), _shown(one), _shown(other))


def _shown(value: Any) -> Any:
    return len(value) if isinstance(value, Audience) else value


def _bounds(day: datetime.date) -> tuple[datetime.datetime, datetime.datetime]:
    start = datetime.datetime.combine(day, datetime.time(), tzinfo=datetime.UTC)
    return start, start + datetime.timedelta(days=1)


def _kept(project_id: int, day: datetime.date) -> _Day:
    start, end = _bounds(day)
    hours = {"project_id": project_id, "hour__gte": start, "hour__lt": end}
    counters = Counter.objects.filter(**hours, total__gt=0).values_list(*_COUNTER_KEY, "total")
    sends = SendCounter.objects.filter(**hours, total__gt=0).values_list(*_SENDS_KEY, "total")
    sms = SmsCounter.objects.filter(**hours).values_list(*_SMS_KEY, *_SMS_VALUES)
    revenue = RevenueCounter.objects.filter(**hours, purchases__gt=0).values_list(*_REVENUE_KEY, *_BOUGHT)
    products = ProductCounter.objects.filter(**hours, purchases__gt=0).values_list(*_PRODUCT_KEY, *_BOUGHT)
    reach: dict[tuple[Any, ...], Audience] = {}
    for model in (Reach, ReachAddition):
        for *key, members in model.objects.filter(project_id=project_id, day=day).values_list(*_REACH_KEY, "members"):
            if members:
                reach[tuple(key)] = reach.get(tuple(key), Audience()) | members
    return _Day(
        counters={tuple(row[:-1]): (row[-1],) for row in counters},
        sends={tuple(row[:-1]): (row[-1],) for row in sends},
        sms={tuple(row[:-3]): tuple(row[-3:]) for row in sms},
        revenue={tuple(row[:-3]): tuple(row[-3:]) for row in revenue},
        products={tuple(row[:-3]): tuple(row[-3:]) for row in products},
        reach=reach,
        details=_kept_details(project_id, day),
    )


def _kept_details(project_id: int, day: datetime.date) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Those that events tell, with what waits to be folded in."""
    of_day = {"project_id": project_id, "day": day}
    found: collections.Counter[tuple[Any, ...]] = collections.Counter()
    for row in DetailCounter.objects.filter(**of_day).exclude(kind=DEFERRED).values_list(*_DETAIL_KEY, "total"):
        found[tuple(row[:-1])] += row[-1]
    waiting = DetailAddition.objects.filter(**of_day).exclude(kind=DEFERRED)
    for *key, numbers, totals in waiting.values_list(*_DETAIL_KEY[:-1], "numbers", "totals"):
        for value, total in zip(numbers, totals, strict=True):
            found[(*key, value)] += total
    return {key: (total,) for key, total in found.items() if total}


def _counted(cursor: Any, project_id: int, day: datetime.date) -> _Day:
    start, end = _bounds(day)
    given = {
        "project": project_id, "start": start, "end": end, "none": [int(kind) for kind in NOT_REACHING],
        "sms": [int(kind) for kind in SMS_KINDS], "sends": [int(kind) for kind in SEND_KINDS],
        "purchases": [int(kind) for kind in PURCHASE_KINDS], "scanner": int(HitClass.SCANNER),
    }  # fmt: skip
    cursor.execute(_COUNTERS, given)
    counters: dict[tuple[Any, ...], tuple[int, ...]] = {tuple(row[:-1]): (int(row[-1]),) for row in cursor.fetchall()}
    cursor.execute(_SENDS, given)
    sends: dict[tuple[Any, ...], tuple[int, ...]] = {tuple(row[:-1]): (int(row[-1]),) for row in cursor.fetchall()}
    cursor.execute(_SMS, given)
    sms = {tuple(row[:-3]): tuple(int(one) for one in row[-3:]) for row in cursor.fetchall()}
    cursor.execute(_REVENUE, given)
    revenue = {tuple(row[:-3]): tuple(row[-3:]) for row in cursor.fetchall()}
    cursor.execute(_PRODUCTS, given)
    products = {tuple(row[:-3]): tuple(row[-3:]) for row in cursor.fetchall()}
    cursor.execute(_REACH, given)
    reach = {tuple(row[:-1]): Audience(row[-1]) for row in cursor.fetchall()}
    cursor.execute(_DETAILS, given)
    details: dict[tuple[Any, ...], tuple[int, ...]] = {tuple(row[:-1]): (int(row[-1]),) for row in cursor.fetchall()}
    return _Day(counters, sends, sms, revenue, products, reach, details)


def _write(cursor: Any, project_id: int, day: datetime.date, counted: _Day) -> None:
    start, end = _bounds(day)
    for model in (Counter, SendCounter, SmsCounter, RevenueCounter, ProductCounter):
        model.objects.filter(project_id=project_id, hour__gte=start, hour__lt=end).delete()
    for reaching in (Reach, ReachAddition):
        reaching.objects.filter(project_id=project_id, day=day).delete()
    for detailed in (DetailCounter, DetailAddition):
        detailed.objects.filter(project_id=project_id, day=day).exclude(kind=DEFERRED).delete()
    rows: list[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]] = [
        ("analytics_counter", (*_COUNTER_KEY, "total"), [(*key, *value) for key, value in counted.counters.items()]),
        ("analytics_sendcounter", (*_SENDS_KEY, "total"), [(*key, *value) for key, value in counted.sends.items()]),
        ("analytics_smscounter", (*_SMS_KEY, *_SMS_VALUES), [(*key, *value) for key, value in counted.sms.items()]),
        ("analytics_revenuecounter", (*_REVENUE_KEY, *_BOUGHT), [(*key, *value) for key, value in counted.revenue.items()]),
        ("analytics_productcounter", (*_PRODUCT_KEY, *_BOUGHT), [(*key, *value) for key, value in counted.products.items()]),
        ("analytics_reach", (*_REACH_KEY, "day", "members"), [(*key, day, bytes(value)) for key, value in counted.reach.items()]),
        (
            "analytics_detailcounter",
            (*_DETAIL_KEY, "day", "total"),
            [(*key, day, *value) for key, value in counted.details.items()],
        ),
    ]
    for table, names, values in rows:
        execute_values(
            cursor, f"INSERT INTO {table} (project_id, {', '.join(names)}) VALUES %s", [(project_id, *one) for one in values]
        )
