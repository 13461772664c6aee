"""The main way, once, in a real browser against everything that ``make run`` starts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import SHOTS, Stack, shoot, speak

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

HTML = (
    "<html><body><h1>{{User.UserAttributes.MBR_FULLNM}}님, 안녕하세요</h1>"
    '<p><a href="https://shop.example.com/sale?grade={{User.UserAttributes.grade}}">가을 세일 보기</a></p>'
    '<p><a href="{{UnsubscribeUrl}}">수신 거부</a></p></body></html>'
)


class Camera:
    """Each page on the way in both languages, wide and narrow; then the page as it was."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def shoot(self, name: str) -> None:
        url = self._page.url
        shoot(self._page, url, name)
        speak(self._page, "en")
        self._page.set_viewport_size({"width": 1440, "height": 1000})
        self._page.goto(url)


def number(page: Page, label: str) -> str:
    return page.locator(f'[data-number="{label}"]').first.inner_text()


def test_from_log_in_to_an_unsubscribe(page: Page, stack: Stack) -> None:
    camera = Camera(page)
    page.context.add_cookies([{"name": "pabal_language", "value": "en", "url": stack.address}])
    page.goto("/")
    camera.shoot("log-in")
    page.get_by_label("E-mail address").fill(stack.email)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    camera.shoot("projects")

    page.get_by_role("link", name="Create a project").first.click()
    camera.shoot("create-project")
    page.get_by_label("Name", exact=True).fill("가을 상점")
    page.get_by_label("Description").fill("회원에게 보내는 소식")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="가을 상점")).to_be_visible()
    project = page.url
    camera.shoot("project")

    page.goto(project + "senders/")
    page.get_by_label("Sender name").fill("가을 상점")
    page.get_by_label("E-mail address").fill("shop@example.com")
    page.get_by_role("button", name="Add the sender").click()
    expect(page.get_by_text("Not verified yet")).to_be_visible()
    page.goto(project + "mailbox/")
    camera.shoot("mailbox")
    page.get_by_role("link", name="shop@example.com").click()
    page.get_by_role("link", name="/senders/verify/").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("is confirmed")).to_be_visible()
    page.goto(project + "senders/")
    expect(page.get_by_text("Verified", exact=True)).to_be_visible()
    camera.shoot("senders")

    page.goto(project + "segments/imports/new/")
    camera.shoot("create-import")
    page.get_by_label("Connection", exact=True).select_option(label="Make a new one")
    page.get_by_label("Connection name").fill("샘플")
    page.get_by_label("Access key id").fill("demo")
    page.get_by_label("Secret access key").fill("demo")
    page.get_by_label("S3 address").fill("s3://sample-audience/members.csv")
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_role("link", name="Open the segment")).to_be_visible(timeout=60_000)
    expect(page.locator(".number-tile .h1").first).to_have_text("2,000")
    camera.shoot("import")
    page.goto(project + "segments/imports/")
    camera.shoot("imports")
    page.goto(project + "connections/")
    camera.shoot("connections")

    page.goto(project + "segments/")
    page.get_by_role("link", name="members", exact=True).click()
    page.get_by_role("link", name="Filter this segment").click()
    page.get_by_label("Segment name").fill("정상 직원")
    for name, value in (("status", "정상"), ("type", "직원")):
        page.get_by_role("button", name="Add a filter").click()
        row = page.locator(".filter-row").last
        row.get_by_label("Attribute").select_option(f"UserAttributes.{name}")
        row.locator(".ts-control input").fill(value)
        page.keyboard.press("Enter")
        page.get_by_label("Segment name").click()
        expect(page.locator(".ts-dropdown:visible")).to_have_count(0)
    expect(page.locator('[data-count="matching"]')).to_have_text("82")
    expect(page.locator('[data-count="eligible"]')).to_have_text("80")
    page.screenshot(path=SHOTS / "builder-en-1440.png", full_page=True)
    page.get_by_role("button", name="Save the segment").click()
    expect(page.locator('[data-count="eligible"]')).to_have_text("80")
    camera.shoot("segment")
    page.get_by_role("link", name="Edit").click()
    expect(page.locator('[data-count="eligible"]')).to_have_text("80")
    camera.shoot("segment-edit")
    page.goto(project + "segments/")
    camera.shoot("segments")

    page.goto(project + "campaigns/new/")
    page.get_by_label("Campaign name").fill("가을 세일")
    camera.shoot("campaign-name")
    page.get_by_label("Campaign name").fill("가을 세일")
    page.get_by_role("button", name="Next: the segment").click()
    page.get_by_label("정상 직원").check()
    page.get_by_role("button", name="Next: the message").click()
    page.get_by_label("Sender").select_option("shop@example.com")
    page.get_by_label("Subject", exact=True).fill("(광고) {{User.UserAttributes.MBR_FULLNM}}님께")
    page.get_by_label("Preheader").fill("가을 세일이 시작됩니다")
    page.locator(".ace_text-input").focus()
    page.keyboard.insert_text(HTML)
    page.get_by_role("button", name="Save and preview").click()
    expect(page.frame_locator("iframe").get_by_text("님, 안녕하세요")).to_be_visible()
    camera.shoot("campaign-message")
    page.get_by_label("Send a test to").fill("me@example.com")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("The test is sent.")).to_be_visible()
    page.get_by_role("button", name="Next: the time").click()
    camera.shoot("campaign-time")
    page.get_by_label("How often").select_option("DAILY")
    page.get_by_label("Now, when I launch it").check()
    expect(page.locator("#moments li")).to_have_count(5)
    page.get_by_role("button", name="Next: review").click()
    expect(page.get_by_text("82 matching, 80 eligible")).to_be_visible()
    camera.shoot("campaign-review")
    page.get_by_role("button", name="Launch").first.click()
    page.locator(".modal.show").get_by_role("button", name="Launch").click()

    expect(page.locator('[data-number="Sent"]')).to_have_text("80", timeout=60_000)
    assert (number(page, "Targeted"), number(page, "Excluded"), number(page, "Opened"), number(page, "Clicked")) == (
        "82",
        "2",
        "0",
        "0",
    )
    campaign = page.url
    page.goto(campaign + "people/excluded-ENDPOINT_OPT_OUT/")
    opted_out = page.locator("tbody tr td:first-child").all_inner_texts()
    assert len(opted_out) == 2
    for address in opted_out:
        page.goto(f"{project}mailbox/?q={address}")
        expect(page.get_by_text("The mailbox is empty")).to_be_visible()

    page.goto(campaign + "people/outcome-SUCCESS/")
    camera.shoot("people")
    address = page.locator("tbody tr td:first-child").first.inner_text()
    page.goto(f"{project}mailbox/?q={address}")
    page.get_by_role("link", name=address).click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="님, 안녕하세요")).to_be_visible()
    greeting = frame.get_by_role("heading").inner_text()
    assert len(greeting.partition("님")[0]) >= 3  # a Korean full name
    assert greeting.partition("님")[0] in page.get_by_role("heading", level=1).inner_text()
    camera.shoot("message")
    with page.context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name="가을 세일 보기").click()
    opened.value.close()
    page.goto(campaign)
    expect(page.locator('[data-number="Opened"]')).to_have_text("1", timeout=30_000)
    expect(page.locator('[data-number="Clicked"]')).to_have_text("1", timeout=30_000)
    camera.shoot("campaign")

    page.goto(f"{project}mailbox/?q={address}")
    page.get_by_role("link", name=address).click()
    expect(page.frame_locator("iframe").get_by_role("link", name="수신 거부")).to_be_visible()
    page.wait_for_load_state("networkidle")
    unsubscribe = page.frame_locator("iframe").get_by_role("link", name="수신 거부").get_attribute("href")
    farewell = page.context.new_page()
    farewell.goto(str(unsubscribe))
    Camera(farewell).shoot("unsubscribe")
    farewell.get_by_role("button", name="Unsubscribe").click()
    expect(farewell.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    farewell.close()
    page.goto(campaign)
    expect(page.locator('[data-number="Unsubscribed"]')).to_have_text("1", timeout=30_000)

    page.get_by_role("button", name="Duplicate").click()
    page.goto(page.url.replace("/edit/name/", "/edit/review/"))
    page.get_by_role("button", name="Launch").first.click()
    page.locator(".modal.show").get_by_role("button", name="Launch").click()
    expect(page.locator('[data-number="Sent"]')).to_have_text("79", timeout=60_000)
    page.goto(project + "campaigns/")
    camera.shoot("campaigns")
    for name, path in (("members", "members/"), ("settings", "settings/"), ("overview", "")):
        page.goto(project + path)
        camera.shoot(name)
    assert (SHOTS / "campaign-ko-375.png").exists()
