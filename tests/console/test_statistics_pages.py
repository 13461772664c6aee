"""The pages of statistics: numbers, ranges, funnels, and segments of their steps."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.record import record_events
from console.statistics.charts import Chart, Series
from core import clock
from projects.models import Project, Role
from segments.models import Segment, SegmentVersion
from tests.console.world import logged_in
from tests.factories.campaigns import make_campaign
from tests.factories.endpoints import make_members
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


def record(project: Project, kind: int, endpoints: list[int], *, ago: datetime.timedelta = DAY, **more: Any) -> None:
    with transaction.atomic():
        record_events(
            events=[
                EventRow(
                    id=uuid.uuid4(), occurred_at=clock.now() - ago, project_id=project.pk, endpoint_id=one, kind=kind,
                    **({"hit_class": HitClass.PERSON} | more),
                )
                for one in endpoints
            ]
        )  # fmt: skip


def page(client: Client, name: str, project: Project, **query: Any) -> str:
    answer = client.get(reverse(f"console:{name}", args=[project.public_id]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def pictures(html: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', html)]


def test_messages_are_shown_by_day_with_the_campaigns_that_sent_them(project: Project) -> None:
    campaign = make_campaign(project=project, document={}, name="가을 세일")
    of = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": 1, "hit_class": HitClass.NONE}
    record(project, EventKind.EMAIL_SEND, [1, 2, 3, 4], **of)
    record(project, EventKind.EMAIL_DELIVERED, [1, 2, 3, 4], **of)
    record(project, EventKind.EMAIL_OPEN, [1, 2], **(of | {"hit_class": HitClass.PERSON}))
    record(project, EventKind.EMAIL_SEND, [9], ago=40 * DAY, **of)
    record(make_project(), EventKind.EMAIL_SEND, [5])

    html = page(logged_in(project.created_by), "show-statistics", project)

    chart = pictures(html)[0]
    assert [sum(one["values"]) for one in chart["series"]] == [4, 4, 2, 0, 0, 0]
    assert len(chart["labels"]) == 30
    assert "가을 세일" in html
    assert "50.0 %" in html
    assert "+300 %" in html


def test_usage_tells_who_is_active_and_comes_back(project: Project) -> None:
    record(project, EventKind.SESSION_START, [1, 2])
    record(project, EventKind.EMAIL_OPEN, [2, 3], ago=20 * DAY)

    active, sticky, sessions, _hours, retention = pictures(page(logged_in(project.created_by), "show-usage", project))

    assert (max(active["series"][0]["values"]), active["series"][1]["values"][-1]) == (2, 3)
    assert max(one or 0 for one in sticky["series"][0]["values"]) == 1
    assert sum(sessions["series"][0]["values"]) == 2
    assert [one for row in retention["series"] for one in row["values"] if one and one < 1] == [0.5]


def test_an_event_of_a_programs_own_is_drawn_when_it_is_ticked(project: Project) -> None:
    from analytics.services.event_types import kinds_of

    kind = kinds_of(project_id=project.pk, names=["<b>장바구니"])["<b>장바구니"]
    record(project, kind, [1, 2, 3])
    record(project, EventKind.SESSION_START, [1])

    html = page(logged_in(project.created_by), "show-events", project, type=kind)

    (chart,) = pictures(html)
    assert [(one["name"], sum(one["values"])) for one in chart["series"]] == [("<b>장바구니", 3)]
    assert "<b>장바구니" not in html


def test_a_funnel_shows_its_steps_and_a_step_becomes_a_segment(project: Project) -> None:
    people = make_members(project=project, count=4)
    record(project, EventKind.SESSION_START, people, ago=3 * DAY)
    record(project, EventKind.MONETIZATION_PURCHASE, people[:1], ago=2 * DAY)
    client = logged_in(project.created_by)
    asked = {"step1": int(EventKind.SESSION_START), "step2": int(EventKind.MONETIZATION_PURCHASE), "hours": 48}

    html = page(client, "show-funnel", project, **asked)
    assert pictures(html)[0]["series"][0]["values"] == [4, 1]
    address = reverse("console:create-funnel-segment", args=[project.public_id])
    client.post(address, asked | {"step": "2"})
    client.post(f"{address}?dropped", asked | {"step": "2"})

    made = {one.segment.name: set(one.members or ()) for one in SegmentVersion.objects.select_related("segment")}
    assert sorted(made.values(), key=len) == [{people[0]}, set(people[1:])]
    assert all("Bought something" in name for name in made)


@pytest.mark.parametrize("given", [{"step": "2", "hours": 48}, {"step": "x"}, {"step": "9"}, {"step": "1"}])
def test_a_step_that_is_none_makes_no_segment(project: Project, given: dict[str, Any]) -> None:
    steps = {"step1": int(EventKind.SESSION_START), "step2": int(EventKind.MONETIZATION_PURCHASE), "hours": 48}
    asked = given if "hours" in given else steps | given
    answer = logged_in(project.created_by).post(reverse("console:create-funnel-segment", args=[project.public_id]), asked)
    assert answer.status_code == 302
    assert not Segment.objects.exists()


def test_a_viewer_makes_no_segment(project: Project) -> None:
    client = logged_in(make_member(project=project, role=Role.VIEWER))
    assert client.post(reverse("console:create-funnel-segment", args=[project.public_id]), {}).status_code == 403


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [("2026-11-20", "2026-11-01", "before the start"), ("2020-01-01", "2026-01-01", "366 days"), ("soon", "", "valid date")],
)
def test_a_range_that_is_none_says_so_and_shows_the_last_month(project: Project, since: str, until: str, says: str) -> None:
    html = page(logged_in(project.created_by), "show-statistics", project, since=since, until=until)
    assert says in html
    assert html.count('<th scope="row">20') == 30


def test_a_picture_and_its_table_have_the_same_numbers() -> None:
    lines = Chart("k", "t", "line", ["a", "b"], [Series("one", [1_000, None]), Series("rate", [0.5, 0], is_rate=True)])
    heat = Chart("k", "t", "heat", ["00", "01"], [Series("Monday", [1, 2])])
    assert [(label, [cell.text for cell in cells]) for label, cells in lines.rows()] == [
        ("a", ["1,000", "50.0 %"]), ("b", ["–", "0.0 %"]),
    ]  # fmt: skip
    assert [(label, [cell.text for cell in cells]) for label, cells in heat.rows()] == [("Monday", ["1", "2"])]
    assert not any(cell.url for _label, cells in lines.rows() for cell in cells)
    assert (lines.heads, heat.heads) == (["one", "rate"], ["00", "01"])


def viewed(project: Project) -> int:
    from analytics.services.event_types import kinds_of

    kind = kinds_of(project_id=project.pk, names=["cart.viewed"])["cart.viewed"]
    for endpoint in range(1, 6):
        plan, price = ("pro" if endpoint % 2 else "free"), endpoint * 1_000.5
        record(project, kind, [endpoint], data={"attributes": {"plan": plan}, "metrics": {"price": price}})
    return kind


def test_a_question_is_answered_by_attribute_with_its_total(project: Project) -> None:
    asked = {"type": viewed(project), "measure": "sum", "metric": "price", "group": "a:plan"}

    html = page(logged_in(project.created_by), "explore-events", project, **asked)

    (chart,) = pictures(html)
    assert [(one["name"], max(one["values"])) for one in chart["series"]] == [("pro", 9_004.5), ("free", 6_003.0)]
    assert '<td class="text-end number">9,004.5</td><td class="text-end number">6,003</td></tr></tfoot>' in html
    assert 'value="plan"' in html


def test_the_page_of_questions_begins_with_what_programs_send_most(project: Project) -> None:
    record(project, EventKind.EMAIL_OPEN, [1, 2, 3])
    kind = viewed(project)
    (chart,) = pictures(page(logged_in(project.created_by), "explore-events", project))
    assert sum(chart["series"][0]["values"]) == 5
    assert f'<option value="{kind}" selected>' in page(logged_in(project.created_by), "explore-events", project)


def test_events_are_counted_by_hour_and_by_the_campaign_that_they_name(project: Project) -> None:
    campaign = make_campaign(project=project, document={}, name="가을 세일")
    record(project, EventKind.EMAIL_OPEN, [1, 2], source_kind=SourceKind.CAMPAIGN, source_id=campaign.pk, run_id=1)
    record(project, EventKind.EMAIL_OPEN, [3])
    since = f"{clock.now() - 2 * DAY:%Y-%m-%d}"
    asked = {"type": int(EventKind.EMAIL_OPEN), "group": "campaign", "grain": "hour", "since": since}

    (chart,) = pictures(page(logged_in(project.created_by), "explore-events", project, **asked))

    assert [(one["name"], sum(one["values"])) for one in chart["series"]] == [("가을 세일", 2), ("Without", 1)]
    assert len(chart["labels"]) % 24 == 0


def test_a_question_over_many_events_is_asked_by_the_page_itself(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.statistics import exploring

    asked = {"type": viewed(project), "group": "a:plan"}
    monkeypatch.setattr(exploring, "_AT_ONCE", 3)
    client = logged_in(project.created_by)

    first = page(client, "explore-events", project, **asked)
    fragment = client.get(
        reverse("console:explore-events", args=[project.public_id]), asked, headers={"HX-Request": "true"}
    ).content.decode()

    assert 'hx-trigger="load"' in first
    assert pictures(first) == []
    assert "<html" not in fragment
    assert [sum(one["values"]) for one in pictures(fragment)[0]["series"]] == [3, 2]
    assert len(pictures(page(client, "explore-events", project, **asked, wait="1"))) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"measure": "sum"}, "Choose the metric"),
        ({"metric_name": "price", "metric_sign": "<", "metric_value": "much"}, "is not a number"),
        ({"metric_name": "price", "metric_sign": "<", "metric_value": "nan"}, "is not a number"),
        ({"grain": "hour"}, "14 days"),
        ({"type": "77777"}, "77777"),
        ({"since": "2026-11-20", "until": "2026-11-01"}, "before the start"),
    ],
)
def test_a_question_that_is_none_says_why(project: Project, given: dict[str, str], says: str) -> None:
    html = page(logged_in(project.created_by), "explore-events", project, **({"type": viewed(project)} | given))
    assert says in html
    assert pictures(html) == []


def test_texts_of_a_question_are_texts(project: Project) -> None:
    asked = {
        "type": viewed(project),
        "group": "a:<b>",
        "attribute": "<b>'\"",
        "value": "</script>",
        "metric_name": "<i>",
        "metric_value": "1",
    }
    html = page(logged_in(project.created_by), "explore-events", project, **asked)
    assert "<b>" not in html
    assert "<i>" not in html
    assert html.count("</script>") == html.count("<script")
