"""Every page of the console in Chromium: no script fails, no policy is broken, nothing is wider than a telephone.

``PABAL_PICTURES=1`` keeps a picture of each.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from console.health import checking
from core import clock
from projects.models import User
from segments.models import ImportJob
from tests.console.world import World, addresses, fill, logged_in, make_world
from tests.e2e.conftest import shoot, speak, watched_page

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(420)]

ADDRESSES = addresses()
ARE_KEPT = bool(os.environ.get("PABAL_PICTURES"))


def paths_of(world: World) -> dict[str, str]:
    """The addresses of pages, by the name of their picture."""
    paths = {name: reverse(name, kwargs=fill(name, held, world.ids())) for name, held in ADDRESSES.items()}
    draft = {"project_id": world.project.public_id, "campaign_id": world.draft.public_id}
    for step in ("name", "segment", "message", "schedule", "review"):
        paths[f"campaigns:edit-campaign-{step}"] = reverse("campaigns:edit-campaign", kwargs=draft | {"step": step})
    dynamic = {"project_id": world.project.public_id, "segment_id": world.dynamic.public_id}
    for name in ("segments:show-segment", "segments:edit-segment"):
        paths[f"{name}-dynamic"] = reverse(name, kwargs=dynamic)
    return paths


def is_page(client: Client, path: str) -> bool:
    """Whole pages only: no fragments, files, redirects, and nothing that wants a POST."""
    answer = client.get(path)
    is_html = answer.status_code == 200 and not answer.streaming and answer.headers["Content-Type"].startswith("text/html")
    return is_html and answer.content.lstrip().lower().startswith(b"<!doctype html")


def walk(page: Page, client: Client, paths: dict[str, str]) -> int:
    seen = [name for name, path in paths.items() if is_page(client, path)]
    for name in seen:
        shoot(page, paths[name], "every-" + name.replace(":", "-"), is_kept=ARE_KEPT)
    return len(seen)


def test_every_page_of_a_marketer(browser: Browser, live_server: Any) -> None:
    world = make_world()
    client = logged_in(world.owner)
    with watched_page(browser, live_server.url) as page:
        session = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
        page.context.add_cookies([session | {"url": live_server.url}])
        page.goto("/")

        assert walk(page, client, paths_of(world)) >= 40


def test_the_health_page_of_an_operator(browser: Browser, live_server: Any) -> None:
    world = make_world()
    ImportJob.objects.update(total_failures=3)
    User.objects.filter(pk=world.owner.pk).update(is_staff=True)
    checking.ask(now=clock.now())
    for check_id in checking.due_checks(now=clock.now()):
        checking.run_check(check_id=check_id, clock=clock.now)
    session = {"name": settings.SESSION_COOKIE_NAME, "value": logged_in(world.owner).cookies[settings.SESSION_COOKIE_NAME].value}
    with watched_page(browser, live_server.url) as page:
        page.context.add_cookies([session | {"url": live_server.url}])
        page.goto("/health/")
        shoot(page, "/health/", "health")
        speak(page, "en")
        page.goto("/health/")
        page.get_by_role("button", name="Check all now").click()
        expect(page.get_by_text("1 under way").first).to_be_visible()
        for check_id in checking.due_checks(now=clock.now()):
            checking.run_check(check_id=check_id, clock=clock.now)
        expect(page.get_by_text("1 under way")).to_have_count(0, timeout=30_000)  # by itself
        expect(page.get_by_text("3 lines were refused, but 1 are listed")).to_be_visible()


def test_every_page_of_who_is_not_logged_in(browser: Browser, live_server: Any) -> None:
    paths = {name: path for name, path in paths_of(make_world()).items() if not ADDRESSES.get(name, ["?"])}
    with watched_page(browser, live_server.url) as page:
        page.goto("/")
        speak(page, "ko")

        assert walk(page, Client(), paths) >= 3
