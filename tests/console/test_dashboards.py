"""Dashboards: pinned, arranged, shown from what is kept, made anew one query after the other."""

from __future__ import annotations

import datetime
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.lake import sql as lake
from console.models import Dashboard, DashboardTile, KeptAnswer, SavedQuery
from console.services import erasing, keeping, pinning, refreshing
from console.tasks import refresh_dashboards, tick_dashboards
from core import clock
from endpoints.ports import ErasedPerson
from projects.models import AuditEntry, Project, Role
from tests.analytics.lake import NOW, event, written
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = "SELECT event_type, count(*) AS n FROM all_events GROUP BY ALL"


@pytest.fixture(autouse=True)
def surroundings(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    refreshing.client().delete(refreshing._SEEN)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def marketer(project: Project) -> Client:
    return logged_in(make_member(project=project))


def url(project: Project, name: str, *more: Any) -> str:
    return reverse(f"console:{name}", args=[project.public_id, *more])


def make_tile(project: Project, *, name: str = "Opens", sql: str = COUNT, dashboard: str = "Week", **chart: Any) -> DashboardTile:
    document = {"kind": "bar", "x": "event_type", "series": "", "y": ["n"]} | chart
    query = SavedQuery.objects.create(project=project, name=name, sql=sql, chart=document, saved_at=NOW)
    made = pinning.pin(query=query, actor=project.created_by, name=dashboard, now=NOW)
    return made.tiles.get(query=query)


def drawn(html: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', html)]


def names(project: Project, dashboard: Dashboard) -> list[str]:
    return [tile.query.name for tile in refreshing.tiles_of(dashboard)]


# -- pictures of a result ---------------------------------------------------------------------------------------------


def test_a_result_is_drawn_drawn_otherwise_without_asking_again_and_saved_with_its_picture(
    project: Project, marketer: Client
) -> None:
    written(event(project), event(project, endpoint_id=8))
    sent = {"sql": COUNT, "name": "Opens"}

    run = marketer.post(url(project, "run-sql"), sent, headers={"HX-Request": "true"}).content.decode()
    assert drawn(run) == []
    assert 'name="chart-y" form="sql" value="n" checked' in run
    KeptAnswer.objects.update(seconds=77)
    written(event(project, endpoint_id=9))
    picture = marketer.post(url(project, "chart-sql"), sent | {"chart-kind": "bar", "chart-x": "event_type", "chart-y": "n"})
    assert drawn(picture.content.decode())[0] == {
        "kind": "bar", "labels": ["_email.open"], "series": [{"name": "n", "values": [2], "isRate": False}],
    }  # fmt: skip
    saved = marketer.post(url(project, "save-query"), sent | {"chart-kind": "pie", "chart-x": "event_type", "chart-y": ["n"]})
    assert SavedQuery.objects.get().chart == {"kind": "pie", "x": "event_type", "series": "", "y": ["n"]}
    page = marketer.get(saved.headers["Location"]).content.decode()
    assert drawn(page)[0]["kind"] == "pie"
    assert "77.00 s" in page
    assert "as of" in page


def test_a_picture_asks_again_when_nothing_is_kept_and_says_what_is_wrong(project: Project, marketer: Client) -> None:
    written(event(project))

    asked = marketer.post(url(project, "chart-sql"), {"sql": COUNT, "chart-kind": "number"}).content.decode()
    wrong = marketer.post(url(project, "chart-sql"), {"sql": "SELECT nope", "chart-kind": "bar"}).content.decode()
    nothing = marketer.post(url(project, "chart-sql"), {"sql": ""}).content.decode()

    assert '<div class="display-5 number">1</div>' in asked
    assert "could not be answered" in wrong
    assert "Write a query first." in nothing


def test_what_a_query_saves_to_draw_stays_when_it_is_saved_again_without_running_it(project: Project, marketer: Client) -> None:
    tile = make_tile(project)

    page = marketer.get(url(project, "show-sql"), {"saved": tile.query_id}).content.decode()

    assert '<input type="hidden" name="chart-kind" form="sql" value="bar">' in page
    assert '<input type="hidden" name="chart-y" form="sql" value="n">' in page


# -- pinning and arranging --------------------------------------------------------------------------------------------


def test_a_query_is_saved_and_pinned_to_a_new_dashboard_once(project: Project, marketer: Client) -> None:
    sent = {"sql": COUNT, "name": "Opens", "chart-kind": "bar", "chart-y": "n"}
    assert "Name the dashboard" in marketer.post(url(project, "pin-query"), sent).content.decode()
    assert (
        "Give the query a name"
        in marketer.post(url(project, "pin-query"), sent | {"name": "", "dashboard": "Week"}).content.decode()
    )
    assert not Dashboard.objects.exists()

    first = marketer.post(url(project, "pin-query"), sent | {"dashboard": "Week"})
    marketer.post(url(project, "pin-query"), sent | {"dashboard": "Week"})
    marketer.post(url(project, "pin-query"), sent | {"name": "Again", "dashboard": "Week"})

    dashboard = Dashboard.objects.get()
    assert first.headers["Location"] == url(project, "show-dashboard", dashboard.pk)
    assert names(project, dashboard) == ["Opens", "Again"]
    assert list(AuditEntry.objects.filter(verb__startswith="dashboard").order_by("pk").values_list("verb", flat=True)) == [
        "dashboard.created", "dashboard.pinned", "dashboard.pinned",
    ]  # fmt: skip
    trail = logged_in(project.created_by).get(reverse("projects:list-audit", args=[project.public_id])).content.decode()
    assert url(project, "show-dashboard", dashboard.pk) in trail


def test_tiles_are_moved_dragged_resized_and_taken_off(project: Project, marketer: Client) -> None:
    one, two, three = (make_tile(project, name=name) for name in ("one", "two", "three"))
    dashboard = one.dashboard

    marketer.post(url(project, "move-tile", three.pk), {"to": "earlier"})
    assert names(project, dashboard) == ["one", "three", "two"]
    marketer.post(url(project, "move-tile", one.pk), {"to": "earlier"})
    assert names(project, dashboard) == ["one", "three", "two"]
    marketer.post(url(project, "move-tile", one.pk), {"to": "later"})
    assert names(project, dashboard) == ["three", "one", "two"]
    dragged = marketer.post(
        url(project, "arrange-dashboard", dashboard.pk),
        {"tile": [two.pk, "x", "9" * 30, three.pk]},
        headers={"HX-Request": "true"},
    )
    assert names(project, dashboard) == ["two", "three", "one"]
    assert dragged.content.decode().index('id="tile-' + str(two.pk)) < dragged.content.decode().index(f'id="tile-{one.pk}')
    for wide in ("1", "0"):
        marketer.post(url(project, "resize-tile", two.pk), {"wide": wide})
        assert DashboardTile.objects.get(pk=two.pk).is_wide == (wide == "1")
    marketer.post(url(project, "remove-tile", two.pk))
    assert names(project, dashboard) == ["three", "one"]
    assert SavedQuery.objects.count() == 3


def test_a_dashboard_is_made_renamed_and_deleted_and_its_queries_stay(project: Project, marketer: Client) -> None:
    tile = make_tile(project)
    marketer.post(url(project, "create-dashboard"), {"name": "Month"})
    taken = marketer.post(url(project, "create-dashboard"), {"name": "Month"})
    assert "There is a dashboard of this name" in taken.content.decode()
    month = Dashboard.objects.get(name="Month")

    marketer.post(url(project, "change-dashboard", month.pk), {"name": "Week", "refresh_seconds": 900})
    marketer.post(url(project, "change-dashboard", month.pk), {"name": "한 달", "refresh_seconds": "7"})
    assert Dashboard.objects.get(pk=month.pk).name == "Month"
    marketer.post(url(project, "change-dashboard", month.pk), {"name": "한 달", "refresh_seconds": 900})
    month.refresh_from_db()
    assert (month.name, month.refresh_seconds) == ("한 달", 900)
    marketer.post(url(project, "delete-dashboard", tile.dashboard_id))
    assert not DashboardTile.objects.exists()
    assert SavedQuery.objects.exists()


def test_there_are_so_many_tiles_and_dashboards_and_no_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "TILES", 1)
    monkeypatch.setattr(pinning, "DASHBOARDS", 1)
    make_tile(project)

    with pytest.raises(pinning.DashboardRefused, match="1 tiles"):
        make_tile(project, name="two")
    with pytest.raises(pinning.DashboardRefused, match="1 dashboards"):
        make_tile(project, name="three", dashboard="Other")


def test_deleting_a_query_takes_it_off_its_dashboards(project: Project, marketer: Client) -> None:
    tile = make_tile(project)

    marketer.post(url(project, "delete-query", tile.query_id))

    assert not DashboardTile.objects.exists()
    assert marketer.get(url(project, "show-dashboard", tile.dashboard_id)).status_code == 200


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_a_dashboard_of_twelve_tiles_opens_without_a_query_over_the_lake_and_with_a_few_of_the_database(
    project: Project, marketer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(event(project))
    tiles = [make_tile(project, name=f"q{number}", sql=f"{COUNT} -- {number}") for number in range(12)]
    page = url(project, "show-dashboard", tiles[0].dashboard_id)
    assert marketer.get(page).content.decode().count("The first numbers are on their way.") == 12
    assert refreshing.refresh(clock=clock.now) == 12

    def broken(**_asked: Any) -> Any:
        raise AssertionError("a page never asks the lake")

    monkeypatch.setattr(lake, "run", broken)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        html = marketer.get(page).content.decode()

    assert [one["series"][0]["values"] for one in drawn(html)] == [[1]] * 12
    assert "on their way" not in html
    assert len(queries) <= 8


def test_numbers_are_made_anew_when_they_are_old_and_somebody_looks(project: Project, marketer: Client) -> None:
    written(event(project))
    tile = make_tile(project)
    page = url(project, "show-dashboard", tile.dashboard_id)
    assert refreshing.refresh(clock=clock.now) == 1  # pinned: asked for
    assert refreshing.refresh(clock=clock.now) == 0
    marketer.get(page)
    assert refreshing.due(now=clock.now()) == []

    old = clock.now() - datetime.timedelta(minutes=61)
    KeptAnswer.objects.update(made_at=old)
    assert [one.query.pk for one in refreshing.due(now=clock.now())] == [tile.query_id]
    Dashboard.objects.update(refresh_seconds=0)
    assert refreshing.due(now=clock.now()) == []
    Dashboard.objects.update(refresh_seconds=3600)
    refreshing.client().delete(refreshing._SEEN)
    assert refreshing.due(now=clock.now()) == []  # nobody has looked for days
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))
    assert "New numbers are on their way." in viewer.get(page).content.decode()
    written(event(project, endpoint_id=8))
    tick_dashboards()  # nudges a worker; here the test is the worker
    refresh_dashboards()
    assert drawn(viewer.get(page).content.decode())[0]["series"][0]["values"] == [2]


