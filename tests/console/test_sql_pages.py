"""The page of SQL: run, save, download, people as a segment; who may, and what is kept."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.models import EventKind
from console.models import QueryRun, SavedQuery
from console.services import asking, erasing
from core.audience import Audience
from endpoints.ports import ErasedPerson
from projects.models import AuditEntry, Project, Role
from segments.models import Segment
from tests.analytics.lake import NOW, event, written
from tests.console.world import logged_in
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = "SELECT event_type, count(*) AS n FROM all_events GROUP BY ALL"
PEOPLE = "SELECT DISTINCT client_id FROM email_open"


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


def opened(project: Project, *names: str) -> list[int]:
    made = [make_endpoint(project=project, endpoint_id=name) for name in names]
    written(*(event(project, endpoint_id=one.pk) for one in made))
    return [one.pk for one in made]


def test_a_query_is_answered_as_a_part_of_the_page_and_kept_in_the_history(project: Project, marketer: Client) -> None:
    opened(project, "a", "b")

    answer = marketer.post(url(project, "run-sql"), {"sql": COUNT}, headers={"HX-Request": "true"})

    part = answer.content.decode()
    assert not part.lstrip().startswith("<!doctype")
    assert '<td>_email.open</td><td class="text-end number">2</td>' in part
    assert "1 row in " in part
    run = QueryRun.objects.get()
    assert (run.sql, run.rows, run.actor_id) == (COUNT, 1, int(marketer.session["_auth_user_id"]))
    assert run.seconds
    page = marketer.get(url(project, "show-sql"), {"run": run.pk}).content.decode()
    assert "FROM all_events GROUP BY ALL</textarea>" in page


def test_without_scripts_the_whole_page_comes_with_the_result_and_what_was_typed(project: Project, marketer: Client) -> None:
    opened(project, "a")

    answer = marketer.post(url(project, "run-sql"), {"sql": f"{COUNT} HAVING n > :least", "value-least": "0"})

    page = answer.content.decode()
    assert page.lstrip().startswith("<!doctype")
    assert '<td>_email.open</td><td class="text-end number">1</td>' in page
    assert 'name="value-least" value="0"' in page


def test_an_error_is_said_with_its_place_and_the_text_stays(project: Project, marketer: Client) -> None:
    answer = marketer.post(url(project, "run-sql"), {"sql": "SELECT nope\nFROM all_events"})

    page = answer.content.decode()
    assert "LINE 1: SELECT nope" in page
    assert "SELECT nope\nFROM all_events</textarea>" in page
    assert QueryRun.objects.get().rows is None
    for wrong, sentence in (
        ("", "Write a query first."),
        ("DROP TABLE x", "One SELECT at a time"),
        ("x" * 20_001, "at most 20000"),
    ):
        assert sentence in marketer.post(url(project, "run-sql"), {"sql": wrong}).content.decode()


def test_what_a_cell_holds_is_text_and_never_html(project: Project, marketer: Client) -> None:
    part = marketer.post(url(project, "run-sql"), {"sql": "SELECT '<script>1</script>' AS \"<b>\""}).content.decode()

    assert "<script>1" not in part
    assert "<b>" not in part
    assert "&lt;script&gt;1" in part


def test_a_result_is_downloaded_without_formulas_and_the_trail_says_how_many_rows(project: Project, marketer: Client) -> None:
    answer = marketer.post(url(project, "download-sql"), {"sql": "SELECT '=1+1' AS a, NULL AS b FROM range(3)"})

    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], *[["'=1+1", ""]] * 3]
    assert AuditEntry.objects.get(verb="query.downloaded").data == {"rows": 3}


def test_a_query_is_saved_with_its_values_opened_changed_and_deleted(project: Project, marketer: Client) -> None:
    sent = {"sql": f"{PEOPLE} WHERE arrival_timestamp > :since", "value-since": "2026-11-01", "name": "열어 본 사람"}
    saved = marketer.post(url(project, "save-query"), sent)
    marketer.post(url(project, "save-query"), sent | {"value-since": "2026-11-02"})

    query = SavedQuery.objects.get()
    assert saved.headers["Location"] == f"{url(project, 'show-sql')}?saved={query.pk}"
    assert (query.name, query.parameters) == ("열어 본 사람", {"since": "2026-11-02"})
    assert 'name="value-since" value="2026-11-02"' in marketer.get(saved.headers["Location"]).content.decode()
    assert "Give the query a name" in marketer.post(url(project, "save-query"), sent | {"name": ""}).content.decode()
    trail = logged_in(project.created_by).get(reverse("projects:list-audit", args=[project.public_id])).content.decode()
    assert f"?saved={query.pk}" in trail
    marketer.post(url(project, "delete-query", query.pk))
    assert not SavedQuery.objects.exists()


def test_the_people_of_a_result_become_a_segment(project: Project, marketer: Client) -> None:
    ids = opened(project, "Kim-1", "lee-2")
    written(event(project, endpoint_id=ids[0], kind=EventKind.EMAIL_CLICK))
    other = make_endpoint(project=make_project(), endpoint_id="theirs")

    for sql, members in (
        (PEOPLE, ids),
        ("SELECT DISTINCT endpoint_id, 1 FROM email_click", ids[:1]),
        ("SELECT upper(client_id) AS client_id FROM email_click UNION ALL SELECT 'theirs'", ids[:1]),
        (f"SELECT {ids[1]} AS endpoint_id UNION ALL SELECT {other.pk} UNION ALL SELECT NULL", ids[1:]),
    ):
        answer = marketer.post(url(project, "create-sql-segment"), {"sql": sql, "segment_name": "연 사람"})
        segment = Segment.objects.latest("pk")
        assert answer.headers["Location"] == reverse("segments:show-segment", args=[project.public_id, segment.public_id])
        assert segment.versions.get().members == Audience(members)
        assert (segment.name, segment.segment_type, segment.project) == ("연 사람", "IMPORT", project)
        assert marketer.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("sql", "name", "sentence"),
    [
        ("SELECT 1 AS endpoint", "x", "none of these columns: endpoint_id, client_id"),
        ("SELECT 'nobody' AS client_id", "x", "names nobody"),
        ("SELECT range AS endpoint_id FROM range(200001)", "x", "more than 200,000 rows"),
        ("SELECT 'a' AS client_id", "", "Give the segment a name."),
        ("SELECT 2::HUGEINT ** 100 AS endpoint_id", "x", "names nobody"),
    ],
)
def test_no_segment_is_made_of_what_names_nobody(project: Project, marketer: Client, sql: str, name: str, sentence: str) -> None:
    page = marketer.post(url(project, "create-sql-segment"), {"sql": sql, "segment_name": name}).content.decode()

    assert sentence in page
    assert not Segment.objects.exists()


def test_only_results_with_people_offer_a_segment(project: Project, marketer: Client) -> None:
    assert "as a segment" in marketer.post(url(project, "run-sql"), {"sql": PEOPLE}).content.decode()
    assert "as a segment" not in marketer.post(url(project, "run-sql"), {"sql": COUNT}).content.decode()


def test_a_viewer_reads_queries_and_runs_none(project: Project) -> None:
    SavedQuery.objects.create(project=project, name="opens", sql=COUNT, saved_at=NOW)
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    page = viewer.get(url(project, "show-sql")).content.decode()

    assert "opens" in page
    assert "formaction" not in page
    for name in ("run-sql", "download-sql", "create-sql-segment", "save-query"):
        assert viewer.post(url(project, name), {"sql": COUNT, "name": "x", "segment_name": "x"}).status_code == 403
    assert not QueryRun.objects.exists()


def test_strangers_and_queries_of_other_projects_are_not_found(project: Project, marketer: Client) -> None:
    other = make_project()
    theirs = SavedQuery.objects.create(project=other, name="theirs", sql="SELECT 'secret'", saved_at=NOW)
    run = QueryRun.objects.create(project=other, sql="SELECT 'secret'", began_at=NOW)

    assert marketer.post(url(other, "run-sql"), {"sql": COUNT}).status_code == 404
    assert marketer.get(url(other, "show-sql")).status_code == 404
    assert marketer.post(url(project, "delete-query", theirs.pk)).status_code == 404
    for given in ({"saved": theirs.pk}, {"run": run.pk}, {"saved": "x"}, {"run": "9" * 40}):
        page = marketer.get(url(project, "show-sql"), given)
        assert (page.status_code, "secret" in page.content.decode()) == (200, False)


def test_the_history_keeps_the_last_fifty(project: Project) -> None:
    QueryRun.objects.bulk_create(QueryRun(project=project, sql=str(number), began_at=NOW) for number in range(60))

    asking.ask(project=project, actor=project.created_by, sql="SELECT 1", parameters={}, now=NOW)

    assert QueryRun.objects.count() == 50
    assert QueryRun.objects.latest("pk").sql == "SELECT 1"


def test_erasing_a_person_takes_the_queries_that_name_them(project: Project) -> None:
    for sql, parameters in (("SELECT 'kim@example.com'", {}), ("SELECT :x", {"x": "Kim-1"}), ("SELECT 'akim-1x'", {})):
        SavedQuery.objects.create(project=project, name=f"{sql}", sql=sql, parameters=parameters, saved_at=NOW)
        QueryRun.objects.create(project=project, sql=sql, parameters=parameters, began_at=NOW)
    person = ErasedPerson(
        project_id=project.pk, endpoint_ids=(1,), user_pk=None, addresses=("kim@example.com",), names=("kim-1",), asked_at=NOW
    )

    assert (erasing.erase_saved(person, 0).rows, erasing.erase_runs(person, 0).rows) == (2, 2)
    assert [query.sql for query in SavedQuery.objects.all()] == ["SELECT 'akim-1x'"]
    assert [run.sql for run in QueryRun.objects.all()] == ["SELECT 'akim-1x'"]
