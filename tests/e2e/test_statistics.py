"""The pages of statistics in a real browser: pictures are drawn, each has its table by keyboard, and they are saved as CSV and PNG."""

from __future__ import annotations

import datetime
import random
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from playwright.sync_api import Browser, Page, expect

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from campaigns.models import Run, Slice, SliceOutcome, Treatment
from core import clock
from core.audience import Audience
from endpoints.models import AudienceDay
from tests.console.world import World, make_world
from tests.e2e.conftest import SHOTS, shoot, speak, watched_page
from tests.e2e.test_templates import log_in
from tests.factories.campaigns import make_campaign, make_run
from tests.factories.endpoints import make_members
from tests.factories.projects import make_project

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

KINDS = [
    (EventKind.EMAIL_SEND, 400), (EventKind.EMAIL_DELIVERED, 390), (EventKind.EMAIL_OPEN, 150), (EventKind.EMAIL_CLICK, 40),
    (EventKind.EMAIL_HARDBOUNCE, 10), (EventKind.SESSION_START, 200), (EventKind.MONETIZATION_PURCHASE, 30),
]  # fmt: skip


def bought(chance: random.Random) -> dict[str, Any]:
    product = chance.choice([f"SKU-{number}" for number in range(12)])
    return {
        "attributes": {"_product_id": product, "_currency": "KRW"},
        "metrics": {"_item_price": chance.randrange(5, 90) * 1_000},
    }


def fill(world: World) -> None:
    chance, now = random.Random(7), clock.now()
    ensure_partitions(now=now)
    people = make_members(project=world.project, count=400)
    of = {"source_kind": SourceKind.CAMPAIGN, "source_id": world.campaign.pk, "run_id": 1}
    rows = []
    for days in range(45):
        for kind, count in KINDS:
            for _number in range(int(count * chance.uniform(0.2, 1) / 6)):
                at = now - datetime.timedelta(days=days, hours=chance.triangular(0, 23, 14))
                rows.append(EventRow(
                    id=uuid.uuid4(), occurred_at=at, project_id=world.project.pk, endpoint_id=chance.choice(people), kind=kind,
                    hit_class=HitClass.PERSON, **(of if kind < EventKind.SESSION_START or chance.random() < 0.4 else {}),
                    **({"data": bought(chance)} if kind == EventKind.MONETIZATION_PURCHASE else {}),
                ))  # fmt: skip
    with transaction.atomic():
        record_events(events=rows)


EXPLORED = (
    f"statistics/events/explore/?type={int(EventKind.MONETIZATION_PURCHASE)}&measure=sum&metric=_item_price&group=a:_product_id"
)


def ask_and_make(page: Page, project: str) -> None:
    """A question by its form; then a segment of a point of a picture by mouse, and of one of its table by keyboard."""
    page.goto(project + "statistics/events/")
    page.get_by_role("row", name="_monetization.purchase").get_by_role("link").click()
    page.get_by_label("What is counted").select_option(label="Sum of a metric")
    page.get_by_label("Metric", exact=True).first.fill("_item_price")
    page.get_by_label("Told apart by").select_option(label="_product_id")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("figure:has(canvas)")).to_have_count(1)
    page.mouse.click(*place_of_bar(page))
    page.wait_for_url("**/statistics/point/**")
    expect(page.get_by_text("A fixed set")).to_be_visible()
    page.go_back()
    page.get_by_text("Numbers as a table").focus()
    page.keyboard.press("Enter")
    page.locator("figure td a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_label("Segment name").fill("Bought it")
    page.get_by_role("button", name="Make the segment").press("Enter")
    expect(page.get_by_role("heading", name="Bought it")).to_be_visible()


def place_of_bar(page: Page) -> tuple[float, float]:
    """The middle of a bar of the first series, on the screen."""
    box = page.locator(".chart-box").bounding_box()
    assert box is not None
    x, y = page.evaluate("""() => {
        const chart = echarts.getInstanceByDom(document.querySelector(".chart-box"));
        const { data } = chart.getOption().series[0];
        const label = data.findIndex((value) => value);
        return chart.convertToPixel({ seriesIndex: 0 }, [label, data[label] / 2]);
    }""")
    return box["x"] + x, box["y"] + y


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).first.click()
    return Path(download.value.path()).read_bytes()


