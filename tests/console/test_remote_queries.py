"""Queries in Athena from the page of SQL: asked once, looked after, cancelled, one project's alone."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
import pytest
from django.test import Client
from django.urls import reverse

from analytics.lake.aws import Athena, AwsFailed
from console.models import RemoteQuery
from console.services import remote
from core import clock
from projects.models import Project, Role
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db
SQL = "SELECT event_type, count(*) AS n FROM all_events WHERE day >= :since GROUP BY ALL"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def there(s3: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Athena's client; moto answers with the rows that it is told."""
    settings.LAKE_GLUE_DATABASE, settings.ATHENA_WORKGROUP, settings.ATHENA_OUTPUT_URL = (
        "pabal",
        "primary",
        "s3://sample-audience/a/",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", settings.S3_ENDPOINT_URL)
    rows = [[{"VarCharValue": value} if value is not None else {} for value in row] for row in ROWS]
    told = {"region": "ap-northeast-2", "results": [{"rows": [{"Data": row} for row in rows], "column_info": []}]}
    request = urllib.request.Request(
        f"{settings.S3_ENDPOINT_URL}/moto-api/static/athena/query-results", data=json.dumps(told).encode(), method="POST",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request).close()
    return boto3.client("athena")


ROWS: list[list[str | None]] = [["event_type", "n"], ["_email.open", "12"], [None, "3"]]


def url(project: Project, name: str, *more: int) -> str:
    return reverse(f"console:{name}", args=[project.public_id, *more])


def asked(project: Project) -> Client:
    client = logged_in(project.created_by)
    answer = client.post(url(project, "run-in-athena"), {"sql": SQL, "value-since": "2026-11-01"})
    assert answer.status_code == 302, answer.content.decode()
    return client


def test_a_query_runs_there_over_one_projects_events_and_its_rows_are_shown(project: Project, there: Any) -> None:
    client = asked(project)

    query = RemoteQuery.objects.get()
    told = there.get_query_execution(QueryExecutionId=query.execution_id)["QueryExecution"]
    assert told["Query"] == query.translated
    assert f"FROM pabal.all_events WHERE project = '{project.public_id}'" in query.translated
    assert "day >= '2026-11-01'" in query.translated
    page = client.get(url(project, "show-remote-query", query.pk)).content.decode()
    assert "<td>_email.open</td><td>12</td>" in page
    assert 'hx-trigger="every 2s"' not in page
    assert "As Athena was asked" in page
    assert url(project, "show-remote-query", query.pk) in client.get(url(project, "show-sql")).content.decode()


def test_what_cannot_be_translated_is_said_on_the_page_and_nothing_is_asked(project: Project, there: Any) -> None:
    client = logged_in(project.created_by)

    answer = client.post(url(project, "run-in-athena"), {"sql": "SELECT * FROM read_parquet('s3://elsewhere/*')"})

    assert answer.status_code == 200
    assert "There is no table" in answer.content.decode()
    assert not RemoteQuery.objects.exists()


def test_without_a_workgroup_nothing_is_offered(project: Project) -> None:
    client = logged_in(project.created_by)

    assert url(project, "run-in-athena") not in client.get(url(project, "show-sql")).content.decode()
    assert client.post(url(project, "run-in-athena"), {"sql": "SELECT 1"}).status_code == 404


def test_an_athena_that_is_away_is_asked_again_with_the_same_token(
    project: Project, there: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", "http://127.0.0.1:1")
    client = asked(project)
    query = RemoteQuery.objects.get()
    assert (query.state, query.execution_id) == ("STARTING", "")
    assert query.reason
    assert 'hx-trigger="every 2s"' in client.get(url(project, "show-remote-query", query.pk)).content.decode()

    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", settings.S3_ENDPOINT_URL)
    client.get(url(project, "show-remote-query", query.pk))

    again = RemoteQuery.objects.get()
    assert (again.state, again.token) == ("SUCCEEDED", query.token)
    assert not again.reason


def test_a_refusal_is_its_end(project: Project, there: Any, settings: Any) -> None:
    settings.ATHENA_WORKGROUP = "no-such-group"
    client = asked(project)

    query = RemoteQuery.objects.get()
    assert query.state == "FAILED"
    assert query.reason in client.get(url(project, "show-remote-query", query.pk)).content.decode().replace("&#x27;", "'")


def test_a_query_is_cancelled(project: Project, there: Any) -> None:
    query = RemoteQuery.objects.create(
        project=project, sql="SELECT 1", translated="SELECT 1", state="RUNNING", began_at=clock.now(),
        execution_id=Athena(workgroup="primary", output="s3://sample-audience/a/").start(sql="SELECT 1", token="t" * 32),
    )  # fmt: skip

    logged_in(project.created_by).post(url(project, "cancel-remote-query", query.pk))

    assert RemoteQuery.objects.get().state == "CANCELLED"


def test_three_of_a_project_run_at_a_time(project: Project, there: Any) -> None:
    given = {"sql": "SELECT 1", "translated": "SELECT 1", "state": "RUNNING", "execution_id": "x", "began_at": clock.now()}
    for _number in range(3):
        RemoteQuery.objects.create(project=project, **given)

    with pytest.raises(remote.TooManyQueries):
        remote.begin(project=project, actor=project.created_by, sql="SELECT 1 FROM all_events", parameters={}, now=clock.now())


def test_a_viewer_and_another_project_see_none_of_it(project: Project, there: Any) -> None:
    asked(project)
    query = RemoteQuery.objects.get()
    other = make_project()
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))

    assert viewer.get(url(project, "show-remote-query", query.pk)).status_code == 403
    assert logged_in(other.created_by).get(url(other, "show-remote-query", query.pk)).status_code == 404


def test_more_rows_than_a_page_of_athena(there: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is the far edge: pages as Athena gives them."""

    class Pages:
        def get_query_results(self, *, NextToken: str = "0", **_given: Any) -> dict[str, Any]:
            start = int(NextToken)
            rows = [{"Data": [{"VarCharValue": str(number)}]} for number in range(start, start + 1_000)]
            return {"ResultSet": {"Rows": rows}, "NextToken": str(start + 1_000)}

    athena = Athena(workgroup="primary", output="")
    monkeypatch.setattr(athena, "_client", Pages())
    assert [row[0] for row in athena.rows("x", limit=2_500)] == [str(number) for number in range(2_501)]


def test_what_athena_answers_wrongly_is_a_fault_with_its_words(there: Any) -> None:
    with pytest.raises(AwsFailed):
        Athena(workgroup="primary", output="").state("no-such-execution")
