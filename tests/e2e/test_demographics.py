"""Who the endpoints are: a map and pictures, in both languages, and a country that becomes a segment by mouse and by keyboard."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core import clock
from endpoints.models import Endpoint
from endpoints.services import growth
from tests.console.world import World, make_world
from tests.e2e.conftest import shoot, speak, watched_page
from tests.e2e.test_statistics import saved
from tests.e2e.test_templates import log_in
from tests.factories.endpoints import index, make_members

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

PLACES = [
    ("KR", "서울", "서울", "ko_KR"), ("KR", "부산", "부산", "ko_KR"), ("KR", "경기", "성남", "ko-KR"),
    ("US", "CA", "San Francisco", "en_US"),
    ("US", "NY", "New York", "en_US"), ("JP", "東京都", "東京", "ja_JP"), ("SG", "", "Singapore", "en_SG"), ("DE", "BE", "Berlin", "de_DE"),
    ("BR", "SP", "São Paulo", "pt_BR"), ("VN", "", "Hà Nội", "vi_VN"), ("", "", "", ""),
]  # fmt: skip
DEVICES = [
    ("Apple", "iPhone 17", "iOS"),
    ("Samsung", "Galaxy S26", "Android"),
    ("Google", "Pixel 11", "Android"),
    ("", "", "web"),
]


def populate(world: World) -> None:
    chance, now = random.Random(5), clock.now()
    ids = make_members(project=world.project, count=300)
    people = list(Endpoint.objects.filter(pk__in=ids))
    for one in people:
        country, region, city, locale = chance.choices(PLACES, [30, 12, 9, 8, 5, 9, 4, 3, 3, 6, 10])[0]
        make, model, platform = chance.choices(DEVICES, [3, 5, 1, 2])[0]
        version = f"{chance.randrange(2, 5)}.{chance.randrange(10)}.0" if make else ""
        location = {"Country": country, "Region": region, "City": city}
        device = {"Locale": locale, "Make": make, "Model": model, "Platform": platform, "AppVersion": version}
        one.location = {name: value for name, value in location.items() if value}
        one.demographic = {name: value for name, value in device.items() if value}
        one.created_at = now - datetime.timedelta(days=chance.triangular(0, 500, 20))
    Endpoint.objects.bulk_update(people, ["location", "demographic", "created_at"])
    index(ids)
    growth.note_growth(now=now)


def place_on_map(page: Page, longitude: float, latitude: float) -> tuple[float, float]:
    box = page.locator("#chart-countries .chart-box").bounding_box()
    assert box is not None
    x, y = page.evaluate(
        """(place) => echarts.getInstanceByDom(document.querySelector("#chart-countries .chart-box"))
            .convertToPixel({ seriesIndex: 0 }, place)""",
        [longitude, latitude],
    )  # fmt: skip
    return box["x"] + x, box["y"] + y


def test_a_country_on_the_map_becomes_a_segment(browser: Browser, live_server: Any) -> None:
    world = make_world()
    populate(world)
    with watched_page(browser, live_server.url) as page:
        project = log_in(page, world, live_server.url)
        speak(page, "en")
        page.goto(project + "statistics/")
        page.get_by_role("link", name="Demographics").click()
        expect(page.locator("figure:has(canvas)")).to_have_count(10)
        page.mouse.click(*place_on_map(page, 127.8, 36.3))
        page.wait_for_url("**/statistics/point/**")
        expect(page.get_by_text("Country: South Korea").first).to_be_visible()
        page.go_back()
        page.locator("#chart-languages summary").focus()
        page.keyboard.press("Enter")
        page.locator("#chart-languages td a").first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Make the segment").press("Enter")
        expect(page.get_by_role("heading", name="Language: Korean")).to_be_visible()
        page.goto(project + "statistics/demographics/")
        page.get_by_label("Of whom").select_option(label="Language: Korean")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#chart-countries canvas")).to_have_count(1)
        csv = saved(page, "CSV").decode("utf-8-sig").splitlines()
        assert csv[0] == "Country,Endpoints,Share"
        assert csv[1].startswith("South Korea,")
        assert saved(page, "PNG").startswith(b"\x89PNG")
        shoot(page, project + "statistics/demographics/", "demographics")
        speak(page, "en")
