"""The step of a custom channel in a real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, expect

from campaigns.models import Campaign
from core.audience import Audience
from tests.campaigns.test_custom import Program
from tests.console.world import logged_in, make_world
from tests.core.test_outbound import serving
from tests.e2e.conftest import shoot, speak, watched_page
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_a_program_is_chosen_told_and_called_once(browser: Browser, live_server: Any, settings: Any) -> None:
    settings.HOOK_PRIVATE_HOSTS = True
    world, program = make_world(), Program()
    member = make_endpoint(
        project=world.project, channel_type="CUSTOM", address="app-1", user_attributes={"MBR_FULLNM": ["김민준"]}
    )
    segment = make_import_segment(project=world.project, members=Audience([member.pk]))
    with serving(program) as address, watched_page(browser, live_server.url) as page:
        session = logged_in(world.owner).cookies[django_settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page.goto("/")
        speak(page, "en")
        page.goto(f"/p/{world.project.public_id}/campaigns/new/")
        page.get_by_label("Campaign name").fill("앱 알림")
        page.get_by_label("Custom: a program of your own is called").check()
        page.get_by_role("button", name="Next: the segment").click()
        page.wait_for_url("**/edit/segment/")
        campaign = Campaign.objects.get(project=world.project, name="앱 알림")
        campaign.document |= {"SegmentId": segment.public_id}
        campaign.save()
        step = page.url.replace("/segment/", "/message/")
        page.goto(step)
        page.get_by_label("Address or function").fill(address + "/take")
        page.get_by_label("Data").fill(json.dumps({"title": "가을 세일"}, ensure_ascii=False))
        page.get_by_role("button", name="Save and preview").click()
        expect(page.get_by_text('"ChannelType": "CUSTOM"')).to_be_visible()
        page.get_by_role("button", name="Call it once").click()
        expect(page.get_by_text("It was called and answered: taken")).to_be_visible()
        shoot(page, step, "campaign-custom")
        shoot(page, step.replace("/message/", "/review/"), "campaign-custom-review")
    assert list(program.calls[0]["Endpoints"]) == [member.endpoint_id]
