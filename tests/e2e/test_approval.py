"""A campaign that waits for approval, as its author and as who approves see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect

from campaigns.models import Campaign, CampaignState
from campaigns.services import approvals
from core import clock
from core.audience import Audience
from projects.models import User
from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_builder import enter
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


@pytest.fixture
def author() -> User:
    return make_user(name="김작성")


@pytest.fixture
def campaign(author: User) -> Campaign:
    project = make_project(owner=make_user(name="박승인"), needs_approval=True, name="가을 상점")
    make_member(project=project, user=author)
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    made = make_campaign(project=project, document=campaign_document(segment=segment))
    made.versions.update(created_by=author)
    return made


def test_the_author_asks_and_another_launches(browser: Browser, live_server: Any, campaign: Campaign, author: User) -> None:
    project = campaign.project
    review = reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, "review"])
    show = reverse("campaigns:show-campaign", args=[project.public_id, campaign.public_id])
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, author)
        shoot(page, review, "approval-ask")
        speak(page, "en")
        page.goto(review)
        page.get_by_label("Note for those who approve").fill("금요일 오전까지 부탁합니다.")
        page.get_by_role("button", name="Ask for approval").click()
        page.wait_for_url(f"**{show}")
        shoot(page, show, "approval-author")
        shoot(
            page, reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, "message"]), "approval-wizard"
        )
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, project.created_by)
        shoot(page, reverse("console:show-overview", args=[project.public_id]), "approval-overview")
        shoot(page, reverse("campaigns:list-campaigns", args=[project.public_id]), "approval-list")
        shoot(page, reverse("projects:edit-project", args=[project.public_id]), "approval-settings")
        shoot(page, show, "approval-approver")
        speak(page, "en")
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(show)
        page.get_by_role("button", name="Approve and launch").click()
        page.locator("#confirm-approve").get_by_role("button", name="Approve and launch").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED


def test_what_was_sent_back_says_why(browser: Browser, live_server: Any, campaign: Campaign, author: User) -> None:
    asked = approvals.ask(campaign=campaign, actor=author, now=clock.now())
    show = reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id])
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, campaign.project.created_by)
        speak(page, "en")
        page.goto(show)
        page.get_by_label("What is to be mended").fill("제목에 행사 기간을 적어 주세요.")
        page.get_by_role("button", name="Send back").click()
        page.wait_for_url("**/campaigns/")
        asked.refresh_from_db()
        assert (asked.state, asked.answer) == ("SENT_BACK", "제목에 행사 기간을 적어 주세요.")
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, author)
        shoot(page, show, "approval-sent-back")
