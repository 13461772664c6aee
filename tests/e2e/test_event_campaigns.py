"""The step of a campaign that events start, in Chromium: what belongs to events shows with their choice, and the sentence follows."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.services.event_types import kinds_of
from core import clock
from tests.campaigns.test_event_campaigns import gold
from tests.console.world import logged_in
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def test_events_are_chosen_with_conditions_and_an_end(browser: Browser, live_server: Any) -> None:
    owner = make_user()
    project = make_project(owner=owner)
    make_sender(project=project)
    kinds_of(project_id=project.pk, names=["cart.viewed", "order.placed"])
    draft = make_campaign(project=project, document=campaign_document(segment=gold(project)), name="장바구니")
    path = reverse("campaigns:edit-campaign", args=[project.public_id, draft.public_id, "schedule"])
    with watched_page(browser, live_server.url) as page:
        session = logged_in(owner).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(path)
        expect(page.locator("[name=event_conditions]")).to_be_hidden()
        page.select_option("[name=frequency]", "EVENT")
        page.select_option("[name=event_types]", ["cart.viewed", "order.placed"])
        page.fill("[name=event_conditions]", "category = shoes, bags\nprice >= 100")
        end = clock.now() + datetime.timedelta(days=30)
        page.fill("[name=end]", f"{end:%Y-%m-%dT18:00}")
        page.locator("[name=event_type]").click()

        said = "When “cart.viewed” or “order.placed” happens, if category = “shoes” or “bags” and price >= 100:"
        expect(page.locator("#moments")).to_contain_text(said)
        page.get_by_role("button", name="Next: review").click()
        expect(page.locator("dl")).to_contain_text(said)
        shoot(page, path, "event-step")
        shoot(page, path.replace("schedule", "review"), "event-review")
