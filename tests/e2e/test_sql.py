"""The page of SQL in a real browser: the editor, its completion, values that are asked for, the result beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from segments.models import Segment
from tests.analytics.lake import event, written
from tests.console.world import make_world
from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_templates import log_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_query_is_written_completed_run_saved_and_its_people_become_a_segment(
    browser: Browser, live_server: Any, settings: Any, tmp_path: Path
) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    world = make_world()
    written(event(world.project, endpoint_id=world.endpoint_id))
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project)
        page.get_by_role("link", name="SQL", exact=True).click()
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_text("1 row in")).to_be_visible(timeout=15_000)
        expect(page.get_by_role("cell", name="_email.open")).to_be_visible()
        page.locator("#sql .ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text("SELECT client_id FROM ")
        page.keyboard.type("email_ope", delay=100)  # milliseconds; the list follows one key after the other
        expect(page.locator(".ace_autocomplete")).to_contain_text("email_open")
        page.keyboard.press("Escape")
        page.keyboard.type("n WHERE arrival_timestamp > :since AND '::no' <> ':no'")
        page.get_by_label("since").fill("2020-01-01")
        expect(page.locator("input[name^='value-']")).to_have_count(1)
        page.locator("#sql .ace_text-input").focus()
        page.keyboard.press("Control+Enter")
        page.get_by_label("Name of the segment").fill("Openers")
        page.get_by_label("Name of the query").fill("Who opened")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("link", name="Who opened")).to_be_visible()
        expect(page.get_by_label("since")).to_have_value("2020-01-01")
        saved = page.url
        shoot(page, saved, "sql")
        speak(page, "en")
        page.goto(saved)
        page.get_by_role("button", name="Run").click()
        page.get_by_label("Name of the segment").fill("Openers")
        page.get_by_role("button", name="as a segment").click()
        expect(page.get_by_role("heading", name="Openers")).to_be_visible(timeout=15_000)
        page.goto(project + "sql/")
        page.locator("#sql .ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("SELECT nope FROM all_events ")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("LINE 1: SELECT nope")).to_be_visible(timeout=15_000)
    assert Segment.objects.filter(name="Openers").count() == 1


COMPLETIONS = {
    "SELECT | FROM email_open": "client_id",
    "SELECT o.| FROM email_open o": "client_id",
    "SELECT a.| FROM email_open AS o, all_events a WHERE 1": "event_type",
    'SELECT "o".| FROM email_open "o"': "client_id",
    "SELECT all_events.|": "event_type",
    "WITH x AS (SELECT 1) SELECT * FROM |": "x",
    "SELECT * FROM email_open WHERE link = 'o.' AND |": "client_id",
    "SELECT nope.|": "",
    "SELECT 'o.|": "",
    "SELECT 1 -- FROM |": "",
    "SELECT 1 /* FROM |": "",
}
TABLES = [
    {"name": "all_events", "columns": [{"name": "event_type", "type": "VARCHAR"}]},
    {"name": "email_open", "columns": [{"name": "client_id", "type": "VARCHAR"}]},
]


def test_the_editor_offers_what_fits_the_place(browser: Browser, live_server: Any, settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    world = make_world()
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "sql/")
        for query, best in COMPLETIONS.items():
            before, after = query.split("|")
            offered = page.evaluate(
                "async ([sql, before, tables]) =>"
                " (await import('/static/pabal/controllers/sql_words.js')).offers(sql, before, tables)",
                [before + after, before, TABLES],
            )
            offered.sort(key=lambda one: -one["score"])
            assert (offered[0]["value"] if offered else "") == best, query
        editor = page.locator("#sql .ace_text-input")
        editor.focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text("SELECT  FROM email_click AS c")
        page.keyboard.press("Home")
        for _letter in "SELECT ":
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Control+Space")
        expect(page.locator(".ace_autocomplete")).to_contain_text("campaign_id")
        page.keyboard.press("Escape")
        page.keyboard.type("c.", delay=100)  # milliseconds
        expect(page.locator(".ace_autocomplete")).to_contain_text("campaign_id")
        expect(page.locator(".ace_autocomplete")).not_to_contain_text("email_open")
        page.keyboard.type("link_n", delay=100)
        expect(page.locator(".ace_autocomplete .ace_selected")).to_contain_text("link_number")
        page.keyboard.press("Enter")
        expect(page.locator("#sql-text")).to_have_value("SELECT c.link_number FROM email_click AS c")
