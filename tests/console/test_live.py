"""A page of numbers that looks again gets nothing while nothing happened, and the new page when something did."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import Detail, Event, EventKind, SourceKind
from analytics.services import details
from console.statistics.live import HEADER, mark_of
from core import clock
from core.sql import Together
from projects.models import Project
from tests.console.test_statistics_pages import record
from tests.console.world import logged_in, make_world
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db
PAGES = ["show-statistics", "show-usage", "show-events", "show-revenue", "show-deliverability"]


@pytest.fixture
def project() -> Project:
    return make_project()


def happen(project: Project, kind: int, endpoints: list[int]) -> None:
    record(project, kind, endpoints, ago=datetime.timedelta())


def look(client: Client, project: Project, page: str, mark: str = "") -> Any:
    headers: dict[str, str] = {HEADER: mark} if mark else {}
    return client.get(reverse(f"console:{page}", args=[project.public_id]), headers=headers)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_missed_nothing_gets_nothing(project: Project, page: str) -> None:
    client = logged_in(project.created_by)
    happen(project, EventKind.SESSION_START, [1, 2])
    first = look(client, project, page)
    mark = first.wsgi_request.live_mark

    assert f'data-live-mark-value="{mark}"' in first.content.decode()
    assert look(client, project, page, mark).status_code == 204
    happen(project, EventKind.EMAIL_OPEN, [3])
    again = look(client, project, page, mark)
    assert again.status_code == 200
    assert again.wsgi_request.live_mark != mark


def test_a_first_page_is_live_once_something_was_sent() -> None:
    world = make_world()

    assert b"data-live-mark-value" in look(logged_in(world.owner), world.project, "show-overview").content


def test_a_strangers_look_says_nothing(project: Project) -> None:
    mark = mark_of(project_id=project.public_id, now=clock.now())

    assert look(logged_in(make_user()), project, "show-usage", mark).status_code == 404
    assert look(Client(), project, "show-usage", mark).status_code == 302


def test_the_mark_is_of_the_project_and_of_the_hour(project: Project) -> None:
    now = clock.now()
    mark = mark_of(project_id=project.public_id, now=now)
    happen(make_project(), EventKind.SESSION_START, [1])

    assert mark_of(project_id=project.public_id, now=now) == mark
    assert mark_of(project_id=project.public_id, now=now + datetime.timedelta(hours=1)) != mark
    assert not Event.objects.filter(project_id=project.pk).exists()


def test_a_page_that_shows_what_waits_is_new_when_mails_are_refused_for_now(project: Project) -> None:
    client = logged_in(project.created_by)
    happen(project, EventKind.EMAIL_SEND, [1])
    marks = {page: look(client, project, page).wsgi_request.live_mark for page in ("show-deliverability", "show-statistics")}
    together = Together()
    of = {"project_id": project.pk, "source_kind": SourceKind.CAMPAIGN, "source_id": 1}
    details.add(together, Detail.DOMAIN, details.deferred(**of, domains=[5, 5], now=clock.now()))
    together.send()

    seen = look(client, project, "show-deliverability", marks["show-deliverability"])
    assert seen.status_code == 200
    assert look(client, project, "show-statistics", marks["show-statistics"]).status_code == 204
    details.fold()
    assert look(client, project, "show-deliverability", seen.wsgi_request.live_mark).status_code == 204
