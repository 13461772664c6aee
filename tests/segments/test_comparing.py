from __future__ import annotations

import math

import pytest
from django.urls import reverse

from core import clock
from core.audience import Audience
from projects.models import Project
from segments import comparing
from segments.evaluation import evaluate_segment
from segments.models import Segment
from tests.console.world import logged_in
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def two(project: Project) -> tuple[list[int], Segment, Segment]:
    """Ten endpoints: the first segment has eight of them, the second five, three are in both."""
    ids = make_members(project=project, count=10)
    first = make_import_segment(project=project, members=Audience(ids[:8]), name="가을")
    return ids, first, make_import_segment(project=project, members=Audience(ids[5:]), name="겨울")


def test_the_numbers_are_exact_and_the_areas_say_the_same(project: Project) -> None:
    _ids, first, second = two(project)

    found = comparing.compare(project=project, first=first, second=second, now=clock.now())

    assert (found.only_first, found.both, found.only_second) == (5, 3, 2)
    assert (found.share_of_first, found.share_of_second) == (37.5, 60.0)
    assert found.second.r**2 / found.first.r**2 == pytest.approx(5 / 8, rel=0.01)
    shared = comparing._lens(found.first.r, found.second.r, found.second.x - found.first.x)
    assert shared / (math.pi * found.first.r**2) == pytest.approx(3 / 8, abs=0.01)


@pytest.mark.parametrize(
    ("counts", "is_apart"), [((10, 10, 0), True), ((10, 0, 0), True), ((0, 0, 0), True), ((10, 4, 4), False), ((7, 7, 7), False)]
)
def test_sets_apart_within_one_another_and_empty_can_be_drawn(counts: tuple[int, int, int], is_apart: bool) -> None:
    one, other = comparing._circles(*counts)

    distance = other.x - one.x
    assert (distance > one.r + other.r) is is_apart
    if not is_apart:
        assert distance <= abs(one.r - other.r) + 0.5
    assert min(one.x - one.r, other.x - other.r) >= 0
    assert max(one.x + one.r, other.x + other.r) <= 400


@pytest.mark.parametrize(("part", "members"), [("first", slice(0, 5)), ("both", slice(5, 8)), ("second", slice(8, 10))])
def test_a_segment_is_made_of_each_part(project: Project, part: str, members: slice) -> None:
    ids, first, second = two(project)
    url = reverse("segments:compare-segments", args=[project.public_id])
    client = logged_in(project.created_by)

    page = client.get(url, {"first": first.public_id, "second": second.public_id}).content.decode()
    assert 'data-count="both">3<' in page
    answer = client.post(url, {"first": first.public_id, "second": second.public_id, "part": part})

    made = Segment.objects.get(segment_type="DIMENSIONAL")
    assert answer.headers["Location"] == reverse("segments:show-segment", args=[project.public_id, made.public_id])
    assert set(evaluate_segment(project_id=project.pk, segment_id=made.public_id, now=clock.now())) == set(ids[members])


def test_another_projects_segment_can_not_be_compared(project: Project) -> None:
    _ids, first, _second = two(project)
    foreign = make_import_segment(project=make_project(), members=Audience([1]), name="남의 것")
    client = logged_in(project.created_by)
    url = reverse("segments:compare-segments", args=[project.public_id])

    page = client.get(url, {"first": first.public_id, "second": foreign.public_id})
    client.post(url, {"first": first.public_id, "second": foreign.public_id, "part": "both"})

    assert "found" not in page.context
    assert "남의 것" not in page.content.decode()
    assert not Segment.objects.filter(segment_type="DIMENSIONAL").exists()
