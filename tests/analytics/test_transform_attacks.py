"""Attacks by the SQL of transforms: other projects' files and tables, files of the machine, more than a query may use."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.lake import process, sql
from analytics.lake.store import store
from analytics.models import LakeTransform, TransformFile
from analytics.services import transforms
from analytics.transforms import asking, running
from core.errors import Refusal
from projects.models import Project
from tests.analytics.lake import NOW, event, files_on_disk, folder, paths, written
from tests.analytics.test_lake_sql import ATTACKS as OF_QUERIES
from tests.analytics.test_lake_sql import SECRET
from tests.factories.projects import make_project

HOUR = datetime.timedelta(hours=1)
pytestmark = pytest.mark.django_db(transaction=True)
ATTACKS = OF_QUERIES | {
    "their table": "SELECT count(*) AS n FROM email_open, theirs",
    "their table at all times": "SELECT count(*) AS n FROM email_open, history.theirs",
    "their table's file": "SELECT n FROM email_open, read_parquet('{table}')",
    "their table's folder": "SELECT n FROM email_open, read_parquet('{lake}/**/table=*/**/*.parquet')",
    "out of the brackets": "SELECT 1 AS x FROM email_open) UNION ALL (SELECT 2 FROM read_text('/etc/passwd')",
    "out of the brackets with a comment": "SELECT 1 AS x FROM email_open /*",
    "out of the brackets with an end": "SELECT 1 AS x FROM email_open); COPY (SELECT 1) TO '{lake}/x.csv'; SELECT * FROM (SELECT 1 AS x",
    "a column that is SQL": 'SELECT 1 AS "x""; COPY (SELECT 1) TO \'{lake}/x.csv\'; --" FROM email_open',
    "a column that is a partition": "SELECT 'x' AS partition_day FROM email_open",
    "a column that is a project": "SELECT 'x' AS project FROM email_open",
    "a computed table": "SELECT n FROM email_open, query('SELECT n FROM the' || 'irs')",
    "a computed file": "SELECT n FROM email_open, query('FROM read_par' || 'quet(''{table}'')')",
    "another schema": "SELECT count(*) AS n FROM email_open, information_schema.tables; DROP SCHEMA history",
    "a table of its own": "CREATE TABLE history.x AS SELECT 1 AS x",
    "itself": "SELECT n FROM email_open, mine",
}


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def theirs(project: Project) -> Iterator[TransformFile]:
    """A table of another project. Nothing of any file changes, and none comes."""
    other = make_project()
    written(event(project, minutes=60), event(other, minutes=60, data={"ua": SECRET}))
    transforms.create_transform(
        project=other, actor=other.created_by, name="theirs", sql="SELECT user_agent AS n FROM all_events", mode="WHOLE",
        since=NOW.date(), now=NOW,
    )  # fmt: skip
    running.run_project(project_id=other.pk, clock=lambda: NOW)
    before = {path: (folder() / path).read_bytes() for path in files_on_disk()}
    yield TransformFile.objects.get()
    assert {path: (folder() / path).read_bytes() for path in files_on_disk()} == before
    assert not [path for path in folder().parent.rglob("*") if path.is_file() and path.suffix != ".parquet"]


def filled(text: str, project: Project, theirs: TransformFile) -> str:
    their_file = next(iter(paths(project_id=theirs.project_id)))
    return text.format(
        file=folder() / their_file, mine=folder() / next(iter(paths(project_id=project.pk))), lake=folder(), theirs=their_file,
        parent=os.getpid(), port=9, table=folder() / theirs.path,
    )  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_when_the_transform_is_saved(name: str, project: Project, theirs: TransformFile) -> None:
    query = filled(ATTACKS[name], project, theirs)

    with pytest.raises(Refusal) as caught:
        transforms.create_transform(
            project=project, actor=project.created_by, name="mine", sql=query, mode="HOUR", since=NOW.date(), now=NOW
        )

    told = caught.value.message + getattr(caught.value, "detail", "")
    assert "broken off" not in told
    assert SECRET not in told
    assert "root:" not in told
    assert not LakeTransform.objects.filter(project=project).exists()


@pytest.mark.parametrize(
    "name", [name for name in ATTACKS if "partition" not in name and "project" not in name and "\0" not in ATTACKS[name]]
)
def test_an_attack_that_was_saved_in_another_way_is_refused_when_it_is_asked(
    name: str, project: Project, theirs: TransformFile
) -> None:
    """As if the row had been written without the check."""
    transform = LakeTransform.objects.create(
        project=project, name="mine", sql=filled(ATTACKS[name], project, theirs), mode="HOUR", columns=[["n", "VARCHAR"]],
        reads=["email_open", "all_events", "theirs", "history.theirs", "history.all_events"], next_at=NOW, created_at=NOW, changed_at=NOW,
    )  # fmt: skip

    with (
        pytest.raises(sql.SqlRefused) as caught,
        asking.asked(transform=transform, starts_at=NOW.replace(minute=0), store=store()) as batches,
    ):
        list(batches)

    assert SECRET not in caught.value.message + caught.value.detail
    assert "broken off" not in caught.value.message


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 4000000000) AS x FROM email_open",
        "SELECT list(range) AS x FROM email_open, range(1000000000)",
        "SELECT a.range AS x FROM email_open, range(1000000) a, range(1000000) b",
        "SELECT repeat('x', 1000000) || range AS x FROM email_open, range(100000)",
        "SELECT count(*) AS n FROM email_open, range(10000000) a, range(10000000) b WHERE a.range * b.range = 7",
    ],
)
def test_what_takes_too_much_is_cut_off_and_leaves_nothing(
    query: str, project: Project, theirs: TransformFile, settings: Any
) -> None:
    settings.SQL_SECONDS, settings.SQL_MEMORY_BYTES = 6, 128 << 20
    transforms.create_transform(
        project=project, actor=project.created_by, name="mine", sql=query, mode="HOUR", since=NOW.date(), now=NOW
    )

    running.run_project(project_id=project.pk, clock=lambda: NOW + HOUR)

    kept = LakeTransform.objects.get(project=project)
    assert kept.failure["code"] in {"memory", "seconds", "rows", "large", "broken_off"}
    assert kept.failures == 1


def test_what_a_broken_process_says_is_no_table(
    project: Project, theirs: TransformFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever got past DuckDB might say anything: it is checked, and nothing of it is kept."""
    transforms.create_transform(
        project=project, actor=project.created_by, name="mine", sql="SELECT endpoint_id AS n FROM email_open", mode="HOUR",
        since=NOW.date(), now=NOW,
    )  # fmt: skip
    columns = '{"columns": [{"name": "n", "type": "BIGINT"}]}'
    liar = tmp_path / "liar.py"
    monkeypatch.setattr(process, "CHILD", liar)
    for said in (
        columns, columns + '\\n{"arrow": 4}\\nabcd', columns + '\\n{"arrow": 99999999}\\nabcd', "not JSON", "[]", '{"columns": 7}',
        '{"columns": [{"name": "../x", "type": "BIGINT"}]}', columns + '\\n{"arrow": -5}\\n', columns + '\\n{"arrow": "x"}\\n',
    ):  # fmt: skip
        liar.write_text(f"import sys; sys.stdout.write('{said}\\n')")
        running.run_project(project_id=project.pk, clock=lambda: NOW + HOUR)
        kept = LakeTransform.objects.get(project=project)
        assert kept.failure["code"] in {"broken_off", "columns_changed"}, said
        LakeTransform.objects.filter(pk=kept.pk).update(not_before=None, failures=0, failure={})
    liar.unlink()