def test_new_numbers_are_made_for_who_asks_and_a_tile_says_when_they_are_there(project: Project, marketer: Client) -> None:
    written(event(project))
    tile = make_tile(project)
    part = url(project, "show-tile", tile.pk)
    refreshing.refresh(clock=clock.now)
    mark = re.search(r"\?mark=([\d.-]+)", marketer.get(part).content.decode())
    assert mark is not None
    assert marketer.get(part, {"mark": mark[1]}).status_code == 204

    marketer.post(url(project, "refresh-dashboard", tile.dashboard_id))
    waiting = marketer.get(part, {"mark": mark[1]})
    assert "New numbers are on their way." in waiting.content.decode()
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    refreshing.refresh(clock=clock.now)

    fresh = marketer.get(part, {"mark": mark[1]}).content.decode()
    assert "on their way" not in fresh
    assert 'hx-trigger="every 60s"' in fresh


def test_a_query_that_is_refused_is_said_on_its_tile_in_the_readers_language_and_not_asked_all_the_time(
    project: Project, marketer: Client
) -> None:
    tile = make_tile(project, sql="SELECT nope FROM all_events")
    page = url(project, "show-dashboard", tile.dashboard_id)

    refreshing.refresh(clock=clock.now)

    assert "LINE 1: SELECT nope" in marketer.get(page).content.decode()
    marketer.cookies["pabal_language"] = "ko"
    korean = marketer.get(page).content.decode()
    assert "LINE 1: SELECT nope" in korean
    assert "could not be answered" not in korean
    Dashboard.objects.update(refresh_seconds=900)
    assert refreshing.due(now=clock.now() + datetime.timedelta(minutes=14)) == []
    assert len(refreshing.due(now=clock.now() + datetime.timedelta(minutes=16))) == 1


