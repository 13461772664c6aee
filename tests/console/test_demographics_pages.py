"""The page of who the endpoints are, and the segments that its points become."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from console.statistics import countries
from core import clock
from endpoints.models import FacetState, FacetSubject
from endpoints.services import growth
from endpoints.writing import rules
from projects.models import Project, Role
from segments.models import Segment
from segments.services import segments
from tests.console.test_points import made, members, points
from tests.console.test_statistics_pages import page, pictures
from tests.console.world import logged_in
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


@pytest.fixture
def client(project: Project) -> Client:
    return logged_in(project.created_by)


def endpoint(project: Project, country: str = "", **demographic: str) -> int:
    return make_endpoint(project=project, location={"Country": country} if country else {}, demographic=demographic).pk


def shown(text: str, chart: str) -> dict[str, Any]:
    figure = re.search(rf'<figure[^>]*id="chart-{chart}".*?</figure>', text, re.DOTALL)
    assert figure is not None
    (data,) = pictures(figure[0])
    return data


def of_dimension(dimension: dict[str, Any]) -> dict[str, Any]:
    return {"SegmentGroups": {"Include": "ALL", "Groups": [{"SourceSegments": [], "Type": "ALL", "Dimensions": [dimension]}]}}


def segment_of(project: Project, document: dict[str, Any], name: str = "아이폰") -> Segment:
    return segments.create_segment(project=project, actor=project.created_by, name=name, document=document, now=clock.now())


def test_endpoints_are_counted_by_country_on_a_map(project: Project, client: Client) -> None:
    for country in ("KR", "KR", "US", "SG", ""):
        endpoint(project, country)
    endpoint(make_project(), "FR")

    text = page(client, "show-demographics", project)

    data = shown(text, "countries")
    assert (data["kind"], data["labels"], data["series"][0]["values"]) == (
        "map",
        ["South Korea", "Singapore", "United States"],
        [2, 1, 1],
    )
    assert data["places"] == ["410", "702", "840"]
    rows = re.findall(r'<th scope="row">([^<]+)</th><td[^>]*>(?:<a[^>]*>)?([^<]+)(?:</a>)?</td><td[^>]*>([^<]+)</td>', text)
    assert rows[:4] == [
        ("South Korea", "2", "40.0 %"), ("Singapore", "1", "20.0 %"), ("United States", "1", "20.0 %"), ("Not known", "1", "20.0 %"),
    ]  # fmt: skip
    assert "vendor/world-atlas/countries-110m" in text


def test_every_country_that_an_endpoint_may_have_is_known_to_the_map_or_too_small_for_it() -> None:
    atlas = json.loads((Path(django_settings.BASE_DIR) / "node_modules/world-atlas/countries-110m.json").read_text())
    on_map = {one.get("id") or one["properties"]["name"] for one in atlas["objects"]["countries"]["geometries"]}
    drawn = {countries.country_number(code) for code in [*rules._COUNTRIES, "XK"]}
    assert on_map - drawn == {"N. Cyprus", "Somaliland"}  # ISO 3166 lists neither
    assert [code for code in rules._COUNTRIES if countries.country_name(code) == code] == []


def test_locales_are_told_by_language(project: Project, client: Client) -> None:
    for locale in ("ko_KR", "ko", "ko-KR", "en-US", "zh-Hant-TW", "?"):
        endpoint(project, Locale=locale)
    data = shown(page(client, "show-demographics", project), "languages")
    assert list(zip(data["labels"], data["series"][0]["values"], strict=True)) == [
        ("Korean", 3), ("?", 1), ("English", 1), ("Chinese", 1),
    ]  # fmt: skip


def test_a_picture_has_the_most_frequent_and_the_table_more(project: Project, client: Client) -> None:
    for number in range(52):
        endpoint(project, AppVersion=f"1.{number}<b>")
    text = page(client, "show-demographics", project)
    assert len(shown(text, "app-versions")["labels"]) == 15
    assert len(points(text, "app-versions")) == 50
    assert re.search(r'<th scope="row">All others</th><td[^>]*>2</td>', text)
    assert "1.10&lt;b&gt;" in text
    assert "<b>" not in text


def test_a_country_a_language_and_who_has_none_become_rules(project: Project, client: Client) -> None:
    korean = [endpoint(project, "KR", Locale=locale) for locale in ("ko_KR", "ko")]
    other = endpoint(project, "US", Locale="en", Platform="iOS")
    text = page(client, "show-demographics", project)

    def rule(chart: str, place: int) -> Segment:
        return made(client, points(text, chart)[place][1])

    segment = rule("countries", 0)
    assert segment.name == "Country: South Korea"
    assert members(segment) == set(korean)
    korean.append(endpoint(project, "KR", Locale="ko-KR"))
    assert members(segment) == set(korean)
    assert members(rule("languages", 0)) == set(korean)
    assert members(rule("platforms", 0)) == {other}
    assert members(rule("platforms", 1)) == set(korean)


def test_the_page_of_a_segment_counts_its_members_alone(project: Project, client: Client) -> None:
    mine = [endpoint(project, country, Platform="iOS") for country in ("KR", "US")]
    endpoint(project, "KR", Platform="Android")
    segment = segment_of(project, of_dimension({"Demographic": {"Platform": {"DimensionType": "INCLUSIVE", "Values": ["iOS"]}}}))
    text = page(client, "show-demographics", project, segment=segment.public_id)
    assert shown(text, "countries")["series"][0]["values"] == [1, 1]
    assert shown(text, "platforms")["series"][0]["values"] == [2]
    found = made(client, points(text, "countries")[0][1])
    assert members(found) == {mine[0]}
    assert found.name == f"Country: South Korea, of {segment.name}"


def test_no_segment_of_another_project_is_looked_at(project: Project, client: Client) -> None:
    endpoint(project, "KR")
    theirs = segment_of(make_project(), of_dimension({}), name="their secret")
    text = page(client, "show-demographics", project, segment=theirs.public_id)
    assert "their secret" not in text
    assert shown(text, "countries")["series"][0]["values"] == [1]


def test_who_came_in_a_month_becomes_a_segment(project: Project, client: Client) -> None:
    old = make_endpoint(project=project, created_at=clock.now().replace(year=clock.now().year - 1))
    new = endpoint(project)
    growth.note_growth(now=clock.now())
    text = page(client, "show-demographics", project)
    first, last = points(text, "months")
    assert members(made(client, first[1])) == {old.pk}
    assert members(made(client, last[1])) == {new}


def test_a_field_with_too_many_values_says_so(project: Project, client: Client) -> None:
    make_endpoint(project=project, location={"City": "Seoul"})
    FacetSubject.objects.filter(project=project, name="Location.City").update(state=FacetState.TOO_MANY)
    assert "too many different values" in page(client, "show-demographics", project)


def test_without_endpoints_the_page_says_how_to_begin(project: Project, client: Client) -> None:
    assert "There are no endpoints yet." in page(client, "show-demographics", project)
    endpoint(project)
    assert "Import it as the column Demographic.Platform" in page(client, "show-demographics", project)


def test_a_viewer_sees_numbers_and_no_points(project: Project) -> None:
    endpoint(project, "KR")
    text = page(logged_in(make_member(project=project, role=Role.VIEWER)), "show-demographics", project)
    assert "labelKeys" not in shown(text, "countries")
    assert "statistics/point/" not in text


@pytest.mark.parametrize(
    "query", ["chart=countries&label=v:XX", "chart=countries&label=", "chart=months&label=2026-99", "chart=months&label="]
)
def test_a_point_that_is_none_says_so(project: Project, client: Client, query: str) -> None:
    answer = client.get(f"{reverse('console:make-point-segment', args=[project.public_id])}?{query}")
    assert "not in the picture any more" in html.unescape(answer.content.decode())


def test_the_page_asks_as_much_for_many_endpoints_as_for_few(
    project: Project, client: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        endpoint(project, "KR", Platform=f"p{number}")
    with django_assert_max_num_queries(45):
        page(client, "show-demographics", project)
