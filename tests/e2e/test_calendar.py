"""The calendar and a restored campaign in Chromium: wide and narrow, in both languages, by keyboard."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Browser, expect

from analytics.models import EventKind, SendCounter, SourceKind
from campaigns.calendar import entries
from campaigns.models import Run
from campaigns.services import launch, restoring
from core import clock
from core.audience import Audience
from projects.models import Project, User
from segments.models import Segment
from tests.console.world import logged_in
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def fill(project: Project, segment: Segment, now: datetime.datetime) -> None:
    """A month as a shop has it."""
    hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)
    plans: list[tuple[str, datetime.datetime, dict[str, Any]]] = [
        ("아침 뉴스레터", now - 6 * day, {"Frequency": "DAILY"}),
        ("주간 베스트", now - 13 * day, {"Frequency": "WEEKLY"}),
        ("재고 알림", now + day, {"Frequency": "HOURLY"}),
        ("월말 정산 안내", now + 2 * day, {"Frequency": "MONTHLY"}),
        ("블랙프라이데이 얼리버드 초대장", now + 3 * day + 2 * hour, {"Frequency": "ONCE"}),
        ("해외 고객 공지", now + 2 * day, {"Frequency": "DAILY", "IsLocalTime": True}),
    ]
    for name, start, more in plans:
        text = f"{start:%Y-%m-%dT%H:00:00}" + ("" if more.get("IsLocalTime") else "Z")
        campaign = make_campaign(
            project=project, name=name, document=campaign_document(segment=segment, schedule={"StartTime": text, **more})
        )
        launch.launch_campaign(campaign=campaign, actor=None, now=start - hour)
        at = start
        while at < now and more["Frequency"] != "HOURLY":
            run = Run.objects.create(
                project=project, campaign=campaign, occurrence_at=at, due_at=at, state="COMPLETED", completed_at=at,
                campaign_version=1, targeted=1300, frozen=1250,
            )  # fmt: skip
            SendCounter.objects.create(
                project_id=project.pk, source_kind=SourceKind.CAMPAIGN, source_id=campaign.pk, run_id=run.pk,
                kind=EventKind.CAMPAIGN_SEND, channel="EMAIL", status="SUCCESS", hour=at, total=1238,
            )  # fmt: skip
            at += 7 * day if more["Frequency"] == "WEEKLY" else day
        campaign.treatments.update(next_run_at=max(at, start))
    paused = make_campaign(
        project=project, name="멈춘 캠페인",
        document=campaign_document(segment=segment, schedule={"StartTime": f"{now + 4 * day:%Y-%m-%dT%H:00:00}Z"}),
    )  # fmt: skip
    launch.launch_campaign(campaign=paused, actor=None, now=now)
    launch.pause_campaign(campaign=paused, actor=None, now=now)


def test_the_calendar_is_read_and_walked_by_keyboard(browser: Browser, live_server: Any, clean_redis: Any) -> None:
    project = make_project()
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=7)))
    now = clock.now()
    fill(project, segment, now)
    path = reverse("campaigns:show-calendar", args=[project.public_id])
    session = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": logged_in(project.created_by).cookies[settings.SESSION_COOKIE_NAME].value,
    }
    with watched_page(browser, live_server.url) as page:
        page.context.add_cookies([session | {"url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(path)
        expect(page.get_by_text("Some are still being counted.")).to_be_visible()
        entries.count_missing(project=project, clock=clock.now)
        expect(page.get_by_text("Some are still being counted.")).to_have_count(0)  # by itself
        expect(page.get_by_text("about 7").first).to_be_attached()

        page.locator("[aria-current=date]").focus()
        today = page.evaluate("document.activeElement.getAttribute('href')")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.getAttribute('href')") != today
        page.keyboard.press("Enter")
        expect(page.locator(".calendar-list")).to_be_visible()
        page.goto(path)
        page.locator("[aria-current=date]").focus()
        page.keyboard.press("PageDown")
        expect(page.locator("[aria-current=date]")).to_have_count(0)

        for view in ("month", "week", "day"):
            shoot(page, f"{path}?view={view}", f"calendar-{view}")
        speak(page, "en")
        page.goto(f"{path}?view=week")
        page.get_by_role("link", name="아침 뉴스레터").first.click()
        expect(page.get_by_role("heading", name="아침 뉴스레터")).to_be_visible()


def test_a_restored_campaign_says_what_is_in_doubt(browser: Browser, live_server: Any) -> None:
    project = make_project()
    make_sender(project=project)
    User.objects.filter(pk=project.created_by.pk).update(is_staff=True)
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=3)))
    now = clock.now()
    campaign = make_campaign(
        project=project,
        document=campaign_document(segment=segment, schedule={"StartTime": "2026-01-01T00:00:00Z", "Frequency": "DAILY"}),
    )
    launch.launch_campaign(campaign=campaign, actor=None, now=now - datetime.timedelta(days=2))
    restoring.hold_everything(since=now - datetime.timedelta(days=1), actor=None, now=now)
    path = reverse("campaigns:show-campaign", args=[project.public_id, campaign.public_id])
    session = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": logged_in(project.created_by).cookies[settings.SESSION_COOKIE_NAME].value,
    }
    with watched_page(browser, live_server.url) as page:
        page.context.add_cookies([session | {"url": live_server.url}])
        page.goto("/")
        shoot(page, path, "restored")
        shoot(page, "/health/", "restored-health")
        speak(page, "en")
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(path)
        page.get_by_role("button", name="Go on, and send nothing that may have been sent").click()
        expect(page.get_by_text("Nothing is sent until you choose")).to_have_count(0)
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
