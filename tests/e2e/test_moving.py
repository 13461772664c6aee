"""What Pinpoint counted of a campaign, on its page, in Chromium: in both languages, wide and on a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.services.partitions import ensure_partitions
from core import clock
from tests.api.test_moving import APP, DONE, FOLDER, GOING, WEEKLY
from tests.console.world import logged_in
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.projects import make_user

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def test_a_campaign_from_pinpoint_shows_what_was_counted_there(browser: Browser, live_server: Any, tmp_path: Path) -> None:
    ensure_partitions(now=clock.now())
    owner = make_user(is_superuser=True)
    call_command("import_from_pinpoint", str(FOLDER), "--report", str(tmp_path / "report.json"))
    session = logged_in(owner).cookies[settings.SESSION_COOKIE_NAME].value

    with watched_page(browser, live_server.url) as page:
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto(reverse("campaigns:show-campaign", args=[APP, DONE]))
        speak(page, "en")
        page.reload()
        expect(page.locator("#past")).to_contain_text("in none of Pabal's own numbers")
        expect(page.locator("[data-past='Attempted']")).to_have_text("1,200")
        expect(page.locator("[data-number='Targeted']")).to_have_text("0")
        shoot(page, reverse("campaigns:show-campaign", args=[APP, DONE]), "moved-campaign")
        shoot(page, reverse("campaigns:edit-campaign", args=[APP, WEEKLY, "review"]), "moved-draft")
        shoot(page, reverse("campaigns:edit-campaign", args=[APP, GOING, "review"]), "moved-going")
