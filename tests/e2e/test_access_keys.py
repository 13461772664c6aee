"""The access keys of a project in Chromium: made and shown once, used, and refused from the moment they are revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Error, Page, expect

from tests.e2e.account import Account
from tests.e2e.conftest import SHOTS, WIDTHS, Stack, shoot, speak
from tests.e2e.test_clients import log_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def make_key(page: Page, keys: str, name: str, *, without: tuple[str, ...] = (), is_for_apps: bool = False) -> Account:
    """By the form; the page that shows the secret stays open."""
    page.goto(keys + "new/")
    page.get_by_label("Name").fill(name)
    if is_for_apps:
        page.get_by_label("An app or a browser").check()
    for right in without:
        page.get_by_label(right).uncheck()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="The key is made")).to_be_visible()
    said = page.locator(".copied-text").all_inner_texts()
    return Account(said[2], said[0], said[1])


def test_a_key_is_shown_once_used_and_revoked(page: Page, stack: Stack) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_in(page, stack)
    page.get_by_role("link", name="Create a project").first.click()
    page.get_by_label("Name", exact=True).fill("열쇠")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="열쇠")).to_be_visible()
    project = page.url
    application_id = project.rstrip("/").rpartition("/")[2]
    page.goto(project + "settings/")
    page.get_by_role("link", name="Access keys").click()
    expect(page.get_by_text("No access key yet")).to_be_visible()
    keys = page.url
    shoot(page, keys, "access-keys-none")
    shoot(page, keys + "new/", "access-key-new")
    speak(page, "en")

    made = make_key(page, keys, "서버의 밤 작업")
    assert (made.address, page.locator(".copied-text").last.inner_text()) == (stack.address, application_id)
    page.get_by_role("button", name="Secret access key: Copy").click()
    expect(page.get_by_role("button", name="Secret access key: Copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == made.secret
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.screenshot(path=SHOTS / f"access-key-made-en-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.get_by_role("link", name="Back to the keys").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("Not yet")
    assert made.secret not in page.content()
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # no browser keeps the page
        page.go_back()

    given = {"ApplicationId": application_id}
    endpoint = {"EndpointId": "e/1", "EndpointRequest": {"ChannelType": "EMAIL", "Address": "a@example.com"}}
    pinpoint = made.boto3()
    assert pinpoint.get_app(**given)["ApplicationResponse"]["Name"] == "열쇠"
    pinpoint.update_endpoint(**given, **endpoint)
    reader = make_key(page, keys, "보고서", without=("Write", "Send")).boto3()
    in_app = make_key(page, keys, "가게 앱", is_for_apps=True).boto3()
    assert reader.get_endpoint(**given, EndpointId="e/1")["EndpointResponse"]["Address"] == "a@example.com"
    in_app.update_endpoint(**given, **endpoint)
    for refused, ask, more in (
        (reader, reader.update_endpoint, endpoint),
        (in_app, in_app.get_endpoint, {"EndpointId": "e/1"}),
        (replace(made, secret="x" * 40).boto3(), None, {}),
    ):
        with pytest.raises(refused.exceptions.ForbiddenException):
            (ask or refused.get_app)(**given, **more)

    page.goto(keys)
    row = page.locator("tbody tr", has_text="서버의 밤 작업")
    expect(row).to_contain_text(made.access_key_id)
    expect(page.get_by_text("Not yet")).to_have_count(0)
    shoot(page, keys, "access-keys")
    speak(page, "en")
    page.goto(keys)
    row.get_by_role("button", name="Revoke").click()
    page.locator(".modal.show").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("The key is revoked.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    with pytest.raises(pinpoint.exceptions.ForbiddenException) as gone:
        pinpoint.get_app(**given)
    assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert gone.value.response["Message"] == "The access key was revoked."
    assert reader.get_app(**given)["ApplicationResponse"]["Id"] == application_id
    page.get_by_text("1 revoked key").click()
    expect(page.get_by_text(made.access_key_id)).to_be_visible()
