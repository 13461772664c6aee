"""The page of revenue: what was bought, in which currency, of which product and after which campaign."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import EventKind, HitClass, SourceKind
from projects.models import Project
from tests.console.test_points import made, members, points
from tests.console.test_statistics_pages import DAY, page, pictures, record
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign
from tests.factories.endpoints import make_members
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


@pytest.fixture
def client(project: Project) -> Client:
    return logged_in(project.created_by)


def buy(
    project: Project, who: int, price: float, *, currency: str = "KRW", product: str = "", quantity: float = 1, **more: Any
) -> None:
    attributes = ({"_currency": currency} if currency else {}) | ({"_product_id": product} if product else {})
    data = {"attributes": attributes, "metrics": {"_item_price": price, "_quantity": quantity}}
    record(project, EventKind.MONETIZATION_PURCHASE, [who], data=data, **({"hit_class": HitClass.NONE} | more))


def test_revenue_is_shown_by_day_product_and_campaign_of_the_currency_with_most_purchases(
    project: Project, client: Client
) -> None:
    campaign = make_campaign(project=project, document={}, name="가을 세일")
    of = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": 1}
    buy(project, 1, 10_000, product="A", quantity=2, **of)
    buy(project, 1, 5_000, product="B", ago=2 * DAY)
    buy(project, 2, 1_000, product="<b>")
    buy(project, 3, 9.5, currency="USD")
    buy(project, 4, 99, hit_class=HitClass.SCANNER)
    buy(make_project(), 9, 70_000)

    text = page(client, "show-revenue", project)

    revenue, purchases, products, campaigns = pictures(text)
    assert (sum(revenue["series"][0]["values"]), max(revenue["series"][0]["values"])) == (26_000, 21_000)
    assert [sum(one or 0 for one in row["values"]) for row in purchases["series"]] == [3, 4]
    assert list(zip(products["labels"], products["series"][0]["values"], strict=True)) == [
        ("A", 20_000),
        ("B", 5_000),
        ("<b>", 1_000),
    ]
    assert list(zip(campaigns["labels"], campaigns["series"][0]["values"], strict=True)) == [
        ("가을 세일", 20_000),
        ("No campaign", 6_000),
    ]
    numbers = re.findall(r'<div class="h1">([^<]*)</div>', text)
    assert numbers == ["26,000", "3", "8,666.67", "4", "3"]
    assert "<b>" not in text
    assert "USD" in text


def test_another_currency_is_chosen_by_its_name(project: Project, client: Client) -> None:
    for _number in range(2):
        buy(project, 1, 1_000)
    buy(project, 1, 9.5, currency="usd")
    buy(project, 1, 7, currency="")

    assert sum(pictures(page(client, "show-revenue", project, currency="USD"))[0]["series"][0]["values"]) == 9.5
    assert sum(pictures(page(client, "show-revenue", project, currency=""))[0]["series"][0]["values"]) == 7
    assert sum(pictures(page(client, "show-revenue", project, currency="EUR"))[0]["series"][0]["values"]) == 2_000


def test_without_purchases_the_page_says_how_to_begin(project: Project, client: Client) -> None:
    text = page(client, "show-revenue", project)
    assert "_monetization.purchase" in text
    assert pictures(text) == []


def test_buyers_of_a_day_a_product_and_a_campaign_become_segments(project: Project, client: Client) -> None:
    people = make_members(project=project, count=4)
    campaign = make_campaign(project=project, document={}, name="가을 세일")
    of = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": 1}
    buy(project, people[0], 10_000, product="A", **of)
    buy(project, people[1], 500, product="A", currency="krw")
    buy(project, people[2], 300)
    buy(project, people[3], 9.5, product="A", currency="USD")
    text = page(client, "show-revenue", project)

    def who(chart: str, number: str) -> set[int]:
        return members(made(client, dict(points(text, chart))[number]))

    assert who("revenue", "10,800") == set(people[:3])
    assert who("purchases", "4") == set(people)
    assert who("products", "10,500") == set(people[:2])
    assert who("products", "300") == {people[2]}
    assert who("revenue-campaigns", "10,000") == {people[0]}
    assert who("revenue-campaigns", "800") == {people[1], people[2]}


@pytest.mark.parametrize(
    "query",
    [
        "chart=revenue&series=x&label=2026-11-25", "chart=revenue-campaigns&series=campaign&label=99999999999999999999",
        "chart=revenue-campaigns&label=x",
    ],
)  # fmt: skip
def test_a_point_of_revenue_that_is_none_says_so(project: Project, client: Client, query: str) -> None:
    answer = client.get(f"{reverse('console:make-point-segment', args=[project.public_id])}?{query}")
    assert "not in the picture any more" in html.unescape(answer.content.decode())


def test_no_campaign_of_another_project_is_named_by_a_point(project: Project, client: Client) -> None:
    theirs = make_campaign(project=make_project(), document={}, name="their secret")
    query = f"chart=revenue-campaigns&series=campaign&label={theirs.pk}"
    answer = client.get(f"{reverse('console:make-point-segment', args=[project.public_id])}?{query}")
    assert "their secret" not in answer.content.decode()


def test_who_is_behind_an_event_of_a_campaign_becomes_a_segment(project: Project, client: Client) -> None:
    people = make_members(project=project, count=3)
    campaign = make_campaign(project=project, document={}, name="가을 세일")
    record(project, EventKind.EMAIL_OPEN, people[:2], source_kind=SourceKind.CAMPAIGN, source_id=campaign.pk, run_id=1)
    record(project, EventKind.EMAIL_OPEN, people[2:])
    text = page(client, "explore-events", project, type=int(EventKind.EMAIL_OPEN), group="campaign")
    found = dict(points(text, "explore"))
    assert members(made(client, found["2"])) == set(people[:2])
    assert members(made(client, found["1"])) == {people[2]}
