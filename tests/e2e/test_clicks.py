"""The mail with the clicks drawn on it, in Chromium: badges in the frame, the list leads to them, by keyboard and on a telephone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.models import EventKind
from analytics.services.partitions import ensure_partitions
from core import clock
from core.audience import Audience
from messaging.message_templates import mjml
from tests.campaigns.test_clicks import OTHER, email
from tests.campaigns.test_sending import Clock, RecordingTransport
from tests.campaigns.test_treatments import with_treatments, work
from tests.console.world import logged_in
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.analytics import write_hits
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project, make_user

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

DESIGN = Path(__file__).parent.parent.parent / "messaging" / "message_templates" / "designs" / "sale.ko.mjml"
PICTURE = (
    '<mj-image href="https://shop.kr/picture" alt="외투" src="data:image/svg+xml;utf8,'
    "%3Csvg xmlns='http://www.w3.org/2000/svg' width='600' height='200'%3E%3Crect width='600' height='200' fill='%23cfe0fa'/%3E%3C/svg%3E"
    '"></mj-image>'
)
MORE = (
    '<mj-text>지난주 소식은 <a href="https://shop.kr/news">여기</a>에서, 매장은 <a href="https://shop.kr/stores?a=1&amp;utm_source=mail">'
    "가까운 매장 찾기</a>에서 볼 수 있습니다.</mj-text>"
)


def html() -> str:
    source = DESIGN.read_text()
    first = source.index("</mj-button>") + len("</mj-button>")
    return mjml.compiled(source[:first] + PICTURE + MORE + source[first:])


def test_badges_stand_at_the_links_and_the_list_leads_to_them(browser: Browser, live_server: Any) -> None:
    ensure_partitions(now=clock.now())
    owner = make_user()
    project = make_project(owner=owner)
    make_sender(project=project)
    members = make_members(project=project, count=400)
    second = {"SizePercent": 30, "TreatmentName": "짧은 메일", "MessageConfiguration": email(OTHER)}
    campaign = with_treatments(
        project=project, members=Audience(members), MessageConfiguration=email(html()), AdditionalTreatments=[second]
    )
    work(clock=Clock(), transport=RecordingTransport())
    chance = random.Random(3)
    for run in campaign.runs.all():
        recipients = list(run.audience or [])
        for link, share in enumerate((0.3, 0.12, 0.02, 0.05) if run.treatment == 0 else (0.2,)):
            write_hits(run=run, endpoint_ids=chance.sample(recipients, int(share * len(recipients))), link=link)
        write_hits(run=run, endpoint_ids=recipients[:2], kind=EventKind.EMAIL_UNSUBSCRIBE)
    path = reverse("campaigns:show-campaign", args=[project.public_id, campaign.public_id])
    with watched_page(browser, live_server.url) as page:
        session = logged_in(owner).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(path)
        page.get_by_role("link", name="Clicks on the mail").click()
        frame = page.frame_locator("iframe")
        expect(frame.locator("[data-pabal-badge]")).to_have_count(6)  # four links, two to unsubscribe
        expect(page.locator("tbody tr").first).to_contain_text("https://example.com/")
        page.get_by_label("Show link 4 in the mail").focus()
        page.keyboard.press("Enter")
        expect(frame.locator("#pabal-link-2")).to_be_in_viewport()
        assert page.url.endswith("clicks/")
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV").click()
        lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
        assert lines[0] == "#,Link,People,Share,Clicks"
        assert len(lines) == 5
        shoot(page, page.url, "clicks")
        speak(page, "en")
        page.goto(path + "clicks/")
        page.get_by_label("Message").select_option(index=1)
        page.get_by_role("button", name="Show").first.click()
        expect(page.frame_locator("iframe").locator("[data-pabal-badge]")).to_have_count(2)
