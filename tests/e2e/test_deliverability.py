"""The pages of receiving domains and of readers in Chromium, of a project and of a campaign."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.events import EventBlock
from analytics.hits import queue
from analytics.links import LinkContext, SignedHit
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


AGENTS = {
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)": 700,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148": 520,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36": 410,
    "Mozilla/5.0 (Linux; Android 16; SM-S938N) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/30.0 Chrome/150.0.0.0 Mobile "
    "Safari/537.36": 330,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1) AppleWebKit/605.1.15 Mobile/15E148 KAKAOTALK 26.1.0": 120,
    "Barracuda Sentinel (EE)": 60,
    "Acme Reader 7": 9,
}


def test_readers_are_drawn_and_whose_hits_count_is_chosen(browser: Browser, live_server: Any) -> None:
    world, chance = make_world(), random.Random(4)
    now = clock.now()
    ensure_partitions(now=now)
    run = world.campaign.runs.first()
    assert run is not None
    context = LinkContext(project_id=world.project.pk, campaign_id=world.campaign.pk, run_id=run.pk)
    events = []
    for agent, count in AGENTS.items():
        for number in range(count):
            kind = EventKind.EMAIL_CLICK if number % 6 == 0 else EventKind.EMAIL_OPEN
            token = SignedHit("open", context, 1 + number, link_number=0 if kind == EventKind.EMAIL_CLICK else None)
            at = now - datetime.timedelta(hours=min(23, int(chance.expovariate(0.2))))
            events.append(queue.hit_event(kind=kind, token=token, now=at, user_agent=agent, ip="203.0.113.9", method="GET"))
    ensure_partitions(now=now - datetime.timedelta(days=1))
    with transaction.atomic():
        record_events(events=events)
    with watched_page(browser, live_server.url) as page:
        session = logged_in(world.owner).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(reverse("campaigns:show-campaign", args=[world.project.public_id, world.campaign.public_id]))
        expect(page.locator("[data-number=Opened]")).to_have_text("583")
        page.get_by_label("Mail providers' proxies").uncheck()
        page.get_by_role("button", name="Count these").click()
        expect(page.locator("[data-number=Opened]")).to_have_text("433")
        address = page.url
        page.get_by_role("link", name="By program, device and hour").click()
        expect(page.get_by_label("Mail providers' proxies")).not_to_be_checked()
        expect(page.locator("figure:has(canvas)")).to_have_count(3)
        page.get_by_role("link", name="As usual").click()
        expect(page.get_by_label("Mail providers' proxies")).to_be_checked()
        shoot(page, page.url, "readers")
        shoot(page, address, "campaign-counted")
