"""``manage.py lake``, and a lake in a bucket."""

from __future__ import annotations

import datetime
import io
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.management import CommandError, call_command

from analytics.lake import sql, upkeep, writing
from analytics.lake.store import store
from analytics.models import EventKind, LakeFile
from analytics.services import transforms
from analytics.transforms import running
from tests.analytics.lake import NOW, event, files_on_disk, folder, paths, rows, settle, written
from tests.analytics.test_lake import erase
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


def lake_command(*arguments: Any) -> str:
    out = io.StringIO()
    call_command("lake", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_compact_writes_what_is_new_and_merges_from_two_files_on() -> None:
    project = make_project()
    written(event(project))
    written(event(project))

    assert lake_command("compact") == "0 events were written; 2 files were merged.\n"
    assert len(paths()) == 1
    assert len(rows()) == 2


def test_the_catalog_says_what_there_is_and_how_duckdb_reads_it() -> None:
    project, other = make_project(), make_project()
    written(event(project), event(project, minutes=24 * 60), event(other, kind=EventKind.EMAIL_CLICK))

    told = lake_command("catalog", "--project", project.public_id)
    views = lake_command("catalog", "--views", "--project", project.public_id)

    assert "_email.open" in told
    assert "2 files              2 rows" in told
    assert "2026-11-25 – 2026-11-26" in told
    assert "_email.click" not in told
    with duckdb.connect() as connection:
        connection.execute(views)
        assert connection.execute("SELECT count(*) FROM email_open").fetchall() == [(2,)]
        assert connection.execute("SELECT count(*) FROM email_click").fetchall() == [(0,)]


def test_export_copies_a_projects_days_once(tmp_path: Path) -> None:
    project, other = make_project(), make_project()
    written(event(project), event(project, minutes=24 * 60), event(other))
    to = tmp_path / "copy"

    for _turn in range(2):
        told = lake_command("export", "--project", project.public_id, "--to", to, "--since", "2026-11-26")
        assert told.startswith("1 files, ")

    copied = {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()}
    assert copied == paths(project_id=project.pk, day=datetime.date(2026, 11, 26))


def test_tables_of_transforms_are_views_and_copies_of_their_own_beside_the_events(tmp_path: Path) -> None:
    project = make_project()
    written(event(project, minutes=60), event(project, minutes=24 * 60))
    for name, mode in (("by_day", "DAY"), ("whole", "WHOLE"), ("empty", "WHOLE")):
        query = f"SELECT endpoint_id, count(*) AS n FROM email_{'click' if name == 'empty' else 'open'} GROUP BY ALL"
        transforms.create_transform(
            project=project, actor=project.created_by, name=name, sql=query, mode=mode, since=datetime.date(2026, 11, 1), now=NOW
        )
    running.run_project(project_id=project.pk, clock=lambda: NOW)
    to = tmp_path / "copy"

    told = lake_command("export", "--project", project.public_id, "--to", to, "--since", "2026-11-26")

    assert told.startswith("3 files, ")
    assert len(list((to / f"_tables/project={project.public_id}/table=by_day").glob("partition_day=2026-11-26/*.parquet"))) == 1
    assert "by_day" in lake_command("catalog", "--project", project.public_id)
    with duckdb.connect() as connection:
        connection.execute(lake_command("catalog", "--views", "--project", project.public_id))
        assert connection.execute("SELECT count(*) FROM all_events").fetchall() == [(2,)]
        assert connection.execute("SELECT endpoint_id, n, partition_day FROM by_day ORDER BY ALL").fetchall() == [
            (7, 1, datetime.date(2026, 11, 25)), (7, 1, datetime.date(2026, 11, 26))
        ]  # fmt: skip
        assert connection.execute("SELECT n FROM whole").fetchall() == [(2,)]
        assert connection.execute("SELECT n FROM empty").fetchall() == []


def test_erase_takes_endpoints_out() -> None:
    project = make_project()
    written(event(project, endpoint_id=7), event(project, endpoint_id=8))

    assert lake_command("erase", "--project", project.public_id, "--endpoint", 7).startswith("1 rows were erased")
    assert [row["endpoint_id"] for row in rows()] == [8]


def test_rebuild_writes_everything_anew_from_the_events() -> None:
    project = make_project()
    written(event(project, endpoint_id=7), event(project, endpoint_id=8))
    before = rows()
    for path in files_on_disk():  # a backup was restored without them
        (folder() / path).unlink()
    with pytest.raises(sql.SqlRefused, match="lake rebuild"):
        sql.run(project_id=project.pk, sql="SELECT 1")

    assert "2 events were written" in lake_command("rebuild")

    assert rows() == before
    assert sql.run(project_id=project.pk, sql="SELECT count(*) FROM all_events").rows == [[2]]


def test_what_is_asked_wrongly_is_said() -> None:
    project = make_project()
    for arguments, sentence in (
        (("export",), "Say which --project."), (("export", "--project", "x"), "There is no project x."),
        (("export", "--project", project.public_id), "--to"), (("erase", "--project", project.public_id), "--endpoint"),
    ):  # fmt: skip
        with pytest.raises(CommandError, match=sentence):
            lake_command(*arguments)


def test_a_lake_in_a_bucket_is_written_asked_erased_and_swept(settings: Any, s3: Any, tmp_path: Path) -> None:
    settings.LAKE_URL, settings.VAR_DIR = "s3://sample-audience/lake/events", tmp_path
    project = make_project()
    written(event(project, endpoint_id=7), event(project, endpoint_id=8))

    def keys() -> set[str]:
        found = s3.list_objects_v2(Bucket="sample-audience", Prefix="lake/events/").get("Contents", [])
        return {one["Key"].removeprefix("lake/events/") for one in found}

    assert keys() == paths()
    assert sql.run(project_id=project.pk, sql="SELECT endpoint_id FROM email_open ORDER BY 1").rows == [[7], [8]]
    copies = tmp_path / "lake-copies"
    assert len(list(copies.rglob("*.parquet"))) == 1
    assert erase(project.pk, 7) == 1
    upkeep.sweep(where=store(), now=datetime.datetime.now(datetime.UTC) + upkeep.GRACE)
    assert keys() == paths()
    folder_of_copies = copies / "sample-audience/lake/events" / next(iter(paths())).rpartition("/")[0]
    stale = folder_of_copies / f"{'0' * 32}.parquet"  # as another machine has it, which deleted nothing
    stale.write_bytes(b"erased")
    os.utime(stale, (0, 0))
    assert sql.run(project_id=project.pk, sql="SELECT endpoint_id FROM email_open").rows == [[8]]
    assert not stale.exists()
    LakeFile.objects.all().delete()
    upkeep.sweep_orphans(where=store(), now=datetime.datetime.now(datetime.UTC) + upkeep.ORPHAN_AGE * 8)
    assert keys() == set()
    assert not list(copies.rglob("*.parquet"))
    assert not list((tmp_path / "lake").rglob("*.parquet"))


def test_a_backlog_is_written_in_several_steps() -> None:
    project = make_project()
    written(*(event(project, endpoint_id=number) for number in range(25)), limit=10)
    settle()

    assert writing.write_events(now=NOW) == 0
    assert sorted(row["endpoint_id"] for row in rows()) == list(range(25))
