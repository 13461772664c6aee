"""The list of segments: pages of a hundred, and what a page reads."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.audience import Audience
from projects.models import Project
from segments.services import segments
from tests.console.world import logged_in
from tests.factories.campaigns import make_import_segment
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


def fill(project: Project, count: int) -> None:
    for number in range(count):
        segments.create_segment(project=project, actor=None, name=f"{number}번", document={"SegmentGroups": {}}, now=NOW)


def test_a_hundred_on_a_page_and_older_ones_after_them() -> None:
    owner = make_user()
    project = make_project(owner=owner)
    fill(project, 101)
    browser, address = logged_in(owner), reverse("segments:list-segments", args=[project.public_id])

    first = browser.get(address, {"q": "번"})
    older = browser.get(address, {"q": "번", "before": first.context["last"]})

    names = [segment.name for answer in (first, older) for segment in answer.context["segments"]]
    assert names == [f"{number}번" for number in reversed(range(101))]
    assert f"q=%EB%B2%88&amp;before={first.context['last']}" in first.content.decode()
    assert not older.context["last"]


def test_sizes_of_imports_are_shown_and_no_members_are_read() -> None:
    owner = make_user()
    project = make_project(owner=owner)
    browser, address = logged_in(owner), reverse("segments:list-segments", args=[project.public_id])
    fill(project, 1)
    browser.get(address)  # what is read once in a process
    with CaptureQueriesContext(connection) as few:
        browser.get(address)
    imported = make_import_segment(project=project, members=Audience([1, 2, 3]))
    fill(project, 20)
    with CaptureQueriesContext(connection) as many:
        answer = browser.get(address)

    sizes = {segment.name: segment.size for segment in answer.context["segments"]}
    assert (sizes.pop(imported.name), set(sizes.values())) == (3, {None})
    assert len(many) == len(few)
    assert not any('"members"' in query["sql"] for query in many)
