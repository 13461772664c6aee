"""A result's picture and a dashboard in a real browser: drawn, pinned, arranged by keyboard and by mouse, made anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from analytics.models import EventKind, HitClass
from console.models import Dashboard, DashboardTile, SavedQuery
from console.services import refreshing
from core import clock
from tests.analytics.lake import event, written
from tests.console.world import World, make_world
from tests.e2e.conftest import shoot, watched_page
from tests.e2e.test_templates import log_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
BY_DAY = """\
SELECT day, event_type, count(*) AS events
FROM all_events
GROUP BY ALL
ORDER BY day"""


def fill(world: World) -> None:
    written(*(
        event(world.project, endpoint_id=number % 17 + 1, kind=kind, minutes=minutes * 60 * 6 + number, hit_class=HitClass.PERSON)
        for kind, count in ((EventKind.EMAIL_OPEN, 7), (EventKind.EMAIL_CLICK, 3), (EventKind.EMAIL_UNSUBSCRIBE, 1))
        for minutes in range(40) for number in range(count + minutes % 5)
    ))  # fmt: skip


def order(page: Page) -> list[str]:
    return [one.get_attribute("aria-label") or "" for one in page.locator("#tiles > section").all()]


def test_a_result_is_drawn_pinned_and_arranged(browser: Browser, live_server: Any, settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    world = make_world()
    Dashboard.objects.all().delete()
    fill(world)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "sql/")
        page.locator("#sql .ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(BY_DAY)
        page.keyboard.press("Control+Enter")
        page.get_by_label("Chart", exact=True).select_option("line")
        expect(page.locator("#picture canvas")).to_be_visible()
        page.get_by_label("A line for each").select_option("event_type")
        expect(page.locator("#picture th").get_by_text("_email.click")).to_have_count(1)
        page.get_by_text("Numbers as a table").click()
        expect(page.locator("#picture").get_by_role("columnheader", name="_email.click")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV", exact=True).click()
        assert Path(download.value.path()).read_text("utf-8-sig").startswith("day,_email.click,_email.open,")
        page.get_by_label("Name of the query").fill("By day")
        page.get_by_label("Dashboard", exact=True).fill("The week")
        page.get_by_role("button", name="Save and pin").click()
        expect(page.get_by_role("heading", name="The week")).to_be_visible()
        expect(page.get_by_text("The first numbers are on their way.")).to_be_visible()
        refreshing.refresh(clock=clock.now)
        expect(page.locator("#tiles canvas")).to_be_visible()
        expect(page.get_by_text(re.compile("seconds? ago")).or_(page.get_by_text("now", exact=True))).to_be_visible()
        dashboard = Dashboard.objects.get()
        shown = f"{project}dashboards/{dashboard.pk}/"
        for name, chart, sql in (
            ("Opens", {"kind": "number"}, "SELECT count(*) AS opens, count(DISTINCT endpoint_id) AS people FROM email_open"),
            ("Kinds", {"kind": "pie"}, "SELECT event_type, count(*) AS n FROM all_events GROUP BY ALL"),
            ("Stacked", {"kind": "stacked", "x": "day", "series": "event_type"}, BY_DAY + "\n"),
            ("Rows", {}, "SELECT client_id, endpoint_id, count(*) AS n FROM all_events GROUP BY ALL ORDER BY n DESC"),
            ("Wrong", {"kind": "bar"}, "SELECT nope FROM all_events"),
        ):
            query = SavedQuery.objects.create(project=world.project, name=name, sql=sql, chart=chart, saved_at=clock.now())
            place = dashboard.tiles.count()
            DashboardTile.objects.create(dashboard=dashboard, query=query, place=place, is_wide=name == "Stacked")
        refreshing.refresh(clock=clock.now)
        shoot(page, shown, "dashboard")
        page.context.clear_cookies(name="pabal_language")
        page.context.add_cookies([{"name": "pabal_language", "value": "en", "url": live_server.url}])
        page.goto(shown)
        page.set_viewport_size({"width": 1440, "height": 1000})
        expect(page.locator("#tiles canvas")).to_have_count(3)
        page.get_by_role("link", name="Arrange").click()
        page.get_by_role("button", name="Move “Opens” to an earlier place").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#tiles > section").first).to_have_attribute("aria-label", "Opens")
        expect(page.get_by_role("button", name="Move “Opens” to an earlier place")).to_be_focused()
        page.locator("section[aria-label=Kinds]").get_by_role("button", name="Full width").focus()
        page.keyboard.press("Enter")
        expect(page.locator("section[aria-label=Kinds]").get_by_role("button", name="Half width")).to_be_focused()
        page.locator("section[aria-label=Kinds] .card-header").drag_to(page.locator("section[aria-label=Opens] .card-header"))
        expect(page.locator("#tiles > section").first).to_have_attribute("aria-label", "Kinds")
        page.wait_for_load_state("networkidle")
        kept = [tile.query.name for tile in refreshing.tiles_of(dashboard)]
        assert kept == order(page) == ["Kinds", "Opens", "By day", "Stacked", "Rows", "Wrong"]
        shoot(page, shown + "?arrange", "dashboard-arrange")
        shoot(page, project + "dashboards/", "dashboards")
        shoot(page, f"{project}sql/?saved={SavedQuery.objects.get(name='By day').pk}", "sql-picture")
    assert DashboardTile.objects.get(query__name="Kinds").is_wide
