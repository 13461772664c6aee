"""One draft in two windows of Chromium, and a schedule that allows no run."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from campaigns.models import Campaign
from core.audience import Audience
from tests.e2e.conftest import SHOTS, WIDTHS, speak, watched_page
from tests.e2e.test_builder import enter
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


@pytest.fixture
def campaign() -> Campaign:
    project = make_project()
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    return make_campaign(project=project, document=campaign_document(segment=segment))


def step(campaign: Campaign, name: str) -> str:
    return reverse("campaigns:edit-campaign", args=[campaign.project.public_id, campaign.public_id, name])


def picture(page: Page, name: str) -> None:
    """What is on the screen now, wide and narrow, without loading it again."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is wider than {width} px"
        page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_second_window_is_asked_and_enter_does_not_overwrite(
    browser: Browser, live_server: Any, campaign: Campaign, language: str
) -> None:
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, campaign.project.created_by)
        speak(page, language)
        page.goto(step(campaign, "message"))
        other = page.context.new_page()
        other.goto(step(campaign, "message"))
        other.locator("[name=subject]").fill("(광고) 다른 창")
        other.locator("button.btn-primary").click()
        other.wait_for_url("**/edit/schedule/")

        page.locator("[name=subject]").fill("(광고) 이 창")
        page.locator("#message-form button.btn-primary").click()
        expect(page.locator(".alert-warning [name=over]")).to_have_attribute("value", "2")
        picture(page, f"two-windows-{language}")
        page.locator("[name=subject]").press("Enter")
        expect(page.locator("[name=subject]")).to_have_value("(광고) 이 창")
        campaign.refresh_from_db()
        assert campaign.document["MessageConfiguration"]["EmailMessage"]["Title"] == "(광고) 다른 창"

        page.locator("[name=over]").click()
        page.wait_for_url("**/edit/schedule/")
        campaign.refresh_from_db()
        assert campaign.document["MessageConfiguration"]["EmailMessage"]["Title"] == "(광고) 이 창"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_end_before_the_start_is_said_while_it_is_typed(
    browser: Browser, live_server: Any, campaign: Campaign, language: str
) -> None:
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, campaign.project.created_by)
        speak(page, language)
        page.goto(step(campaign, "schedule"))
        page.locator("[name=frequency]").select_option("DAILY")
        page.locator("[name=start_kind][value=later]").check()
        page.locator("[name=start]").fill("2098-01-02T09:00")
        page.locator("[name=end]").fill("2098-01-01T09:00")
        page.locator("[name=end]").press("Tab")
        expect(page.locator("#moments [role=alert]")).to_be_visible()

        page.locator("button.btn-primary").click()
        expect(page.locator(".invalid-feedback")).to_be_visible()
        picture(page, f"no-run-{language}")
