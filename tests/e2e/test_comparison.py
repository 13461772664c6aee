"""The comparison of campaigns in Chromium: ticked in the list, drawn, left out and added again, as CSV and on a telephone."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.models import EventKind
from analytics.services.partitions import ensure_partitions
from campaigns.models import Campaign
from core import clock
from core.audience import Audience
from tests.campaigns.test_sending import Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.world import logged_in
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.analytics import write_hits
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def test_campaigns_are_ticked_and_compared(browser: Browser, live_server: Any) -> None:
    ensure_partitions(now=clock.now())
    owner = make_user()
    project = make_project(owner=owner)
    make_sender(project=project)
    chance = random.Random(5)
    for name, share in (("가을 세일 첫 소식", 0.5), ("겨울 준비", 0.3), ("회원 감사 주간 안내", 0.7)):
        members = make_members(project=project, count=200)
        campaign = with_treatments(project=project, members=Audience(members))
        Campaign.objects.filter(pk=campaign.pk).update(name=name)
        work(clock=Clock(), transport=RecordingTransport())
        run = campaign.runs.get()
        for kind, part in (
            (EventKind.EMAIL_OPEN, share),
            (EventKind.EMAIL_CLICK, share / 4),
            (EventKind.EMAIL_UNSUBSCRIBE, 0.01),
        ):
            for one in chance.sample(members, int(part * 200)):
                at = Clock().now + datetime.timedelta(hours=chance.expovariate(0.15))
                write_hits(run=run, endpoint_ids=[one], kind=kind, at=at)
    with watched_page(browser, live_server.url) as page:
        session = logged_in(owner).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        listed = reverse("campaigns:list-campaigns", args=[project.public_id])
        page.goto(listed)
        page.get_by_label("Compare 가을 세일 첫 소식").check()
        page.get_by_label("Compare 겨울 준비").check()
        page.get_by_role("button", name="Compare those that are ticked").click()
        expect(page.locator("figure:has(canvas)")).to_have_count(4)
        page.get_by_label("Campaign", exact=True).select_option(index=0)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("link", name="회원 감사 주간 안내", exact=True)).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV").first.click()
        assert len(Path(download.value.path()).read_text("utf-8-sig").splitlines()) == 4
        shoot(page, page.url, "comparison")
        shoot(page, listed, "campaigns")
