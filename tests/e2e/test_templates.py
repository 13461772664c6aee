"""The editors of templates in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from messaging.message_templates import designs
from messaging.models import MessageImage, MessageTemplate
from tests.console.world import World, logged_in, make_world
from tests.e2e.conftest import SHOTS, shoot, speak, watched_page
from tests.messaging.test_images import PNG, png
from tests.messaging.test_message_template_pages import FORMS
from tests.messaging.test_templates import make

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

HTML = '<html><body><h1>{{User.UserAttributes.MBR_FULLNM}}님</h1><p><a href="{{UnsubscribeUrl}}">수신 거부</a></p></body></html>'


def log_in(page: Page, world: World, address: str) -> str:
    """The project's address."""
    session = logged_in(world.owner).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
    page.goto("/")
    speak(page, "en")
    return f"/p/{world.project.public_id}/"


def test_an_email_is_written_previewed_saved_as_versions_and_compared(browser: Browser, live_server: Any) -> None:
    world = make_world()
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "templates/new/")
        page.get_by_label("Template name").fill("Autumn")
        page.get_by_label("HTML that I write").check()
        page.get_by_role("button", name="Next: the message").click()
        page.get_by_label("Subject", exact=True).fill("(광고) 가을 소식")
        page.get_by_label("Preheader").fill("새로 나온 상품")
        page.locator(".ace_text-input").focus()
        page.keyboard.insert_text(HTML)
        page.get_by_role("button", name="Save version 1").click()
        expect(page.frame_locator("iframe").get_by_text("가을님")).to_be_visible()
        page.get_by_label("Subject", exact=True).fill("(광고) 겨울 소식")
        page.get_by_role("button", name="Save as version 2").click()
        expect(page.get_by_text("Version 2 is saved.")).to_be_visible()
        edit = page.url
        page.get_by_role("link", name="Versions", exact=True).click()
        shown = page.url
        page.get_by_role("link", name="Compare").click()
        expect(page.get_by_text("(광고) 가을 소식")).to_be_visible()
        for name, path in (("edit-email", edit), ("show", shown), ("compare", page.url), ("list", project + "templates/")):
            shoot(page, path, f"template-{name}")


def test_the_other_types_and_their_counters(browser: Browser, live_server: Any) -> None:
    world = make_world()
    made = {kind: make(world.project, name=kind, template_type=kind, document=stored) for kind, (_typed, stored) in FORMS.items()}
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(f"{project}templates/{made['SMS'].pk}/edit/")
        count = page.locator("[data-length-target=count]")
        for text, said in (
            ("a" * 160, "160 / 1,600 · 1 messages (GSM-7)"), ("a" * 161, "161 / 1,600 · 2 messages (GSM-7)"),
            ("[" * 80, "80 / 1,600 · 1 messages (GSM-7)"), ("[" * 81, "81 / 1,600 · 2 messages (GSM-7)"),
            ("가" * 70, "70 / 1,600 · 1 messages (UCS-2)"), ("가" * 71, "71 / 1,600 · 2 messages (UCS-2)"),
            ("가" * 135, "135 / 1,600 · 3 messages (UCS-2)"), ("💥" * 36, "36 / 1,600 · 2 messages (UCS-2)"),
        ):  # fmt: skip
            page.get_by_label("Text", exact=True).fill(text)
            expect(count).to_have_text(said)
        page.get_by_label("Text", exact=True).fill("")
        page.get_by_label("Insert a variable").select_option("Address")
        expect(page.get_by_label("Text", exact=True)).to_have_value("{{Address}}")
        for kind in FORMS:
            shoot(page, f"{project}templates/{MessageTemplate.objects.get(name=kind).pk}/edit/", f"template-edit-{kind.lower()}")


