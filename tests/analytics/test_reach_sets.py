"""Sets kept in the process are those of the table, whatever happens to it."""

from __future__ import annotations

import datetime
import random
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q

from analytics import reach_sets
from analytics.events import EventRow
from analytics.models import Event, EventKind, HitClass, Reach, ReachAddition, SourceKind
from analytics.services.reach import fold_reach
from analytics.services.record import record_events
from core.audience import Audience
from projects.models import Project
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 11, 1)
LAST = datetime.date(2026, 11, 5)


@pytest.fixture
def project() -> Project:
    reach_sets.forget()
    return make_project()


def opened(project: Project, *ids: int, day: int = 0, run: int = 1) -> None:
    at = datetime.datetime(2026, 11, 1 + day, 3, tzinfo=datetime.UTC)
    rows = [
        EventRow(
            id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=one, kind=EventKind.EMAIL_OPEN,
            hit_class=HitClass.PERSON, source_kind=SourceKind.CAMPAIGN, source_id=7, run_id=run,
        )
        for one in ids
    ]  # fmt: skip
    with transaction.atomic():
        record_events(events=rows)


def narrow(project: Project) -> Q:
    return Q(project_id=project.pk, kind=EventKind.EMAIL_OPEN, link_number=-1)


def told(project: Project, *names: str) -> dict[tuple[Any, ...], set[int]]:
    return {key: set(found) for key, found in reach_sets.sets_by(narrow(project), names, first=DAY, last=LAST).items()}


def test_they_follow_every_change_of_the_rows(project: Project) -> None:
    chance = random.Random(7)
    expected: dict[tuple[int, datetime.date], set[int]] = {}
    for _turn in range(60):
        match chance.choice(["event", "event", "event", "fold", "erase", "rewrite"]):
            case "event":
                who, day, run = chance.randrange(1, 40), chance.randrange(5), chance.randrange(1, 3)
                opened(project, who, day=day, run=run)
                expected.setdefault((run, DAY + datetime.timedelta(days=day)), set()).add(who)
            case "fold":
                fold_reach()
            case "erase":
                who = chance.randrange(1, 40)
                for rows in (Reach, ReachAddition):
                    for row in rows.objects.filter(project_id=project.pk):
                        rows.objects.filter(pk=row.pk).update(members=row.members - Audience([who]))
                for members in expected.values():
                    members.discard(who)
            case "rewrite":
                for row in Reach.objects.filter(project_id=project.pk):
                    Reach.objects.filter(pk=row.pk).update(members=row.members)
        by_run: dict[tuple[Any, ...], set[int]] = {}
        by_day: dict[tuple[Any, ...], set[int]] = {}
        for (run, at), members in expected.items():
            by_run.setdefault((run,), set()).update(members)
            by_day.setdefault((at,), set()).update(members)
        assert told(project, "run_id") == by_run
        assert told(project, "day") == by_day
        assert told(project) == ({(): set().union(*expected.values())} if expected else {})


def test_only_days_that_changed_are_read(project: Project, django_assert_num_queries: Any) -> None:
    for day in range(5):
        opened(project, 1, 2, day=day)
    fold_reach()
    with django_assert_num_queries(3):
        told(project)
    with django_assert_num_queries(2):
        assert told(project) == {(): {1, 2}}

    opened(project, 3, day=4)
    with django_assert_num_queries(3) as asked:
        assert told(project) == {(): {1, 2, 3}}
    assert "2026-11-05" in asked.captured_queries[-1]["sql"]
    assert "2026-11-03" not in asked.captured_queries[-1]["sql"].partition("IN")[2]


def test_what_is_kept_has_a_limit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach_sets, "KEPT_BYTES", 200)
    for day in range(5):
        opened(project, *range(day, 400, 7), day=day)
    fold_reach()

    assert len(told(project, "day")) == 5
    assert len(reach_sets._kept) == 1
    assert told(project)[()] == set(Event.objects.filter(project_id=project.pk).values_list("endpoint_id", flat=True))
