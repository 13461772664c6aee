"""Numbers against the events they come from."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events import EventBlock, EventRow
from analytics.models import (
    DEFERRED,
    Counter,
    Detail,
    DetailAddition,
    DetailCounter,
    EventKind,
    HitClass,
    ProductCounter,
    Reach,
    ReachAddition,
    RevenueCounter,
    SmsCounter,
    SourceKind,
)
from analytics.rollups import recount
from analytics.services import details
from analytics.services.reach import fold_reach
from analytics.services.record import record_events
from core.audience import Audience
from core.sql import Together
from tests.factories.projects import make_project
from tests.waiting import somebody_waits, wait_until

pytestmark = pytest.mark.django_db

MONTH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
DAY = datetime.date(2026, 11, 1)
KINDS = [
    EventKind.EMAIL_SEND,
    EventKind.EMAIL_OPEN,
    EventKind.EMAIL_CLICK,
    EventKind.EMAIL_HARDBOUNCE,
    EventKind.SESSION_START,
    1_003,
]
SMS = {"country": "kr", "status": "DELIVERED", "parts": 2, "millicents": 1290.4}


def row(project_id: int, *, kind: int = EventKind.EMAIL_OPEN, endpoint_id: int = 7, minutes: int = 0, **more: Any) -> EventRow:
    at = MONTH + datetime.timedelta(minutes=minutes)
    return EventRow(id=uuid.uuid4(), occurred_at=at, project_id=project_id, endpoint_id=endpoint_id, kind=kind, **more)


def of_campaign(**more: Any) -> dict[str, Any]:
    return {"source_kind": SourceKind.CAMPAIGN, "source_id": 2, "run_id": 3} | more


def record(*events: EventRow, blocks: tuple[EventBlock, ...] = ()) -> None:
    with transaction.atomic():
        record_events(events=events, blocks=blocks)


def wrong(project_id: int) -> list[recount.Difference]:
    return [one for day in recount.days(project_id=project_id) for one in recount.differences(project_id=project_id, day=day)]


events = st.tuples(
    st.sampled_from(KINDS), st.integers(1, 5), st.integers(0, 30 * 24 * 60), st.sampled_from([-1, None, 0, 3]),
    st.sampled_from([HitClass.NONE, HitClass.PERSON]), st.booleans(), st.sampled_from([None, 0, 5]), st.sampled_from([None, 12]),
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(events, max_size=40), st.booleans())
def test_a_random_months_numbers_are_those_of_its_events(drawn: list[tuple[Any, ...]], folds: bool) -> None:
    project = make_project()
    for kind, endpoint_id, minutes, link, hit_class, is_sent, domain, client in drawn:
        more: dict[str, Any] = {"link_number": link, "hit_class": hit_class, "domain": domain, "client": client}
        more |= of_campaign() if is_sent else {}
        record(row(project.pk, kind=kind, endpoint_id=endpoint_id, minutes=minutes, **more))
    if folds:
        while fold_reach() or details.fold():
            pass

    assert wrong(project.pk) == []
    Counter.objects.filter(project_id=project.pk).update(total=0)
    Reach.objects.filter(project_id=project.pk).delete()
    ReachAddition.objects.filter(project_id=project.pk).delete()
    DetailAddition.objects.filter(project_id=project.pk).delete()
    DetailCounter.objects.filter(project_id=project.pk).update(total=9)
    for day in recount.days(project_id=project.pk):
        recount.rebuild(project_id=project.pk, day=day, raise_only=False)
    assert wrong(project.pk) == []


PRICES = st.one_of(
    st.none(),
    st.integers(-(10**13), 10**13),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.00005, -0.00005, 1e300]),
)
purchases = st.tuples(
    st.fixed_dictionaries(
        {},
        optional={
            "_currency": st.sampled_from(["KRW", "krw", "USD", "won", "ＫＲＷ", "KR\n", "ß", "", "a-z"]),
            "_product_id": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=220),
        },
    ),
    st.fixed_dictionaries({"_item_price": PRICES}, optional={"_quantity": PRICES}),
    st.integers(0, 30 * 60), st.sampled_from([HitClass.NONE, HitClass.SCANNER]), st.booleans(),
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(purchases, max_size=8))
def test_what_was_bought_is_counted_as_its_events_say(drawn: list[tuple[Any, ...]]) -> None:
    project = make_project()
    for attributes, metrics, minutes, hit_class, is_sent in drawn:
        told = {"attributes": attributes, "metrics": {name: value for name, value in metrics.items() if value is not None}}
        more: dict[str, Any] = {"hit_class": hit_class} | (of_campaign() if is_sent else {})
        record(row(project.pk, kind=EventKind.MONETIZATION_PURCHASE, minutes=minutes, data=told, **more))

    assert wrong(project.pk) == []
    RevenueCounter.objects.filter(project_id=project.pk).update(amount=0, purchases=0)
    ProductCounter.objects.filter(project_id=project.pk).delete()
    for day in recount.days(project_id=project.pk):
        recount.rebuild(project_id=project.pk, day=day, raise_only=True)
    assert wrong(project.pk) == []


def test_a_purchase_is_its_price_by_its_quantity_in_its_currency() -> None:
    project = make_project()
    told = [
        ({"_currency": "krw", "_product_id": "A"}, {"_item_price": 1_500, "_quantity": 3}),
        ({"_currency": "KRW"}, {"_item_price": 0.1}),
    ]
    record(*(row(project.pk, kind=EventKind.MONETIZATION_PURCHASE, data={"attributes": a, "metrics": m}) for a, m in told))
    record(row(project.pk, kind=EventKind.MONETIZATION_PURCHASE))

    found = RevenueCounter.objects.filter(project_id=project.pk).order_by("currency")
    assert [(one.currency, one.purchases, str(one.quantity), str(one.amount)) for one in found] == [
        ("", 1, "1.0000", "0.0000"), ("KRW", 2, "4.0000", "4500.1000"),
    ]  # fmt: skip
    products = ProductCounter.objects.filter(project_id=project.pk).order_by("currency", "product")
    assert [(one.product, str(one.amount)) for one in products] == [("", "0.0000"), ("", "0.1000"), ("A", "4500.0000")]


def test_what_no_event_tells_outlives_a_recount() -> None:
    project = make_project()
    together = Together()
    told = {"project_id": project.pk, "source_kind": SourceKind.CAMPAIGN, "source_id": 2}
    details.add(together, Detail.DOMAIN, details.deferred(**told, domains=[5, 5, 0], now=MONTH))
    together.send()
    record(row(project.pk, domain=5, kind=EventKind.EMAIL_SEND, **of_campaign()))
    details.fold()
    details.add(together, Detail.DOMAIN, details.deferred(**told, domains=[5], now=MONTH))
    together.send()

    assert wrong(project.pk) == []
    recount.rebuild(project_id=project.pk, day=DAY, raise_only=False)

    details.fold()
    kept = {(one.kind, one.value): one.total for one in DetailCounter.objects.all()}
    assert kept == {(DEFERRED, 5): 3, (DEFERRED, 0): 1, (EventKind.EMAIL_SEND, 5): 1}
    assert not DetailAddition.objects.exists()


def test_a_block_a_text_message_and_an_own_type_are_counted() -> None:
    project = make_project()
    block = EventBlock(
        occurred_at=MONTH, project_id=project.pk, endpoint_ids=[1, 2, 3], kind=EventKind.EMAIL_DELIVERED, **of_campaign()
    )
    sms = [row(project.pk, kind=EventKind.SMS_SUCCESS, endpoint_id=one, data=SMS) for one in (8, 9)]

    record(*sms, row(project.pk, kind=1_000), blocks=(block,))

    kept = SmsCounter.objects.get()
    assert (kept.country, kept.status, kept.messages, kept.parts, kept.millicents) == ("KR", "DELIVERED", 2, 4, 2580)
    totals = dict(Counter.objects.values_list("kind", "total"))
    assert totals == {EventKind.EMAIL_DELIVERED: 3, EventKind.SMS_SUCCESS: 2, 1_000: 1}
    assert wrong(project.pk) == []


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda: Counter.objects.update(total=9), "counter"),
        (lambda: SmsCounter.objects.update(millicents=1), "sms"),
        (
            lambda: DetailCounter.objects.create(
                project_id=Counter.objects.first().project_id,
                source_kind=1,
                source_id=2,
                kind=EventKind.EMAIL_OPEN,
                detail=Detail.DOMAIN,
                value=5,
                day=DAY,
                total=1,
            ),
            "detail",
        ),
        (lambda: Reach.objects.update(members=Audience([1, 2, 3])), "reach"),
    ],
)
def test_a_number_that_is_wrong_is_told_and_set_right(spoil: Any, what: str) -> None:
    project = make_project()
    record(row(project.pk, **of_campaign()), row(project.pk, kind=EventKind.SMS_SUCCESS, data=SMS))
    spoil()

    assert {one.what for one in wrong(project.pk)} == {what}
    with pytest.raises(CommandError):
        call_command("rollups", "verify", "--project", project.public_id)
    call_command("rollups", "rebuild", "--project", project.public_id, "--lower")
    call_command("rollups", "verify", "--project", project.public_id)


def test_numbers_outlive_their_events_unless_one_asks_for_less() -> None:
    project = make_project()
    record(row(project.pk, **of_campaign()))
    Counter.objects.update(total=2)

    call_command("rollups", "rebuild", "--project", project.public_id)
    assert Counter.objects.get().total == 2
    call_command("rollups", "rebuild", "--project", project.public_id, "--lower")
    assert Counter.objects.get().total == 1


def _waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
            " WHERE NOT granted AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("table", "fold"), [("analytics_detailcounter", details.fold), ("analytics_reach", fold_reach)], ids=["details", "reach"]
)
def test_a_recount_and_a_fold_at_once_do_not_wait_for_each_other(table: str, fold: Callable[[], int]) -> None:
    project = make_project()
    record(row(project.pk, domain=5, kind=EventKind.EMAIL_SEND, **of_campaign()), row(project.pk, kind=EventKind.SESSION_START))

    def apart(act: Callable[[], Any]) -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            recounting = pool.submit(apart, lambda: wrong(project.pk))
            wait_until(somebody_waits)
            folding = pool.submit(apart, fold)
            wait_until(lambda: _waiting() == 2)
        assert folding.result(20)
        assert recounting.result(20) == []
