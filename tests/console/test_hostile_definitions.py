"""Segment definitions and schedules that no builder writes: refused with a reason, or evaluated."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from core import clock
from segments.models import Segment
from segments.views import segments as segment_views
from tests.console.world import logged_in, make_world
from tests.factories.campaigns import make_campaign
from tests.factories.endpoints import make_members
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text",
    [
        '{"Pabal": "\\u0000"}',
        '{"Pabal": "\\ud800"}',
        '{"Pabal": NaN}',
        '{"Pabal": 1e999}',
        '{"Pabal": ' + "[" * 90_000 + "]" * 90_000 + "}",
        '{"tags": ' + "9" * 5_000 + "}",
        '{"SegmentGroups": null}',
        '{"SegmentGroups": {"Groups": [[]]}}',
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        "",
        '{"Dimensions": {"Metrics": {"a": {"ComparisonOperator": "EQUAL", "Value": 1e308}}}}',
        '{"Dimensions": {"Metrics": {"a": {"ComparisonOperator": {}, "Value": 1}}}}',
        '{"Dimensions": {"Attributes": {"a": {"AttributeType": [], "Values": ["x"]}}}}',
        '{"Dimensions": {"Attributes": {"a": {"AttributeType": "AFTER", "Values": ["9999-12-31T23:59:59Z"]}}}}',
        '{"Dimensions": {"Attributes": {"a": {"AttributeType": "BEFORE", "Values": ["0001-01-01T00:00:00Z"]}}}}',
        '{"Dimensions": {"Attributes": {"a\\u0000": {"AttributeType": "INCLUSIVE", "Values": ["x\\ud800"]}}}}',
        '{"SegmentGroups": {"Include": [], "Groups": []}}',
        '{"SegmentGroups": {"Groups": [{"Type": {}, "SourceSegments": [{"Id": "a", "Version": 1e400}]}]}}',
    ],
)
def test_a_hostile_definition_is_refused_or_evaluated(text: str) -> None:
    project = make_project(time_zone="America/Los_Angeles" if "0001-01-01" in text else "Asia/Seoul")
    campaign = make_campaign(project=project, document={})
    client = logged_in(project.created_by)
    one = project.public_id

    assert client.post(reverse("segments:count-document", args=[one]), {"document": text}).status_code == 200
    made = client.post(reverse("segments:create-segment", args=[one]), {"name": "x", "document": text})
    step = reverse("campaigns:edit-campaign", args=[one, campaign.public_id, "segment"])
    assert client.post(step, {"way": "filter", "document": text, "holdout": "0"}).status_code in (200, 302)
    assert made.status_code in (200, 302)
    for segment in Segment.objects.filter(project=project):
        for name in ("show-segment", "edit-segment"):
            assert client.get(reverse(f"segments:{name}", args=[one, segment.public_id])).status_code == 200
    assert client.get(step.replace("/segment/", "/review/")).status_code == 200


def test_a_copy_of_a_segment_whose_base_is_gone_is_refused() -> None:
    world = make_world()
    Segment.objects.filter(pk=world.segment.pk).update(deleted_at=clock.now())

    answer = logged_in(world.owner).post(
        reverse("segments:copy-segment", args=[world.project.public_id, world.dynamic.public_id])
    )

    assert answer.status_code == 302
    assert Segment.objects.filter(project=world.project).count() == 2


def test_a_count_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    make_members(project=project, count=2_000)
    parts = ["(x+x+)+y", *(f"{number}{'x' * 90}" for number in range(99))]
    filters = [{"UserAttributes": {"MBR_FULLNM": {"AttributeType": "CONTAINS", "Values": parts}}} for _n in range(3)]
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": filters}]}}
    monkeypatch.setattr(segment_views, "_COUNT_MILLISECONDS", 1)

    answer = logged_in(project.created_by).post(
        reverse("segments:count-document", args=[project.public_id]), {"document": json.dumps(document)}
    )

    assert answer.status_code == 200
    assert "takes too long" in answer.context["refusal"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T23:59", "1970-01-01T00:00", "2026-02-30T00:00", "-1"])
@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/Los_Angeles"])
def test_a_schedule_at_the_ends_of_the_calendar_is_refused(start: str, zone: str) -> None:
    project = make_project()
    campaign = make_campaign(project=project, document={})
    client = logged_in(project.created_by)
    step = reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, "schedule"])
    moments = reverse("campaigns:list-moments", args=[project.public_id, campaign.public_id])
    data = {"start_kind": "later", "zone": zone, "missing_zone": "SKIP", "past_zone": "SKIP"}
    for more in ({"start": start}, {"start": "2027-01-01T00:00", "end": start}, {"start": start, "is_local": "on"}):
        for frequency in ("ONCE", "HOURLY", "MONTHLY"):
            assert client.post(moments, data | more | {"frequency": frequency}).status_code == 200
        assert client.post(step, data | more | {"frequency": "MONTHLY"}).status_code == 200

    assert client.get(step.replace("/schedule/", "/review/")).status_code == 200
    campaign.refresh_from_db()
    assert campaign.document == {}
