"""The lake as a table of Glue: each partition's list says which files are of the lake, whatever is merged, erased or killed."""

from __future__ import annotations

import datetime
from typing import Any

import boto3
import pytest
from django.core.management import CommandError, call_command

from analytics.lake import glue, upkeep
from analytics.lake.aws import AwsFailed
from analytics.models import CataloguedDay, EventKind, LakeFile
from analytics.services.event_types import kinds_of
from projects.models import Project
from tests.analytics.lake import NOW, event, paths, written
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
BUCKET = "sample-audience"


@pytest.fixture
def there(s3: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Glue's client; the lake is on S3 beside it."""
    settings.LAKE_URL, settings.LAKE_GLUE_DATABASE = f"s3://{BUCKET}/lake", "pabal"
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", settings.S3_ENDPOINT_URL)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    return boto3.client("glue")


def partitions(there: Any) -> dict[tuple[str, ...], str]:
    found = there.get_partitions(DatabaseName="pabal", TableName="all_events")["Partitions"]
    return {tuple(one["Values"]): one["StorageDescriptor"]["Location"] for one in found}


def listed(s3: Any, location: str) -> set[str]:
    """The paths in the lake of the files that a partition's list names."""
    bucket, _slash, folder = location.removeprefix("s3://").partition("/")
    assert bucket == BUCKET
    (only,) = s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/")["Contents"]
    lines = s3.get_object(Bucket=bucket, Key=only["Key"])["Body"].read().decode().splitlines()
    return {one.removeprefix(f"s3://{BUCKET}/lake/") for one in lines}


def is_right(there: Any, s3: Any) -> bool:
    """Whether all partitions together list each current file once, and no other."""
    every = [path for location in partitions(there).values() for path in listed(s3, location)]
    return sorted(every) == sorted(paths())


def test_each_project_type_and_day_is_a_partition_whose_list_follows_the_files(there: Any, s3: Any) -> None:
    project = make_project()
    own = kinds_of(project_id=project.pk, names=["장바구니/담기 100%"])["장바구니/담기 100%"]
    written(event(project), event(project, kind=own), event(project, minutes=60 * 24))
    written(event(project))

    assert glue.bring_up_to_date(now=NOW) == 3
    assert glue.bring_up_to_date(now=NOW) == 0

    app_id = project.public_id
    assert set(partitions(there)) == {
        (app_id, "_email.open", "2026-11-26"), (app_id, "_email.open", "2026-11-25"), (app_id, "장바구니/담기 100%", "2026-11-26"),
    }  # fmt: skip
    assert is_right(there, s3)

    upkeep.keep_up(now=NOW, everything=True)
    assert not is_right(there, s3)
    assert glue.bring_up_to_date(now=NOW) == 1
    assert is_right(there, s3)


def test_the_table_is_what_athena_reads_parquet_by_lists_with(there: Any) -> None:
    written(event(make_project()))
    glue.bring_up_to_date(now=NOW)

    table = there.get_table(DatabaseName="pabal", Name="all_events")["Table"]
    columns = {one["Name"]: one["Type"] for one in table["StorageDescriptor"]["Columns"]}
    assert [one["Name"] for one in table["PartitionKeys"]] == ["project", "type", "day"]
    assert (columns["event_timestamp"], columns["attributes"], columns["link_number"]) == (
        "timestamp",
        "map<string,string>",
        "int",
    )
    assert table["StorageDescriptor"]["InputFormat"].endswith("SymlinkTextInputFormat")
    assert table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")


def test_a_table_that_somebody_changed_is_put_right(there: Any) -> None:
    glue.bring_up_to_date(now=NOW)
    there.update_table(DatabaseName="pabal", TableInput={"Name": "all_events", "StorageDescriptor": {"Columns": []}})

    glue.bring_up_to_date(now=NOW)

    assert there.get_table(DatabaseName="pabal", Name="all_events")["Table"]["StorageDescriptor"]["Columns"]


def test_days_that_are_past_their_time_go_from_the_catalog(there: Any, s3: Any, settings: Any) -> None:
    project = make_project()
    written(event(project), event(project, minutes=60 * 24 * 40))
    glue.bring_up_to_date(now=NOW)
    settings.LAKE_RETENTION_DAYS = 30

    upkeep.keep_up(now=NOW)
    glue.bring_up_to_date(now=NOW)

    assert {day for _project, _type, day in partitions(there)} == {"2026-11-26"}
    assert is_right(there, s3)
    assert CataloguedDay.objects.count() == 1


def test_killed_between_any_two_steps_it_is_finished_the_next_time(there: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    for step in ("ensure_table", "create_partitions", "delete_partitions"):
        written(event(project, minutes=60 * 24 * CataloguedDay.objects.count(), kind=EventKind.EMAIL_CLICK))

        def killed(*_given: Any, **_named: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(glue.Glue, step, killed)
            with pytest.raises(KeyboardInterrupt):
                glue.bring_up_to_date(now=NOW)
        glue.bring_up_to_date(now=NOW)
        assert is_right(there, s3)
    assert LakeFile.objects.filter(replaced_at=None).count() == len(paths())


def test_more_partitions_than_one_call_takes(there: Any, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glue, "AT_ONCE", 130)
    start = datetime.date(2025, 1, 1)
    for number in range(260):
        day = start + datetime.timedelta(days=number)
        LakeFile.objects.create(
            project_id=project.pk, kind=EventKind.EMAIL_OPEN, day=day, rows=1, bytes=1, first_position=1, last_position=1, made_at=NOW,
            path=f"project={project.public_id}/type=_email.open/day={day}/{number}.parquet",
        )  # fmt: skip

    assert glue.bring_up_to_date(now=NOW) == 260
    assert (
        len(
            list(
                there.get_paginator("get_partitions").paginate(DatabaseName="pabal", TableName="all_events").search("Partitions")
            )
        )
        == 260
    )
    LakeFile.objects.update(replaced_at=NOW)
    assert glue.bring_up_to_date(now=NOW) == 260
    assert not partitions(there)


@pytest.fixture
def project() -> Project:
    return make_project()


def test_the_command_says_what_it_did_and_what_is_missing(there: Any, project: Project, settings: Any, capsys: Any) -> None:
    written(event(project))
    call_command("lake", "catalog", "--glue")
    assert "1 partitions of pabal.all_events" in capsys.readouterr().out

    settings.LAKE_GLUE_DATABASE = ""
    with pytest.raises(CommandError, match="LAKE_GLUE_DATABASE"):
        call_command("lake", "catalog", "--glue")


def test_a_catalog_that_is_away_is_said(there: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(AwsFailed):
        glue.bring_up_to_date(now=NOW)
