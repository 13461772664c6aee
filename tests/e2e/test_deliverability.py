"""The pages of receiving domains in Chromium, of a project and of a campaign."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.events import EventBlock
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services import mail_domains
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from core import clock
from tests.console.world import logged_in, make_world
from tests.e2e.conftest import shoot, speak, watched_page

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

DOMAINS = {
    "naver.com": 4100,
    "gmail.com": 2300,
    "daum.net": 700,
    "hanmail.net": 600,
    "kakao.com": 500,
    "nate.com": 90,
    "outlook.com": 40,
}
RATES = {
    EventKind.EMAIL_OPEN: 0.31,
    EventKind.EMAIL_CLICK: 0.05,
    EventKind.EMAIL_SOFTBOUNCE: 0.012,
    EventKind.EMAIL_HARDBOUNCE: 0.004,
}


def test_domains_are_listed_and_drawn(browser: Browser, live_server: Any) -> None:
    world, chance = make_world(), random.Random(4)
    now = clock.now()
    ensure_partitions(now=now)
    numbers = mail_domains.numbers_of(project_id=world.project.pk, names=DOMAINS)
    common = {"project_id": world.project.pk, "source_kind": SourceKind.CAMPAIGN, "source_id": world.campaign.pk, "run_id": 1}
    blocks = []
    for name, count in DOMAINS.items():
        for kind, rate in {EventKind.EMAIL_SEND: 1.0, **RATES}.items():
            many = int(count * rate * chance.uniform(0.6, 1)) if rate < 1 else count
            hit_class = HitClass.PERSON if kind in (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK) else HitClass.NONE
            blocks.append(EventBlock(
                occurred_at=now, endpoint_ids=list(range(1, many + 1)), kind=kind, hit_class=hit_class,
                domains=[numbers[name]] * many, **common,
            ))  # fmt: skip
    with transaction.atomic():
        record_events(events=[], blocks=blocks)
    with watched_page(browser, live_server.url) as page:
        session = logged_in(world.owner).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(reverse("campaigns:show-campaign", args=[world.project.public_id, world.campaign.public_id]))
        page.get_by_role("link", name="Receiving domains").click()
        expect(page.locator("figure:has(canvas)")).to_have_count(2)
        page.get_by_role("link", name="Opens", exact=True).click()
        expect(page.get_by_role("heading", name="Opens by day")).to_be_visible()
        shoot(page, page.url, "domains-campaign")
        shoot(page, reverse("console:show-deliverability", args=[world.project.public_id]), "domains")
