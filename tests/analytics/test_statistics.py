"""Numbers over time: by day in a zone, activity, retention and funnels, against plain counting."""

from __future__ import annotations

import datetime
import itertools
import uuid
import zoneinfo
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events import EventRow
from analytics.models import EventKind, HitClass
from analytics.services.record import record_events
from analytics.statistics import activity, daily
from analytics.statistics.activity import _windows
from analytics.statistics.daily import Days
from analytics.statistics.funnel import funnel
from core.audience import Audience

pytestmark = pytest.mark.django_db

SEOUL = zoneinfo.ZoneInfo("Asia/Seoul")
MONDAY = datetime.date(2026, 11, 2)
START = datetime.datetime(2026, 11, 1, 15, 0, tzinfo=datetime.UTC)  # the Monday begins in Seoul
OPEN, CLICK = EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK
_projects = itertools.count(9_000_001)


def record(project_id: int, *told: tuple[int, int, float], **more: Any) -> None:
    """Events of (kind, endpoint, hours after the Monday's beginning)."""
    with transaction.atomic():
        record_events(
            events=[
                EventRow(
                    id=uuid.uuid4(), occurred_at=START + datetime.timedelta(hours=hours), project_id=project_id,
                    endpoint_id=endpoint, kind=kind, **({"hit_class": HitClass.PERSON} | more),
                )
                for kind, endpoint, hours in told
            ]
        )  # fmt: skip


def days(count: int) -> Days:
    return Days(MONDAY, MONDAY + datetime.timedelta(days=count - 1), SEOUL)


def test_days_and_hours_are_those_of_the_projects_zone() -> None:
    project = next(_projects)
    record(project, (OPEN, 1, -1), (OPEN, 1, 0), (OPEN, 2, 23), (CLICK, 1, 24), (OPEN, 1, 24 * 3))
    record(project, (OPEN, 9, 1), hit_class=HitClass.SCANNER)

    assert daily.by_day(project_id=project, days=days(3), kinds=[OPEN, CLICK]) == {OPEN: [2, 0, 0], CLICK: [0, 1, 0]}
    assert daily.totals(project_id=project, days=days(3).before, kinds=[OPEN])[OPEN] == 1
    week = daily.by_hour_of_week(project_id=project, days=days(3), kinds=[OPEN, CLICK])
    assert (week[0][0], week[0][23], week[1][0]) == (1, 1, 1)
    assert sum(map(sum, week)) == 3
    assert list(daily.known_kinds(project_id=project, days=days(3)).items()) == [(OPEN, 2), (CLICK, 1)]


@given(st.lists(st.frozensets(st.integers(1, 9)), min_size=1, max_size=40), st.integers(1, 12))
def test_a_window_is_the_union_of_its_days(sets: list[frozenset[int]], length: int) -> None:
    found = _windows([Audience(one) for one in sets], length)
    assert [set(one) for one in found] == [
        set().union(*sets[number : number + length]) for number in range(len(sets) - length + 1)
    ]


def test_active_days_count_people_once_and_a_month_back() -> None:
    project = next(_projects)
    record(
        project,
        (OPEN, 1, 9),
        (CLICK, 1, 10),
        (EventKind.SESSION_START, 2, 10),
        (EventKind.EMAIL_DELIVERED, 3, 10),
        (1_000, 4, 33),
    )

    first, second = activity.active_days(project_id=project, first=MONDAY, last=MONDAY + datetime.timedelta(days=1))
    (later,) = activity.active_days(
        project_id=project, first=MONDAY + datetime.timedelta(days=30), last=MONDAY + datetime.timedelta(days=30)
    )

    assert (first.daily, first.monthly, first.sticky) == (2, 2, 1.0)
    assert (second.daily, second.monthly) == (1, 3)
    assert (later.daily, later.monthly, later.sticky) == (0, 1, 0.0)


def test_retention_tells_who_came_back() -> None:
    project, week = next(_projects), 24 * 7
    record(
        project,
        (OPEN, 1, 20),
        (OPEN, 2, 20),
        (OPEN, 1, 20 + week),
        (OPEN, 3, 20 + week),
        (OPEN, 2, 20 + 2 * week),
        (OPEN, 1, 20 + 2 * week),
    )

    cohorts = activity.retention(project_id=project, last=MONDAY + datetime.timedelta(days=16), weeks=3)

    assert [(one.week, one.size, one.back) for one in cohorts] == [
        (MONDAY, 2, [1, 2]), (MONDAY + datetime.timedelta(days=7), 1, [0]), (MONDAY + datetime.timedelta(days=14), 0, []),
    ]  # fmt: skip


STEPS = [EventKind.SESSION_START, 1_001, EventKind.MONETIZATION_PURCHASE]


def naive(told: list[tuple[int, int, float]], within: float) -> list[set[int]]:
    found: list[set[int]] = [set(), set(), set()]
    for kind, endpoint, start in told:
        if kind != STEPS[0]:
            continue
        found[0].add(endpoint)
        at = start
        for number, step in enumerate(STEPS[1:], 1):
            after = [hours for kind, who, hours in told if kind == step and who == endpoint and at <= hours <= start + within]
            if not after:
                break
            at = min(after)
            found[number].add(endpoint)
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4), st.integers(0, 30).map(float)), max_size=40),
    st.integers(0, 20),
    st.sets(st.integers(1, 4)) | st.none(),
)
def test_a_funnel_reaches_whom_plain_counting_reaches(
    told: list[tuple[int, int, float]], within: int, among: set[int] | None
) -> None:
    project = next(_projects)
    record(project, *told)
    some = None if among is None else Audience(among)

    found = funnel(project_id=project, kinds=STEPS, days=days(2), within=datetime.timedelta(hours=within), among=some)

    expected = naive(told, within)
    assert [set(one.members) for one in found] == [one if among is None else one & among for one in expected]


def test_endpoints_whose_numbers_lie_far_apart_go_through_a_funnel_too() -> None:
    project = next(_projects)
    record(project, (STEPS[0], 1, 1), (STEPS[1], 1, 2), (STEPS[0], 1 << 40, 1), (STEPS[1], 1 << 40, 3), (STEPS[2], 1 << 41, 1))

    found = funnel(project_id=project, kinds=STEPS, days=days(2), within=datetime.timedelta(hours=5))

    assert [set(one.members) for one in found] == [{1, 1 << 40}, {1, 1 << 40}, set()]