def test_two_workers_ask_each_query_once_and_the_lake_is_never_asked_twice_at_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(event(project))
    for number in range(4):
        make_tile(project, name=f"q{number}", sql=f"{COUNT} -- {number}")
    real, asked, at_once, most = lake.run, [], threading.Semaphore(1), []

    def counted(**given: Any) -> Any:
        most.append(at_once.acquire(blocking=False))
        asked.append(given["sql"])
        try:
            return real(**given)
        finally:
            at_once.release()

    monkeypatch.setattr(lake, "run", counted)

    def work() -> None:
        try:
            refreshing.refresh(clock=clock.now)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(asked) == sorted(f"{COUNT} -- {number}" for number in range(4))
    assert all(most)


def test_a_worker_that_dies_in_it_leaves_the_tile_due(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    tile = make_tile(project)

    def dies(**_asked: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(lake, "run", dies)
        with pytest.raises(SystemExit):
            refreshing.refresh(clock=clock.now)

    assert not KeptAnswer.objects.exists()
    assert [one.tiles for one in refreshing.due(now=clock.now())] == [(tile.pk,)]
    assert refreshing.refresh(clock=clock.now) == 1  # its lock is gone with it


def test_while_others_ask_the_numbers_wait(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tile(project)

    def busy(**_asked: Any) -> Any:
        raise lake.SqlRefused("busy")

    with monkeypatch.context() as patch:
        patch.setattr(lake, "run", busy)
        assert refreshing.refresh(clock=clock.now) == 0

    assert not KeptAnswer.objects.exists()
    assert refreshing.refresh(clock=clock.now) == 1


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_answers_of_other_projects_are_other_answers(project: Project, marketer: Client) -> None:
    other = make_project()
    written(event(project), event(other), event(other, endpoint_id=8))
    mine, theirs = make_tile(project), make_tile(other)

    refreshing.refresh(clock=clock.now)

    assert drawn(marketer.get(url(project, "show-dashboard", mine.dashboard_id)).content.decode())[0]["series"][0]["values"] == [
        1
    ]
    for name, which in (("show-dashboard", theirs.dashboard_id), ("show-tile", theirs.pk)):
        assert marketer.get(url(project, name, which)).status_code == 404
    for name, which in (
        ("move-tile", theirs.pk), ("resize-tile", theirs.pk), ("remove-tile", theirs.pk), ("change-dashboard", theirs.dashboard_id),
        ("arrange-dashboard", theirs.dashboard_id), ("refresh-dashboard", theirs.dashboard_id), ("delete-dashboard", theirs.dashboard_id),
    ):  # fmt: skip
        assert marketer.post(url(project, name, which)).status_code == 404
    marketer.post(url(project, "arrange-dashboard", mine.dashboard_id), {"tile": [theirs.pk]})
    assert DashboardTile.objects.get(pk=theirs.pk).dashboard_id == theirs.dashboard_id


def test_large_answers_are_kept_in_part_and_any_text_survives(project: Project) -> None:
    columns = [lake.catalog.Column("x", "VARCHAR")]
    for rows, count in (([["\0\ud800 가"]], 1), ([["x"]] * 5_000, keeping.ROWS), ([["x" * 100_000]] * 10, 5)):
        answer = lake.Answer(columns, rows, is_cut=False, seconds=0.1)
        keeping.keep(project_id=project.pk, key="k", answer=answer, now=NOW)
        kept = keeping.kept(project_id=project.pk, keys=["k"])["k"]
        assert (len(kept.rows), kept.rows[0], kept.is_cut) == (count, rows[0], count < len(rows))


def test_answers_that_no_dashboard_shows_are_forgotten_after_an_hour(project: Project) -> None:
    tile = make_tile(project)
    refreshing.refresh(clock=clock.now)
    answer = lake.Answer([], [], is_cut=False, seconds=0.1)
    keeping.keep(project_id=project.pk, key="of nobody", answer=answer, now=clock.now())

    assert keeping.sweep(now=clock.now()) == 0
    assert keeping.sweep(now=clock.now() + datetime.timedelta(hours=2)) == 1
    assert KeptAnswer.objects.get().key == keeping.key_of(sql=tile.query.sql, parameters={})


def test_erasing_a_person_forgets_all_answers_of_the_project(project: Project) -> None:
    make_tile(project)
    make_tile(make_project())
    refreshing.refresh(clock=clock.now)
    person = ErasedPerson(project_id=project.pk, endpoint_ids=(7,), user_pk=None, addresses=(), names=(), asked_at=NOW)

    assert erasing.erase_answers(person, 0).rows == 1
    assert KeptAnswer.objects.count() == 1


def test_a_viewer_looks_and_arranges_nothing(project: Project) -> None:
    tile = make_tile(project)
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    page = viewer.get(url(project, "show-dashboard", tile.dashboard_id) + "?arrange").content.decode()

    assert "draggable" not in page
    assert "Take off" not in page
    assert viewer.post(url(project, "refresh-dashboard", tile.dashboard_id)).status_code == 403
    assert viewer.post(url(project, "pin-query"), {"sql": COUNT, "name": "x", "dashboard": "x"}).status_code == 403
    assert viewer.post(url(project, "chart-sql"), {"sql": COUNT}).status_code == 403
