"""Transforms in a real browser: made of a query, run, looked at, asked like any other table; with pictures."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from analytics.models import LakeTransform
from analytics.transforms import running
from core import clock
from tests.analytics.lake import event, written
from tests.console.world import make_world
from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_templates import log_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_query_becomes_a_table_that_is_asked_paused_and_told_what_is_wrong_with_it(
    browser: Browser, live_server: Any, settings: Any, tmp_path: Path
) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    world = make_world()
    LakeTransform.objects.all().delete()
    written(*(event(world.project, endpoint_id=world.endpoint_id, minutes=60 * hour) for hour in (1, 2, 30)))
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        shoot(page, project + "transforms/", "transforms-none")
        speak(page, "en")
        page.goto(project + "sql/")
        page.get_by_role("link", name="Transforms").click()
        page.get_by_role("link", name="Make a transform").first.click()
        page.get_by_label("Name of the table").fill("opens_by_hour")
        page.get_by_label("Hour by hour").check()
        page.get_by_label("Of what happened since").fill("2026-11-01")
        page.locator(".ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text("SELECT campaign_id, count(*) AS opens, count(DISTINCT endpoint_id) AS people FROM ")
        page.keyboard.type("email_ope", delay=100)  # milliseconds; the list follows one key after the other
        expect(page.locator(".ace_autocomplete")).to_contain_text("email_open")
        page.keyboard.press("Escape")
        page.keyboard.type("m GROUP BY ALL")
        page.get_by_role("button", name="Make the transform").click()
        expect(page.get_by_text("LINE ")).to_be_visible(timeout=15_000)
        expect(page.get_by_label("Name of the table")).to_have_value("opens_by_hour")
        page.locator(".ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(
            "SELECT campaign_id, count(*) AS opens, count(DISTINCT endpoint_id) AS people\nFROM email_open\nGROUP BY ALL"
        )
        page.get_by_role("button", name="Make the transform").click()
        expect(page.get_by_text("3 parts of time")).to_be_visible(timeout=15_000)
        assert running.run_project(project_id=world.project.pk, clock=clock.now) == 3
        shown = page.url
        shoot(page, shown, "transform")
        shoot(page, project + "transforms/", "transforms")
        shoot(page, project + "transforms/create/", "transform-new")
        speak(page, "en")
        page.goto(shown)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        page.goto(project + "sql/")
        page.locator(".ace_text-input").focus()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text("SELECT sum(opens) AS all_opens FROM ")
        page.keyboard.type("opens_by", delay=100)
        expect(page.locator(".ace_autocomplete")).to_contain_text("opens_by_hour")
        page.keyboard.press("Enter")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("1 row in")).to_be_visible(timeout=15_000)
        expect(page.get_by_role("cell", name="3", exact=True)).to_be_visible()
        LakeTransform.objects.update(
            failed_at=clock.now(), failures=2, not_before=clock.now() + datetime.timedelta(minutes=10),
            failure={"code": "memory", "params": {"memory": "512"}, "detail": ""},
        )  # fmt: skip
        shoot(page, shown, "transform-fails")
        speak(page, "en")
        page.goto(shown)
        expect(page.get_by_role("alert")).to_contain_text("It is tried again at")
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("There is no transform yet")).to_be_visible()
    assert not LakeTransform.objects.exists()
