"""A domain in Chromium: its records are copied, DNS gets them, and it is verified."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, expect

from messaging.models import SenderDomain
from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_builder import enter
from tests.factories.projects import make_project
from tests.messaging.dns_server import DnsServer

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]


def test_a_domain_is_added_its_record_copied_and_verified(browser: Browser, live_server: Any, settings: Any) -> None:
    project = make_project()
    dns = DnsServer()
    settings.DNS_RESOLVER, settings.RETURN_PATH_HOST = dns.address, "mx.console.example"
    settings.SPF_INCLUDE = "_spf.relay.example"
    with watched_page(browser, live_server.url) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        enter(page, live_server.url, project.created_by)
        speak(page, "en")
        page.goto(reverse("messaging:list-domains", args=[project.public_id]))
        page.get_by_label("Domain").fill("shop.example")
        page.get_by_role("button", name="Add the domain").click()
        copy = page.get_by_role("button", name="Value: Copy").first
        copy.click()
        expect(page.locator("[data-controller=copy] button", has_text="Copied")).to_have_count(1)
        copied = page.evaluate("navigator.clipboard.readText()")
        key = SenderDomain.objects.get().keys.get()
        assert copied == f"v=DKIM1; k=rsa; p={key.public_key}"
        page.get_by_role("button", name="Check again").click()
        expect(page.get_by_text("There is no TXT record at")).to_be_visible()
        shoot(page, page.url, "domain-new")

        dns.txt(f"{key.selector}._domainkey.shop.example", copied)
        dns.put("shop.example", "MX", "10 mail.shop.example.")
        dns.put("mail.shop.example", "A", "192.0.2.9")
        speak(page, "en")
        page.goto(reverse("messaging:show-domain", args=[project.public_id, SenderDomain.objects.get().pk]))
        page.get_by_role("button", name="Check again").click()
        expect(page.get_by_text("Any address of this domain may send")).to_be_visible()
        page.get_by_role("button", name="Make another key").click()
        shoot(page, page.url, "domain-verified")
        shoot(page, reverse("messaging:list-domains", args=[project.public_id]), "domains")
    dns.close()
