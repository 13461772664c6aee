"""Pages of transforms: made, looked at, changed, paused, asked again, deleted; who may."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import LakeTransform, TransformWindow
from analytics.tasks import run_transforms, tick_transforms
from analytics.transforms import running
from console.models import SavedQuery
from console.sql import words
from core import clock
from projects.models import Project, Role
from tests.analytics.lake import NOW, event, written
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)
OPENS = "SELECT endpoint_id, count(*) AS opens FROM email_open GROUP BY ALL"
GIVEN = {"name": "opens", "mode": "DAY", "sql": OPENS, "since": "2026-11-01"}


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def marketer(project: Project) -> Client:
    return logged_in(make_member(project=project))


def url(project: Project, name: str, *more: Any) -> str:
    return reverse(f"console:{name}", args=[project.public_id, *more])


def test_a_transform_is_made_run_and_its_table_asked_and_completed(project: Project, marketer: Client) -> None:
    written(event(project, minutes=60), event(project, minutes=60 * 24))

    made = marketer.post(url(project, "create-transform"), GIVEN)
    transform = LakeTransform.objects.get()
    page = url(project, "show-transform", transform.pk)
    assert made.headers["Location"] == page
    assert "2 parts of time, since" in marketer.get(page).content.decode()
    assert "2 parts of time, since" in marketer.get(url(project, "list-transforms")).content.decode()
    tick_transforms()  # nudges a worker; here the test is the worker
    run_transforms(project.pk)

    shown = marketer.get(page).content.decode()
    assert "2 rows," in shown
    assert "<td>2026-11-25</td>" in shown
    answer = marketer.post(url(project, "run-sql"), {"sql": "SELECT sum(opens) AS n FROM opens"}, headers={"HX-Request": "true"})
    assert '<td class="text-end number">2</td>' in answer.content.decode()
    assert "partition_day" in marketer.get(url(project, "show-sql")).content.decode()
    assert [one.name for one in words.tables_of(project_id=project.pk)][:2] == ["opens", "all_events"]
    trail = logged_in(project.created_by).get(reverse("projects:list-audit", args=[project.public_id])).content.decode()
    assert page in trail


def test_what_is_wrong_is_said_beside_what_was_typed(project: Project, marketer: Client) -> None:
    for given, sentence in (
        ({"sql": "SELECT nope FROM email_open"}, "LINE 2: SELECT nope"),
        ({"sql": ""}, "Write a query first."),
        ({"name": "SELECT"}, "small letters"),
        ({"mode": "WEEK"}, "WEEK"),
        ({"sql": "SELECT count(*) FROM email_open"}, "count_star()"),
    ):
        page = marketer.post(url(project, "create-transform"), GIVEN | given)
        assert page.status_code == 200
        assert sentence in page.content.decode()
    assert not LakeTransform.objects.exists()


def test_a_saved_query_becomes_a_transform(project: Project, marketer: Client) -> None:
    saved = SavedQuery.objects.create(project=project, name="x", sql="SELECT 'mine'", saved_at=NOW)
    theirs = SavedQuery.objects.create(project=make_project(), name="x", sql="SELECT 'theirs'", saved_at=NOW)

    assert "SELECT &#x27;mine&#x27;" in marketer.get(url(project, "create-transform"), {"saved": saved.pk}).content.decode()
    for other in (theirs.pk, "x", ""):
        assert "theirs" not in marketer.get(url(project, "create-transform"), {"saved": other}).content.decode()
    assert (
        url(project, "create-transform") + f"?saved={saved.pk}"
        in marketer.get(url(project, "show-sql"), {"saved": saved.pk}).content.decode()
    )


def test_it_is_changed_paused_resumed_run_asked_again_and_deleted(project: Project, marketer: Client) -> None:
    written(event(project, minutes=60))
    marketer.post(url(project, "create-transform"), GIVEN)
    transform = LakeTransform.objects.get()
    running.run_project(project_id=project.pk, clock=clock.now)

    wrong = marketer.post(url(project, "change-transform", transform.pk), {"sql": "SELECT nope FROM email_open"}).content.decode()
    assert "LINE 2: SELECT nope" in wrong
    assert "SELECT nope FROM email_open</textarea>" in wrong
    marketer.post(url(project, "change-transform", transform.pk), {"sql": OPENS + " HAVING count(*) > 0"})
    transform.refresh_from_db()
    assert (transform.version, transform.sql) == (2, OPENS + " HAVING count(*) > 0")
    for name, state in (("pause-transform", "PAUSED"), ("resume-transform", "RUNNING")):
        marketer.post(url(project, name, transform.pk))
        transform.refresh_from_db()
        assert transform.state == state
    told = marketer.post(url(project, "resume-transform", transform.pk), follow=True).content.decode()
    assert "is running already" in told
    LakeTransform.objects.update(next_at=NOW + datetime.timedelta(days=999))
    marketer.post(url(project, "run-transform", transform.pk))
    transform.refresh_from_db()
    assert transform.next_at <= clock.now()
    TransformWindow.objects.update(done=9, asked=9)
    told = marketer.post(url(project, "backfill-transform", transform.pk), {"since": "2026-11-26"}, follow=True).content.decode()
    assert "1 part of time is asked about." in told
    assert TransformWindow.objects.get().asked == 10
    for since, sentence in (("1999-01-01", "the last 1,100"), ("x", "valid date")):
        told = marketer.post(url(project, "backfill-transform", transform.pk), {"since": since}, follow=True).content.decode()
        assert sentence in told
    marketer.post(url(project, "create-transform"), GIVEN | {"name": "reader", "sql": "SELECT opens FROM opens"})
    told = marketer.post(url(project, "delete-transform", transform.pk), follow=True).content.decode()
    assert "Other transforms read this table: reader" in told
    marketer.post(url(project, "delete-transform", LakeTransform.objects.get(name="reader").pk))
    gone = marketer.post(url(project, "delete-transform", transform.pk))
    assert gone.headers["Location"] == url(project, "list-transforms")
    assert not LakeTransform.objects.exists()


def test_a_failure_is_told_in_the_readers_language(project: Project, marketer: Client) -> None:
    written(event(project, minutes=60))
    marketer.post(url(project, "create-transform"), GIVEN | {"sql": "SELECT error('on <b>purpose') AS x FROM email_open"})
    transform = LakeTransform.objects.get()
    running.run_project(project_id=project.pk, clock=clock.now)

    page = marketer.get(url(project, "show-transform", transform.pk)).content.decode()
    assert "on &lt;b&gt;purpose" in page
    assert "It is tried again at" in page
    assert "could not be answered" in page
    marketer.cookies["pabal_language"] = "ko"
    assert "could not be answered" not in marketer.get(url(project, "show-transform", transform.pk)).content.decode()


def test_viewers_look_and_strangers_find_nothing(project: Project, marketer: Client) -> None:
    marketer.post(url(project, "create-transform"), GIVEN)
    transform = LakeTransform.objects.get()
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))
    other = make_project()
    stranger = logged_in(other.created_by)

    page = viewer.get(url(project, "show-transform", transform.pk)).content.decode()
    assert "readonly" in page
    assert "Pause" not in page
    assert viewer.get(url(project, "create-transform")).status_code == 403
    for name in ("change", "pause", "resume", "run", "backfill", "delete"):
        assert viewer.post(url(project, f"{name}-transform", transform.pk), {"sql": OPENS}).status_code == 403
        assert stranger.post(url(project, f"{name}-transform", transform.pk), {"sql": OPENS}).status_code == 404
        assert stranger.post(url(other, f"{name}-transform", transform.pk), {"sql": OPENS}).status_code == 404
    assert LakeTransform.objects.get().state == "RUNNING"