def test_pictures_are_drawn_and_each_is_a_table_too(browser: Browser, live_server: Any) -> None:
    world = make_world()
    fill(world)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project)
        page.get_by_role("link", name="Statistics", exact=True).click()
        expect(page.locator("figure:has(canvas)")).to_have_count(2)
        page.get_by_text("Numbers as a table").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("row")).not_to_have_count(0)
        expect(page.get_by_role("columnheader", name="Delivered").first).to_be_visible()
        csv = saved(page, "CSV").decode("utf-8-sig").splitlines()
        assert csv[0].startswith("Day,Sent,Delivered")
        assert len(csv) == 31
        assert saved(page, "PNG").startswith(b"\x89PNG")
        page.goto(project + "statistics/usage/")
        expect(page.locator("figure:has(canvas)")).to_have_count(5)
        ask_and_make(page, project)
        page.goto(project + "statistics/funnel/")
        page.get_by_label("Step 1").select_option(label="Session began (_session.start)")
        page.get_by_label("Step 2").select_option(label="Bought something (_monetization.purchase)")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("figure:has(canvas)")).to_have_count(1)
        funnel = page.url
        for address, name in (
            (project + "statistics/", "statistics"), (project + "statistics/usage/", "usage"),
            (project + "statistics/events/", "events"), (funnel, "funnel"), (project + EXPLORED, "explore"),
            (project + "statistics/revenue/", "revenue"),
        ):  # fmt: skip
            shoot(page, address, name)
        speak(page, "en")


def test_the_first_page_tells_how_a_project_does(browser: Browser, live_server: Any) -> None:
    world = make_world()
    fill(world)
    now = clock.now()
    for ago in range(1, 31):
        AudienceDay.objects.create(
            project=world.project,
            day=(now - datetime.timedelta(days=ago)).date(),
            endpoints=401 - 9 * ago,
            reachable=380 - 9 * ago,
        )
    for name, state, days in (
        ("가을 세일 안내", "EXECUTING", None),
        ("주간 소식", "PENDING_NEXT_RUN", 3),
        ("겨울 예고", "SCHEDULED", 9),
    ):
        campaign = make_campaign(project=world.project, document={}, name=name, state=state, launched_at=now)
        due = now + datetime.timedelta(days=days) if days else None
        Treatment.objects.create(campaign=campaign, next_run_at=due)
        if due is None:
            run = make_run(campaign=campaign, at=now, frozen=400, targeted=420)
            Run.objects.filter(pk=run.pk).update(state="RUNNING")
            part = Slice.objects.create(run=run, number=1, ids=Audience([1]), size=1)
            SliceOutcome.objects.create(slice=part, run=run, outcome="SUCCESS", members=Audience([1]), total=260)
    new = make_project(owner=world.project.created_by)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project)
        expect(page.locator("figure:has(canvas)")).to_have_count(4)
        shoot(page, project, "overview-pictures")
        shoot(page, project.replace(world.project.public_id, new.public_id), "overview-new")
        speak(page, "en")
        page.goto(project)
        page.get_by_role("link", name="All statistics").click()
        expect(page.get_by_role("heading", name="Statistics")).to_be_visible()


def test_the_weekly_report_is_ordered_and_reads_well(browser: Browser, live_server: Any) -> None:
    world = make_world()
    fill(world)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        speak(page, "en")
        page.goto(project + "statistics/report/")
        page.get_by_label("Weekday").select_option(label="Friday")
        page.get_by_role("checkbox").first.check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("1 get the report")).to_be_visible()
        shoot(page, project + "statistics/report/", "report-page")
        speak(page, "en")
        page.goto(project + "statistics/report/")
        page.get_by_role("button", name="Mail me one now").click()
        expect(page.get_by_text("Mailed to")).to_be_visible()
    with watched_page(browser, live_server.url) as page:
        for width in (700, 375):
            page.set_viewport_size({"width": width, "height": 900})
            page.set_content(str(mail.outbox[0].alternatives[0][0]))  # type: ignore[attr-defined]
            page.screenshot(path=SHOTS / f"report-mail-{width}.png", full_page=True)
