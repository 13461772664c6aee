"""Pages of numbers in Chromium while events come: figures, pictures and tables follow without being loaded again."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from analytics.models import EventKind
from projects.models import Project
from tests.console.test_statistics_pages import record
from tests.console.world import make_world
from tests.e2e.conftest import shoot, watched_page
from tests.e2e.test_templates import log_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
_LOOKS = "document.dispatchEvent(new Event('visibilitychange'))"  # as when somebody comes back to the page
_DRAWN = """() => {
    const { data } = window.echarts.getInstanceByDom(document.querySelector("#chart-messages .chart-box")).getOption().series[0];
    return data[data.length - 1];
}"""


def happen(project: Project, kind: int, endpoints: list[int], **more: Any) -> None:
    record(project, kind, endpoints, ago=datetime.timedelta(), **more)


def today(page: Page) -> str:
    return page.locator("#chart-messages tbody tr").last.locator("td").first.text_content() or ""


def test_numbers_follow_what_happens_until_one_stops_them(browser: Browser, live_server: Any) -> None:
    world = make_world()
    happen(world.project, EventKind.EMAIL_SEND, [1, 2, 3])
    happen(world.project, EventKind.EMAIL_DELIVERED, [1, 2, 3])
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "statistics/")
        expect(page.get_by_role("button", name="Live updates")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#chart-messages canvas")).to_have_count(1)
        page.evaluate("window.isTheSame = true")
        page.locator("#chart-messages summary").click()
        before = int(today(page))
        page.evaluate("window.scrollTo(0, 300)")
        happen(world.project, EventKind.EMAIL_SEND, [4, 5])
        happen(world.project, EventKind.EMAIL_DELIVERED, [4, 5])
        page.evaluate(_LOOKS)
        last = page.locator("#chart-messages tbody tr").last.locator("td").first
        expect(last).to_have_text(str(before + 2))
        expect(page.get_by_role("status").filter(has_text="New numbers, as of")).to_have_count(1)
        assert page.evaluate(_DRAWN) == before + 2
        assert page.evaluate("window.isTheSame && window.scrollY") == 300
        expect(page.locator("#chart-messages details")).to_have_attribute("open", "")

        page.get_by_role("button", name="Live updates").click()
        happen(world.project, EventKind.EMAIL_DELIVERED, [6])
        page.evaluate(_LOOKS)
        page.get_by_role("button", name="Live updates").press("Enter")
        expect(last).to_have_text(str(before + 3))
        shoot(page, project + "statistics/", "live")


def test_a_page_without_numbers_gets_its_pictures_when_the_first_come(browser: Browser, live_server: Any) -> None:
    world = make_world()
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "statistics/revenue/")
        expect(page.locator("canvas")).to_have_count(0)
        told = {"attributes": {"_currency": "KRW", "_product_id": "A"}, "metrics": {"_item_price": 9_900, "_quantity": 1}}
        happen(world.project, EventKind.MONETIZATION_PURCHASE, [1], data=told)
        page.evaluate(_LOOKS)
        expect(page.locator("canvas").first).to_be_visible()
        expect(page.get_by_text("9,900").first).to_be_attached()
