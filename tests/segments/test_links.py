"""Filters on clicks of one link: the document keeps its number, people read and choose its address."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from core import clock
from core.audience import Audience
from projects.models import Project
from segments import builder, wording
from tests.console.world import logged_in
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
LONG = "https://shop.example.com/?" + "x" * 200
HTML = (
    '<a href="https://shop.example.com/sale?a=1&amp;b=100%25">보기</a><a href="mailto:shop@example.com">메일</a>'
    '<a href="https://shop.example.com/top">위</a><a href="{{UnsubscribeUrl}}">수신 거부</a>'
    f'<a href="https://shop.example.com/{{{{User.UserId}}}}">내 쪽</a><a href="https://shop.example.com/top">아래</a>'
    f'<a href="{LONG}">긴 것</a>'
)
LINKS = [
    "https://shop.example.com/sale?a=1&b=100%25", "https://shop.example.com/top", "https://shop.example.com/{{User.UserId}}",
    "https://shop.example.com/top", LONG,
]  # fmt: skip


@pytest.fixture
def project() -> Project:
    return make_project()


def sent(project: Project, html: str = HTML, **fields: Any) -> Campaign:
    document = campaign_document(segment=make_import_segment(project=project, members=Audience([1])))
    document["MessageConfiguration"]["EmailMessage"]["HtmlBody"] = html
    return make_campaign(project=project, document=document, **({"launched_at": clock.now(), "state": "COMPLETED"} | fields))


def clicked(campaign: Campaign, link: int) -> dict[str, Any]:
    behaviour = {"Action": "CLICKED", "CampaignId": campaign.public_id, "Link": link}
    return {"SegmentGroups": {"Groups": [{"Dimensions": [{"Pabal": {"Behavior": [behaviour]}}]}]}}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (0, "clicked https://shop.example.com/sale?a=1&b=100%25 in the campaign “가을 세일”"),
        (1, "clicked https://shop.example.com/top (link 1) in the campaign “가을 세일”"),
        (2, "clicked https://shop.example.com/{{User.UserId}} in the campaign “가을 세일”"),
        (3, "clicked https://shop.example.com/top (link 3) in the campaign “가을 세일”"),
        (4, f"clicked {LONG[:120]}… in the campaign “가을 세일”"),
        (5, "clicked link 5 in the campaign “가을 세일”"),
    ],
)
def test_the_sentence_says_the_address_and_the_number_where_it_is_needed(project: Project, link: int, said: str) -> None:
    sentence = wording.sentence(project=project, document=clicked(sent(project), link))

    assert sentence == f"everyone in the project for whom {said}."


def test_a_message_that_can_not_be_compiled_and_a_deleted_campaign_are_still_said(project: Project) -> None:
    broken, deleted = sent(project, html="{{broken"), sent(project, name="지운 것", state="DELETED")

    assert "clicked link 0 in the campaign “가을 세일”" in wording.sentence(project=project, document=clicked(broken, 0))
    assert "/top (link 1) in the campaign “지운 것”" in wording.sentence(project=project, document=clicked(deleted, 1))
    assert deleted.public_id not in builder.segment_builder(project=project, document={}).state
    assert "지운 것" in builder.segment_builder(project=project, document=clicked(deleted, 1)).state


def test_the_builder_lists_the_links_of_the_projects_own_campaigns_only(project: Project) -> None:
    campaign, foreign = sent(project), sent(make_project(), name="남의 것")
    client = logged_in(project.created_by)
    url = reverse("segments:list-links", args=[project.public_id])

    found = client.get(url, {"campaign": campaign.public_id}).json()["links"]

    assert found == [{"number": number, "address": one, "treatment": None, "name": ""} for number, one in enumerate(LINKS)]
    for key in (foreign.public_id, "", "no such", "x" * 5000):
        assert client.get(url, {"campaign": key}).json() == {"links": []}
    sentence = wording.sentence(project=project, document=clicked(foreign, 0))
    assert "남의 것" not in sentence
    assert "shop.example.com" not in sentence
