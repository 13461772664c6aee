"""Campaigns side by side: the numbers of their own pages, and their course since each began."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.urls import reverse

from analytics.models import EventKind, HitClass
from analytics.statistics.course import Course, since_start, starts
from campaigns import queries
from campaigns.comparison import compared
from campaigns.models import Campaign
from core.audience import Audience
from messaging.delivery import DeliveryStatus
from projects.models import Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.test_statistics_pages import pictures
from tests.console.world import logged_in
from tests.factories.analytics import write_hits
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def sent(shop: Project, *, count: int = 5, refused: int = 0, opened: int = 0, name: str = "가을 세일") -> Campaign:
    members = make_members(project=shop, count=count)
    campaign = with_treatments(project=shop, members=Audience(members))
    Campaign.objects.filter(pk=campaign.pk).update(name=name)
    bad = set(members[:refused])
    answer = lambda message: (  # noqa: E731
        DeliveryStatus.FAILURE_PERMANENT if message.endpoint_id in bad else DeliveryStatus.SUCCESS
    )
    work(clock=Clock(), transport=RecordingTransport(answer))
    run = campaign.runs.get()
    for number in range(opened):
        write_hits(run=run, endpoint_ids=[members[-1 - number]] * 2, kind=EventKind.EMAIL_OPEN, at=NOW + (1 + 2 * number) * HOUR)
    write_hits(run=run, endpoint_ids=members[-1:], kind=EventKind.EMAIL_COMPLAINT, hit_class=HitClass.NONE, at=NOW + HOUR)
    write_hits(run=run, endpoint_ids=members[-2:], kind=EventKind.EMAIL_CLICK, hit_class=HitClass.SCANNER, at=NOW + HOUR)
    campaign.refresh_from_db()
    return campaign


def page(shop: Project, **query: Any) -> str:
    answer = logged_in(shop.created_by).get(reverse("console:compare-campaigns", args=[shop.public_id]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_numbers_are_those_of_each_campaigns_own_page(shop: Project) -> None:
    campaigns = [sent(shop, opened=3), sent(shop, count=8, refused=2, opened=1)]

    lines = compared(campaigns=campaigns)

    for campaign, line in zip(campaigns, lines, strict=True):
        assert line.mail is not None
        tiles = {tile.label: tile.value for tile in queries.campaign_summary(campaign=campaign).tiles}
        assert tiles == {
            "Targeted": line.targeted, "Excluded": 0, "Sent": line.sent, "Delivered": line.mail.delivered,
            "Failed": line.targeted - line.sent, "Opened": line.mail.opened, "Clicked": 0, "Bounced": line.mail.bounced,
            "Unsubscribed": 0, "Complaints": 1,
        }  # fmt: skip
    assert [(one.sent, one.mail and one.mail.opened, one.mail and one.mail.bounced) for one in lines] == [(5, 3, 0), (6, 1, 2)]


def test_the_course_begins_for_each_with_its_own_first_hour_and_adds_up(shop: Project) -> None:
    campaign = sent(shop, opened=3)
    drafted = make_campaign(project=shop, document={})

    begun = starts(project_id=shop.pk, campaign_ids=[campaign.pk, drafted.pk])
    found = since_start(project_id=shop.pk, starts=begun, kinds=[EventKind.EMAIL_OPEN], course=Course(4, HOUR))
    by_day = since_start(
        project_id=shop.pk, starts=begun, kinds=[EventKind.EMAIL_OPEN], course=Course(2, datetime.timedelta(days=1))
    )

    assert begun == {campaign.pk: NOW}
    assert found == {campaign.pk: {EventKind.EMAIL_OPEN: [0, 2, 2, 4]}}
    assert by_day == {campaign.pk: {EventKind.EMAIL_OPEN: [6, 6]}}


def test_the_page_shows_them_in_the_order_that_is_asked_for(shop: Project) -> None:
    first, second = sent(shop, opened=3, name="봄"), sent(shop, count=8, refused=2, opened=1, name="여름")

    html = page(shop, c=[second.public_id, first.public_id], since="7d")

    rates, opens, *_others = pictures(html)
    assert rates["labels"] == ["여름", "봄"]
    assert {one["name"]: one["values"] for one in rates["series"]}["Opened"] == [1 / 6, 3 / 5]
    assert [one["name"] for one in opens["series"]] == ["여름", "봄"]
    assert len(opens["labels"]) == 7
    assert f"?c={first.public_id}&amp;since=7d" in html  # without the other


def test_campaigns_of_one_name_are_told_apart_and_a_custom_channel_has_no_rates(shop: Project) -> None:
    one, other = sent(shop), sent(shop)
    document = campaign_document(segment=make_import_segment(project=shop, members=Audience([1])))
    document |= {"CustomDeliveryConfiguration": {"DeliveryUri": "https://x.invalid/"}, "Pabal": {"Channel": "CUSTOM"}}
    custom = make_campaign(project=shop, document=document, name="호출", state="COMPLETED")

    html = page(shop, c=[one.public_id, other.public_id, custom.public_id])

    rates = pictures(html)[0]
    assert rates["labels"][2] == "호출"
    assert [one["values"][2] for one in rates["series"]] == [None] * 6
    assert all(label.startswith("가을 세일 (20") for label in rates["labels"][:2])


def test_who_chose_too_few_or_what_is_not_there_is_told(shop: Project) -> None:
    campaign, draft = sent(shop), make_campaign(project=shop, document={}, name="초안")
    foreign = sent_elsewhere()

    few = page(shop, c=[campaign.public_id])
    gone = page(shop, c=[campaign.public_id, foreign.public_id, draft.public_id])
    many = page(shop, c=[f"{number:032x}" for number in range(11)])

    assert "Choose two campaigns or more" in few
    assert "not there any more" in gone
    assert "남의 것" not in gone
    assert "10 campaigns at most" in many
    assert "초안" not in few


def sent_elsewhere() -> Campaign:
    return make_campaign(project=make_project(), document={}, name="남의 것", state="COMPLETED")


def test_the_list_of_campaigns_offers_launched_ones_to_be_compared(shop: Project) -> None:
    campaign, draft = sent(shop), make_campaign(project=shop, document={}, name="초안")

    html = logged_in(shop.created_by).get(reverse("campaigns:list-campaigns", args=[shop.public_id])).content.decode()

    assert f'name="c" value="{campaign.public_id}"' in html
    assert f'value="{draft.public_id}"' not in html


def test_the_page_asks_a_fixed_number_of_queries(shop: Project, django_assert_num_queries: Any) -> None:
    some = [sent(shop) for _number in range(3)]
    client, address = logged_in(shop.created_by), reverse("console:compare-campaigns", args=[shop.public_id])
    client.get(address)

    with django_assert_num_queries(12):
        client.get(address, {"c": [one.public_id for one in some[:2]]})
    with django_assert_num_queries(12):
        client.get(address, {"c": [one.public_id for one in some]})
