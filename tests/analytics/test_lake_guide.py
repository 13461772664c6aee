"""The guide for other programs (docs/lake.md): its code is run as it stands there, over a lake of which one knows what must come out."""

from __future__ import annotations

import datetime
import io
import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg2
import pytest
import sqlglot
from django.core.management import CommandError, call_command
from django.db import connection

from analytics.lake import catalog, upkeep
from analytics.models import EventKind, HitClass, LakeFile, SourceKind
from analytics.services import transforms
from analytics.transforms import running
from projects.models import Project
from tests.analytics.lake import NOW, event, folder, written
from tests.factories.campaigns import make_campaign
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "lake.md"


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def project() -> Project:
    """With three opens by a campaign, two clicks, purchases, a table of a transform; and another project with as much."""
    found = make_project()
    for project in (found, make_project()):
        campaign = make_campaign(project=project, name="Autumn", document={})
        sent = {"source_kind": SourceKind.CAMPAIGN, "source_id": campaign.pk, "run_id": 1, "hit_class": HitClass.PERSON}
        bought = {"attributes": {"_currency": "KRW"}, "metrics": {"_item_price": 1500, "_quantity": 2}}
        written(*(event(project, minutes=minutes, **sent) for minutes in (60, 70, 24 * 60)))
        written(
            *(
                event(project, kind=EventKind.EMAIL_CLICK, minutes=60, data={"link": "https://x.example/"}, **sent)
                for _two in "ab"
            )
        )
        written(*(event(project, kind=EventKind.MONETIZATION_PURCHASE, minutes=24 * 60, data=bought) for _two in "ab"))
        transforms.create_transform(
            project=project, actor=project.created_by, name="opens_by_day", mode="DAY", since=datetime.date(2026, 11, 1), now=NOW,
            sql="SELECT endpoint_id, count(*) AS opens FROM email_open GROUP BY ALL",
        )  # fmt: skip
        running.run_project(project_id=project.pk, clock=lambda: NOW)
    return found


def block(heading: str, language: str, project: Project) -> str:
    """The first code in a language below a heading of the guide."""
    section = GUIDE.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"{heading} has no code in {language}"
    places = {"PROJECT": project.public_id, "/srv/pabal/lake": str(folder()), "/srv/copy": str(folder().parent / "copy")}
    text = found[1]
    for name, value in places.items():
        text = text.replace(name, value)
    return text


def ran(heading: str, project: Project) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block(heading, "python", project), names)
    return names


def lake_command(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("lake", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_pandas_reads_the_folder_and_counts_no_event_twice_while_files_are_merged(project: Project) -> None:
    written(event(project, minutes=65, hit_class=HitClass.PERSON))
    upkeep.keep_up(now=NOW, everything=True)
    assert LakeFile.objects.exclude(replaced_at=None).exists(), "old files are there beside the merged one"

    found = ran("pandas", project)

    assert len(found["opens"]) == 4
    assert found["by_hour"].to_dict() == {
        pd.Timestamp("2026-11-25 03:00"): 1, pd.Timestamp("2026-11-26 01:00"): 2, pd.Timestamp("2026-11-26 02:00"): 1,
    }  # fmt: skip
    assert set(found["opens"]["hit_class"]) == {"person"}


def test_duckdb_reads_the_views(project: Project, tmp_path: Path) -> None:
    (tmp_path / "views.sql").write_text(lake_command("catalog", "--views", "--project", project.public_id))

    found = ran("DuckDB", project)

    assert found["revenue"].values.tolist() == [[pd.Timestamp("2026-11-25"), "KRW", 6000.0]]
    assert found["clicks"].values.tolist() == [["https://x.example/", 2]]
    found["lake"].close()
    with duckdb.connect("lake.duckdb", read_only=True) as again:
        assert again.execute("SELECT sum(opens) FROM opens_by_day").fetchall() == [(3,)]


def test_pandas_reads_a_copy(project: Project) -> None:
    command = re.search(r"manage.py lake (.*)", block("A copy", "console", project))
    assert command
    lake_command(*command[1].split())

    found = ran("A copy", project)

    assert len(found["copy"]) == 3
    assert found["copy"]["app_id"].unique().tolist() == [project.public_id]
    assert int(found["table"]["opens"].sum()) == 3


def test_a_role_of_postgresql_reads_the_view_and_nothing_else(project: Project) -> None:
    there = connection.get_connection_params()
    role = f"metabase_{there['dbname'].replace('-', '_')}"
    with connection.cursor() as cursor:
        cursor.execute(re.sub(r"\bmetabase\b", role, block("Metabase", "postgresql", project)).replace("%", "%%"))
    try:
        given = {name: there[name] for name in ("dbname", "host", "port") if name in there}
        with psycopg2.connect(**given, user=role, password="of its own") as own, own.cursor() as cursor:
            cursor.execute("SELECT campaign, hit_class, sum(total) FROM reports.by_hour WHERE kind = 16 GROUP BY 1, 2")
            assert cursor.fetchall() == [("Autumn", 1, 3)]
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT * FROM analytics_event")
        own.close()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA reports CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_views_of_athena_are_one_projects_and_quicksights_query_reads_them(project: Project, settings: Any) -> None:
    """Told to DuckDB, which has everybody's files in the place of Glue's table."""
    settings.LAKE_GLUE_DATABASE = "pabal"
    there = duckdb.connect()
    there.execute("CREATE SCHEMA pabal; CREATE SCHEMA marketing")
    files = "hive_partitioning = true, hive_types = {'project': VARCHAR, 'type': VARCHAR, 'day': DATE}"
    there.execute(f"CREATE VIEW pabal.all_events AS SELECT * FROM read_parquet('{folder()}/project=*/**/*.parquet', {files})")
    command = re.search(r"manage.py lake (.*) >", block("Athena and QuickSight", "console", project))
    assert command

    views = sqlglot.transpile(lake_command(*command[1].split()), read="athena", write="duckdb")
    for one in filter(None, views):
        there.execute(one)

    assert len([one for one in views if one]) == len(catalog.tables())
    query = sqlglot.transpile(block("Athena and QuickSight", "sql", project), read="athena", write="duckdb")[0]
    assert sorted(row[2:] for row in there.execute(query).fetchall()) == [(1, 1), (1, 1), (1, 1)]
    assert there.execute("SELECT count(*) FROM marketing.all_events").fetchall() == [(7,)]
    declared = sqlglot.parse_one(block("Athena and QuickSight", "athena", project), read="athena")
    assert [one.name for one in declared.find_all(sqlglot.exp.ColumnDef)] == ["endpoint_id", "opens", "partition_day"]


@pytest.mark.parametrize("database", ["pabal", "Marketing", "x; DROP"])
def test_views_of_athena_need_a_database_of_their_own(project: Project, settings: Any, database: str) -> None:
    settings.LAKE_GLUE_DATABASE = "pabal"

    with pytest.raises(CommandError, match="database of its own"):
        lake_command("catalog", "--views", "--athena", database, "--project", project.public_id)