def test_a_design_is_chosen_changed_block_by_block_and_saved(browser: Browser, live_server: Any, tmp_path: Any) -> None:
    world = make_world()
    picture = tmp_path / "logo.png"
    picture.write_bytes(PNG)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "templates/new/")
        expect(page.frame_locator("iframe").nth(1).get_by_text("WINTER40")).to_be_visible()
        shoot(page, project + "templates/new/", "template-create")
        speak(page, "en")
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(project + "templates/new/")
        page.get_by_label("Template name").fill("Sale")
        page.get_by_label("Sale", exact=True).check()
        page.get_by_role("button", name="Next: the message").click()

        canvas = page.frame_locator(".gjs-frame")
        expect(canvas.get_by_text("WINTER40")).to_be_visible()
        expect(page.locator(".gjs-block")).to_have_count(12)
        page.locator(".gjs-block", has_text="Footer (Korean law)").press("Enter")
        expect(canvas.get_by_text("무료 수신거부")).to_be_visible()
        expect(page.get_by_text("Not saved yet")).to_be_visible()
        page.locator(".gjs-block", has_text="Line").press("Enter")
        expect(page.get_by_text("Not saved yet")).to_be_visible()
        page.get_by_role("button", name="Save version 1").click()
        expect(page.get_by_text("Version 1 is saved.")).to_be_visible()
        expect(canvas.get_by_text("무료 수신거부")).to_be_visible()
        shoot(page, page.url, "template-design")

        speak(page, "en")
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(page.url)
        canvas.get_by_text("WINTER40").dblclick()
        page.keyboard.press("Control+A")
        page.keyboard.type("SPRING")
        canvas.get_by_text("Your code").click()
        page.locator(".gjs-block", has_text="Image").press("Enter")
        page.locator("input[type=file]").set_input_files(str(picture))
        page.locator(".gjs-am-asset", has_text="logo.png").dblclick()
        page.get_by_role("button", name="Save as version 2").click()
        expect(page.get_by_text("Version 2 is saved.")).to_be_visible()
    stored = MessageTemplate.objects.get(name="Sale")
    first, second = (one.document for one in stored.versions.order_by("version"))
    image = MessageImage.objects.get(name="logo.png")
    assert first["HtmlPart"].count("{{UnsubscribeUrl}}") == 3
    assert "word-break: keep-all" in first["HtmlPart"]
    assert first["Pabal"]["Mjml"].count("<mj-divider") == 1
    assert "SPRING" in second["HtmlPart"]
    assert image.url in second["HtmlPart"]
    assert (stored.active_version, image.width) == (2, 2)


def test_the_wizard_takes_a_template_and_lists_what_was_checked(browser: Browser, live_server: Any) -> None:
    world = make_world()
    design = designs.design("sale.ko")
    assert design is not None
    make(world.project, name="Sale", document=design.document())
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        step = f"{project}campaigns/{world.draft.public_id}/edit/message/"
        page.goto(step)
        page.get_by_label("Sender").select_option("shop@example.com")
        page.get_by_label("Use a template").check()
        expect(page.locator(".ace_editor")).to_be_hidden()
        page.get_by_label("Template", exact=True).select_option("Sale")
        page.get_by_role("button", name="Save and preview").click()
        expect(page.frame_locator("iframe").get_by_text("WINTER40")).to_be_visible()
        expect(page.get_by_text("The design's blanks are not filled in").first).to_be_visible()
        shoot(page, step, "campaign-message-template")
        speak(page, "en")
        page.goto(step.replace("message", "review"))
        expect(page.get_by_text("Sale, the version that is active when a run begins")).to_be_visible()
        expect(page.get_by_text("Check before sending")).to_be_visible()
        shoot(page, page.url, "campaign-review-template")
        speak(page, "en")
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.goto(step)
        page.get_by_label("Write it here").check()
        page.locator(".ace_text-input").focus()
        page.keyboard.insert_text(HTML)
        expect(page.locator(".ace_line", has_text="MBR_FULLNM").first).to_be_visible()


def test_the_pages_of_pictures_and_of_deleting(browser: Browser, live_server: Any) -> None:
    world = make_world()
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + "images/")
        page.get_by_label("PNG, JPEG").set_input_files([{"name": "로고.png", "mimeType": "image/png", "buffer": png(600, 200)}])
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("img", name="로고.png")).to_be_visible()
        shoot(page, project + "images/", "images")
        shoot(page, f"{project}templates/{world.template.pk}/delete/", "template-delete")
        shoot(page, f"{project}templates/{world.template.pk}/", "template-show-world")


def test_helpers_are_completed_explained_and_checked_while_one_types(browser: Browser, live_server: Any) -> None:
    world = make_world()
    template = make(world.project, name="Autumn", document={"Subject": "s", "HtmlPart": "<p></p>"})
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        page.goto(project + f"templates/{template.pk}/edit/")
        text = page.locator(".ace_text-input")
        text.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("{")
        page.keyboard.type("{upp")
        expect(page.locator(".ace_autocomplete")).to_contain_text("{{upper v}}")
        page.keyboard.press("Enter")
        page.keyboard.type("Attributes.x")  # in the argument's place
        page.keyboard.press("End")
        page.keyboard.type("{{nohelper 1}}")
        page.keyboard.press("Escape")
        expect(page.locator("textarea[name=html]")).to_have_value("{{upper Attributes.x}}{{nohelper 1}}")
        expect(page.locator(".ace_gutter-cell.ace_error, .ace_gutter .ace_error").first).to_be_visible()
        expect(page.get_by_text("nohelper").first).to_be_visible()
        page.screenshot(path=SHOTS / "template-fault.png", full_page=True)

        page.get_by_text("Helpers", exact=True).click()
        page.get_by_label("Find a helper").fill("Base64")
        expect(page.get_by_role("button", name="Insert encode64")).to_be_visible()
        expect(page.get_by_role("button", name="Insert upper")).to_be_hidden()
        page.get_by_label("Find a helper").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("textarea[name=html]")).to_have_value("{{upper Attributes.x}}{{nohelper 1}}{{encode64 v}}")
