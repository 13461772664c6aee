"""Any point of a picture becomes a segment: whoever is behind the number that was clicked, and nobody else."""

from __future__ import annotations

import datetime
import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import EventKind, HitClass
from analytics.services.event_types import kinds_of
from core import clock
from endpoints.models import Endpoint
from endpoints.services.people import delete_endpoint
from projects.models import Project, Role
from segments.evaluation import evaluate_segment
from segments.models import Segment, SegmentVersion
from tests.console.test_statistics_pages import DAY, page, record
from tests.console.world import logged_in
from tests.factories.endpoints import make_members
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


@pytest.fixture
def client(project: Project) -> Client:
    return logged_in(project.created_by)


def points(text: str, chart: str) -> list[tuple[str, str]]:
    """(number, address) of the points of a picture, as its table has them."""
    figure = re.search(rf'<figure[^>]*id="chart-{chart}".*?</figure>', text, re.DOTALL)
    assert figure is not None
    return [
        (number, html.unescape(url))
        for url, number in re.findall(r'<td[^>]*><a href="([^"]+)" rel="nofollow">([^<]+)</a>', figure[0])
    ]


def made(client: Client, url: str, **given: str) -> Segment:
    assert client.post(url, given).status_code == 302
    return Segment.objects.latest("pk")


def members(segment: Segment) -> set[int]:
    return set(evaluate_segment(project_id=segment.project_id, segment_id=segment.public_id, now=clock.now()))


def seoul(ago: datetime.timedelta) -> datetime.datetime:
    return (clock.now() - ago).astimezone(datetime.timezone(datetime.timedelta(hours=9)))


def test_who_opened_on_a_day_becomes_a_segment_under_the_name_that_is_given(project: Project, client: Client) -> None:
    people = make_members(project=project, count=5)
    record(project, EventKind.EMAIL_OPEN, people[:2])
    record(project, EventKind.EMAIL_OPEN, [people[2], 99_999_999])
    record(project, EventKind.EMAIL_OPEN, people[3:4], ago=3 * DAY)
    record(project, EventKind.EMAIL_OPEN, people[4:5], hit_class=HitClass.SCANNER)
    record(make_project(), EventKind.EMAIL_OPEN, people[4:5])

    found = points(page(client, "show-statistics", project), "messages")
    ((_number, url),) = [one for one in found if one[0] == "4"]
    shown = client.get(url).content.decode()
    segment = made(client, url, name="월요일에 열어 본 사람")

    assert f"Opened on {seoul(DAY):%Y-%m-%d}" in shown
    assert "3 endpoints" in shown
    assert segment.name == "월요일에 열어 본 사람"
    assert members(segment) == set(people[:3])


@pytest.mark.parametrize(
    ("name", "chart", "kinds"),
    [
        ("show-statistics", "messages", [EventKind.EMAIL_DELIVERED, EventKind.EMAIL_SEND]),
        ("show-statistics", "messages", [EventKind.EMAIL_CLICK]),
        ("show-statistics", "messages", [EventKind.EMAIL_UNSUBSCRIBE]),
        ("show-statistics", "reactions", [EventKind.EMAIL_CLICK]),
        ("show-usage", "active", [EventKind.SESSION_START]),
        ("show-usage", "sessions", [EventKind.MONETIZATION_PURCHASE]),
        ("show-usage", "session-hours", [EventKind.SESSION_START]),
        ("show-usage", "sign-ins", [EventKind.USERAUTH_SIGN_UP]),
        ("show-usage", "retention", [EventKind.SESSION_START]),
        ("show-events", "events", [EventKind.SESSION_STOP]),
    ],
)
def test_each_number_of_a_picture_leads_to_the_people_behind_it(
    project: Project, client: Client, name: str, chart: str, kinds: list[EventKind]
) -> None:
    people = make_members(project=project, count=3)
    for kind in kinds:
        record(project, kind, people[:2])

    found = points(page(client, name, project), chart)

    assert found
    for _number, url in found:
        assert members(made(client, url)) == set(people[:2])


def test_delivered_are_those_whose_mail_did_not_bounce(project: Project, client: Client) -> None:
    people = make_members(project=project, count=3)
    record(project, EventKind.EMAIL_SEND, people)
    record(project, EventKind.EMAIL_HARDBOUNCE, people[:1])
    found = dict(points(page(client, "show-statistics", project), "messages"))
    assert members(made(client, found["2"])) == set(people[1:])
    assert members(made(client, found["1"])) == {people[0]}


def test_who_came_back_in_a_later_week_becomes_a_segment(project: Project, client: Client) -> None:
    people = make_members(project=project, count=3)
    record(project, EventKind.SESSION_START, people, ago=21 * DAY)
    record(project, EventKind.SESSION_START, people[:1], ago=14 * DAY)
    found = points(page(client, "show-usage", project), "retention")
    ((_number, url),) = [one for one in found if one[0] == "33.3 %"]
    segment = made(client, url)
    assert "back 1 weeks later" in segment.name
    assert members(segment) == {people[0]}


