"""A relay in Chromium: what belongs to the other kind is hidden, it is saved, and a test says what happened."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_builder import enter
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def test_a_relay_is_added_and_tried(browser: Browser, live_server: Any, settings: Any) -> None:
    server = ScriptedServer()
    settings.RELAY_PRIVATE_HOSTS, settings.RELAY_PORTS = ["127.0.0.0/8"], [server.port]
    project = make_project()
    with watched_page(browser, live_server.url) as page:
        enter(page, live_server.url, project.created_by)
        speak(page, "en")
        page.goto(reverse("messaging:create-relay", args=[project.public_id]))
        page.get_by_label("Amazon SES").check()
        expect(page.get_by_label("Role ARN")).to_be_visible()
        expect(page.get_by_label("Server", exact=True)).to_be_hidden()
        page.get_by_label("Mail server (SMTP)").check()
        page.get_by_label("Name of the relay").fill("우리 서버")
        page.get_by_label("Server", exact=True).fill("127.0.0.1")
        page.get_by_label("Port").fill(str(server.port))
        page.get_by_label("Encryption").select_option("NONE")
        page.get_by_label("Whose messages take it").fill("shop.example\nnews@other.example")
        page.get_by_role("button", name="Save the relay").click()
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("The connection and the log-in work.")).to_be_visible()
        shoot(page, page.url, "relays")
        shoot(page, reverse("messaging:create-relay", args=[project.public_id]), "relay-new")
    server.close()