def explored(project: Project, people: list[int]) -> int:
    kind = kinds_of(project_id=project.pk, names=["cart.viewed"])["cart.viewed"]
    for number, one in enumerate(people):
        given = {"attributes": {"plan": "pro" if number % 2 else "free"} if number else {}, "metrics": {"price": number}}
        record(project, kind, [one], data=given, hit_class=HitClass.NONE)
    return kind


def test_an_event_with_a_value_on_a_day_becomes_a_segment(project: Project, client: Client) -> None:
    people = make_members(project=project, count=5)
    kind = explored(project, people)

    narrow = {"attribute": "plan", "value": "pro", "metric_name": "price", "metric_sign": "<", "metric_value": "3"}
    text = page(client, "explore-events", project, type=kind, group="a:plan", **narrow)
    ((number, url),) = points(text, "explore")
    plain = dict(points(page(client, "explore-events", project, type=kind, group="a:plan"), "explore"))

    assert number == "1"
    assert members(made(client, url)) == {people[1]}
    assert members(made(client, plain["2"])) in ({people[1], people[3]}, {people[2], people[4]})
    assert members(made(client, plain["1"])) == {people[0]}


def test_everybody_of_an_answer_that_goes_to_today_is_a_rule(project: Project, client: Client) -> None:
    people = make_members(project=project, count=5)
    kind = explored(project, people)
    asked = {"type": kind, "attribute": "plan", "value": "pro", "metric_name": "price", "metric_sign": ">=", "metric_value": "2"}

    text = html.unescape(page(client, "explore-events", project, **asked))
    (url,) = re.findall(r'href="([^"]+&series=&label=)"', text)
    rule = made(client, url)
    past = f"{seoul(DAY):%Y-%m-%d}"
    text = html.unescape(page(client, "explore-events", project, **(asked | {"until": past})))
    (url,) = re.findall(r'href="([^"]+&series=&label=)"', text)
    fixed = made(client, url)

    version = SegmentVersion.objects.get(segment=rule)
    assert version.document["SegmentGroups"]["Groups"][0]["Dimensions"] == [
        {"Pabal": {"Behavior": [{
            "Event": "cart.viewed", "Days": 30, "Attributes": {"plan": ["pro"]},
            "Metrics": {"price": {"ComparisonOperator": "GREATER_THAN_OR_EQUAL", "Value": 2.0}},
        }]}}
    ]  # fmt: skip
    assert members(rule) == {people[3]}
    assert members(fixed) == {people[3]}
    assert fixed.segment_type == "IMPORT"
    record(project, kind, people[:1], data={"attributes": {"plan": "pro"}, "metrics": {"price": 9}}, ago=0 * DAY)
    assert members(rule) == {people[0], people[3]}


@pytest.mark.parametrize(
    "query",
    [
        "", "chart=nothing", "chart=messages&series=opens", "chart=messages&series=x&label=2026-11-25",
        "chart=messages&series=opens&label=2020-01-01", "chart=reactions&series=9&label=3", "chart=reactions&series=1&label=44",
        "chart=reactions&series=1&label=²", "chart=active&series=x&label=2026-11-25", "chart=retention&series=2026-11-01&label=1",
        "chart=retention&series=x&label=99", "chart=events&series=77777&label=2026-11-25",
        "chart=explore&type=30&series=w&label=2026-11-25", "chart=explore&type=x&series=v:&label=2026-11-25",
        "chart=explore&type=30&series=v:&label=x",
    ],
)  # fmt: skip
def test_a_point_that_is_none_says_so_and_makes_nothing(project: Project, client: Client, query: str) -> None:
    address = reverse("console:make-point-segment", args=[project.public_id])
    for answer in (client.get(f"{address}?{query}"), client.post(f"{address}?{query}")):
        assert answer.status_code == 200
        assert "not in the picture any more" in answer.content.decode()
    assert not Segment.objects.exists()


def test_a_point_behind_which_nobody_is_left_makes_no_segment(project: Project, client: Client) -> None:
    people = make_members(project=project, count=1)
    record(project, EventKind.EMAIL_OPEN, people)
    (_number, url), *_rest = points(page(client, "show-statistics", project), "messages")
    delete_endpoint(endpoint=Endpoint.objects.get(pk=people[0]), actor=project.created_by, now=clock.now())

    assert "Nobody is behind" in client.post(url).content.decode()
    assert not Segment.objects.exists()


def test_a_viewer_sees_numbers_that_lead_nowhere_and_makes_no_segment(project: Project) -> None:
    record(project, EventKind.EMAIL_OPEN, make_members(project=project, count=1))
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    assert points(page(viewer, "show-statistics", project), "messages") == []
    url = f"{reverse('console:make-point-segment', args=[project.public_id])}?chart=messages&series=opens&label={seoul(DAY):%Y-%m-%d}"
    assert viewer.get(url).status_code == 403
    assert viewer.post(url).status_code == 403
    assert not Segment.objects.exists()
