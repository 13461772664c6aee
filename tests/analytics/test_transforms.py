"""Transforms: SQL that makes tables, hour by hour, day by day or all at once; the same whatever is killed, doubled or late."""

from __future__ import annotations

import datetime
import io
import re
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from analytics.lake import own_tables, sql, upkeep
from analytics.lake.store import store
from analytics.models import EventKind, LakePosition, LakeTransform, TransformFile, TransformWindow
from analytics.services import transforms
from analytics.transforms import asking, periods, running
from analytics.transforms import upkeep as tables_upkeep
from core import clock
from endpoints.ports import ErasedPerson
from endpoints.services import erasers
from projects.models import AuditEntry, Project
from tests.analytics.lake import NOW, event, files_on_disk, folder, written
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = datetime.timedelta(hours=1)
DAY = datetime.date(2026, 11, 26)
OPENS = "SELECT endpoint_id, count(*) AS opens FROM email_open GROUP BY ALL"


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


@pytest.fixture
def project() -> Project:
    return make_project()


def make(project: Project, name: str = "opens", query: str = OPENS, mode: str = "HOUR", **more: Any) -> LakeTransform:
    given = {"since": datetime.date(2026, 11, 1), "now": NOW} | more
    return transforms.create_transform(project=project, actor=project.created_by, name=name, sql=query, mode=mode, **given)


def run(project: Project, *, at: datetime.datetime = NOW + HOUR, seconds: float = 60) -> int:
    return running.run_project(project_id=project.pk, clock=lambda: at, seconds=seconds)


def rows(project: Project, query: str) -> list[list[Any]]:
    return sql.run(project_id=project.pk, sql=query).rows


def table(project: Project, name: str = "opens", what: str = "*") -> list[list[Any]]:
    return rows(project, f"SELECT {what} FROM {name} ORDER BY ALL")


def failure(transform: LakeTransform) -> dict[str, Any]:
    transform.refresh_from_db()
    return dict(transform.failure)


# -- what a table is --------------------------------------------------------------------------------------------------


def test_an_hour_is_asked_about_when_it_is_over_and_is_a_part_of_the_table(project: Project) -> None:
    written(event(project, minutes=61), event(project, minutes=61), event(project, endpoint_id=8, minutes=150), event(project))
    make(project)

    assert run(project, at=NOW + 4 * datetime.timedelta(minutes=1)) == 2  # the hour that runs waits until it is over
    assert table(project) == [
        [7, 2, "2026-11-26 01:00:00", "2026-11-26"], [8, 1, "2026-11-26 00:00:00", "2026-11-26"],
    ]  # fmt: skip
    assert run(project, at=NOW + HOUR + periods.SETTLES) == 1
    assert run(project, at=NOW + HOUR + periods.SETTLES) == 0
    assert table(project, what="endpoint_id, window_start")[1] == [7, "2026-11-26 03:00:00"]


def test_only_new_hours_are_asked_about_and_a_late_event_makes_its_hour_anew(project: Project) -> None:
    written(*(event(project, minutes=60 * number) for number in range(1, 6)))
    transform = make(project)
    assert run(project) == 5
    before = {one.starts_at: one.done_at for one in TransformWindow.objects.all()}

    written(event(project, endpoint_id=9, minutes=60 * 3))
    assert run(project, at=NOW + HOUR) == 0  # one looks once an hour
    assert run(project, at=NOW + 2 * HOUR) == 1

    changed = {one.starts_at for one in TransformWindow.objects.all() if one.done_at != before[one.starts_at]}
    assert changed == {NOW - 3 * HOUR}
    assert table(project, what="endpoint_id, opens, window_start")[-1] == [9, 1, "2026-11-26 00:00:00"]
    assert len(table(project)) == 6
    assert failure(transform) == {}


def test_events_that_it_does_not_read_are_nothing_new(project: Project) -> None:
    make(project)
    written(event(project, kind=EventKind.EMAIL_CLICK, minutes=90))

    assert run(project) == 0
    assert not TransformWindow.objects.exists()


def test_a_day_takes_the_place_of_its_day(project: Project) -> None:
    written(event(project), event(project, minutes=24 * 60))
    make(project, query="SELECT count(*) AS n, min(arrival_timestamp) AS first, :from AS f, :to AS t FROM all_events", mode="DAY")
    assert run(project) == 2

    written(event(project, endpoint_id=9, minutes=30))
    assert run(project, at=NOW + 2 * HOUR) == 1

    assert table(project, what="partition_day, n, f, t") == [
        ["2026-11-25", 1, "2026-11-25 00:00:00", "2026-11-26 00:00:00"],
        ["2026-11-26", 2, "2026-11-26 00:00:00", "2026-11-27 00:00:00"],
    ]
    assert {one.day for one in TransformFile.objects.filter(replaced_at=None)} == {DAY, DAY - datetime.timedelta(days=1)}
    assert sorted(path.parent.name for path in folder().rglob("table=opens/*/*.parquet")) == [
        "partition_day=2026-11-25", "partition_day=2026-11-26", "partition_day=2026-11-26",
    ]  # fmt: skip


def test_all_at_once_is_made_anew_as_a_whole(project: Project) -> None:
    written(event(project), event(project, minutes=24 * 60))
    make(project, mode="WHOLE")
    assert run(project) == 1

    written(event(project, endpoint_id=9))
    assert run(project, at=NOW + 2 * HOUR) == 1

    assert table(project) == [[7, 2], [9, 1]]


def test_a_window_sees_its_events_only_and_history_sees_all(project: Project) -> None:
    written(event(project, minutes=60), event(project, minutes=60 * 30), event(project, endpoint_id=8, minutes=60))
    query = """
        SELECT o.endpoint_id, count(*) AS n, (SELECT count(*) FROM history.email_open h WHERE h.endpoint_id = o.endpoint_id) AS ever
          FROM email_open o GROUP BY ALL;  -- with an end
    """
    make(project, query=query)

    assert run(project) == 2

    assert table(project, what="endpoint_id, n, ever, partition_day") == [
        [7, 1, 2, "2026-11-24"], [7, 1, 2, "2026-11-26"], [8, 1, 1, "2026-11-26"],
    ]  # fmt: skip


def test_a_table_keeps_every_kind_of_value_in_a_type_that_every_program_reads(project: Project) -> None:
    written(event(project, data={"attributes": {"k": "v"}, "metrics": {"m": 1.5}}))
    query = """
        SELECT 1::HUGEINT AS h, 2::UTINYINT AS u, 1.25::DECIMAL(5,2) AS d, 1.5::FLOAT AS f, true AS b, DATE '2026-01-02' AS da,
               TIMESTAMPTZ '2026-01-02 09:00:00+09' AS tz, [1, 2] AS l, {'a': 1} AS s, uuid() IS NOT NULL AS id, INTERVAL 1 DAY AS i,
               attributes, metrics, NULL AS nothing, '가' AS "한글" FROM all_events
    """
    transform = make(project, query=query, mode="WHOLE")
    run(project)

    assert failure(transform) == {}
    assert rows(project, "SELECT * EXCLUDE (attributes, metrics), attributes['k'], metrics['m'] FROM opens") == [
        [1, 2, "1.25", 1.5, True, "2026-01-02", "2026-01-02 00:00:00", "[1, 2]", "{'a': 1}", True, "1 day", None, "가", "v", 1.5]
    ]
    (path,) = folder().rglob("table=opens/*.parquet")
    assert {re.sub(r" \('.*?'\)", "", str(field.type)) for field in pq.read_schema(path)} == {
        "int64", "int32", "decimal128(5, 2)", "double", "bool", "date32[day]", "timestamp[ms]", "string", "map<string, string>",
        "map<string, double>",
    }  # fmt: skip


def test_an_empty_table_can_be_asked_before_there_is_anything(project: Project) -> None:
    make(project)

    assert table(project) == []
    assert [column.name for column in sql.run(project_id=project.pk, sql="FROM opens").columns] == [
        "endpoint_id", "opens", "window_start", "partition_day",
    ]  # fmt: skip


# -- killed, doubled, late --------------------------------------------------------------------------------------------


def state(project: Project) -> Any:
    return table(project), TransformWindow.objects.filter(done__gt=0).count()


def test_asked_twice_it_is_the_same_and_no_file_is_left_over(project: Project) -> None:
    written(*(event(project, minutes=60 * number, endpoint_id=number) for number in range(1, 4)))
    transform = make(project)
    run(project)
    once = state(project)

    transforms.backfill(transform=transform, actor=project.created_by, since=DAY - datetime.timedelta(days=30), now=NOW)
    assert run(project) == 3

    assert state(project) == once
    tables_upkeep.sweep(store=store(), now=NOW + 2 * HOUR)
    kept = set(TransformFile.objects.values_list("path", flat=True))
    assert {path for path in files_on_disk() if "table=" in path} == kept
    assert len(kept) == 3


@pytest.mark.parametrize("where", ["write", "_note_done", "replace", "ask_downstream"])
def test_killed_anywhere_there_is_no_half_table_and_the_next_turn_makes_it(
    where: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(event(project, minutes=60), event(project, endpoint_id=8, minutes=60))
    make(project)
    holder = {"write": own_tables, "replace": own_tables, "_note_done": running, "ask_downstream": running.windows}[where]
    real = getattr(holder, where)

    def dies(**given: Any) -> Any:
        real(**given)
        raise SystemExit

    def dies_of_two(*given: Any, **more: Any) -> Any:
        real(*given, **more)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(holder, where, dies_of_two if where == "_note_done" else dies)
        with pytest.raises(SystemExit):
            run(project)
    assert table(project) == []

    assert run(project) == 1
    assert table(project, what="endpoint_id, opens") == [[7, 1], [8, 1]]
    upkeep.sweep_orphans(where=store(), now=clock.now() + 7 * HOUR)
    assert len([path for path in files_on_disk() if "table=" in path]) == 1


def test_two_at_once_put_one_answer_there(project: Project) -> None:
    written(*(event(project, minutes=60 * number) for number in range(1, 5)))
    make(project)

    def work() -> None:
        try:
            run(project)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(table(project)) == 4
    assert set(TransformWindow.objects.values_list("asked", "done")) == {(1, 1)}


def test_who_comes_second_with_a_window_takes_nothing(project: Project) -> None:
    written(event(project, minutes=60))
    transform = make(project)
    running.windows.look(transform=transform, store=store(), now=NOW)
    window = TransformWindow.objects.get()
    transform = LakeTransform.objects.select_related("project").get()

    running.run_window(transform=transform, window=window, store=store(), now=NOW)
    with pytest.raises(running._Gone):
        running.run_window(transform=transform, window=window, store=store(), now=NOW)

    assert len([path for path in files_on_disk() if "table=" in path]) == 1
    assert len(table(project)) == 1


def test_while_the_lake_is_written_anew_no_window_is_asked_about(project: Project) -> None:
    written(event(project, minutes=60))
    make(project)
    position = LakePosition.objects.get().position
    LakePosition.objects.update(position=0)

    assert run(project) == 0
    LakePosition.objects.update(position=position)
    assert run(project) == 1


def test_hours_of_a_day_that_is_over_are_merged_and_one_of_them_can_still_be_made_anew(project: Project) -> None:
    written(*(event(project, minutes=60 * number, endpoint_id=number) for number in range(24, 30)))
    make(project)
    run(project)
    before = table(project)
    files = TransformFile.objects.filter(replaced_at=None)
    assert files.count() == 6

    assert tables_upkeep.keep_up(store=store(), now=NOW) == 6
    assert sorted(files.values_list("starts_at", "day"), key=str) == [
        (None, DAY - datetime.timedelta(days=days)) for days in (2, 1)
    ]
    assert table(project) == before
    assert tables_upkeep.keep_up(store=store(), now=NOW) == 0

    written(event(project, minutes=60 * 24, endpoint_id=99))
    assert run(project, at=NOW + 2 * HOUR) == 1
    assert len(table(project)) == 7
    assert table(project, what="endpoint_id, opens")[-1] == [99, 1]


# -- failures, pause, change ------------------------------------------------------------------------------------------


def test_a_failure_is_kept_and_tried_again_later_and_others_go_on(project: Project) -> None:
    written(event(project, minutes=60), event(project, kind=EventKind.EMAIL_CLICK, minutes=60))
    bad = make(project, "bad", "SELECT 1 / (endpoint_id - 7)::INTEGER AS x, error('on purpose') AS y FROM email_open")
    make(project, "good", "SELECT count(*) AS n FROM email_click")

    assert run(project) == 2

    assert failure(bad)["code"] == "sql"
    assert "on purpose" in failure(bad)["detail"]
    assert (bad.failures, bad.not_before) == (1, NOW + HOUR + datetime.timedelta(minutes=5))
    assert table(project, "good", "n") == [[1]]
    assert run(project, at=NOW + HOUR) == 0
    assert run(project, at=NOW + HOUR + datetime.timedelta(minutes=6)) == 1
    bad.refresh_from_db()
    assert bad.failures == 2
    transforms.change_transform(transform=bad, actor=project.created_by, sql="SELECT 2 AS x, '' AS y FROM email_open", now=NOW)
    assert run(project) == 1
    assert (failure(bad), bad.failures) == ({}, 0)
    assert table(project, "bad", "x") == [[2]]


def test_limits_are_those_of_queries(project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written(event(project, minutes=60))
    settings.SQL_SECONDS = 3
    slow = make(
        project, "slow", "SELECT count(*) AS n FROM all_events, range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    )
    monkeypatch.setattr(asking, "ROWS", 10)
    many = make(project, "many", "SELECT range FROM all_events, range(11)")
    run(project)

    assert failure(slow)["code"] == "seconds"
    assert failure(many) == {"code": "rows", "params": {"limit": "10"}, "detail": ""}
    assert not [path for path in files_on_disk() if "table=" in path]


def test_a_transform_that_is_paused_waits_and_what_came_meanwhile_is_not_lost(project: Project) -> None:
    transform = make(project)
    transforms.pause(transform=transform, actor=project.created_by, now=NOW)
    written(event(project, minutes=60))
    assert run(project, at=NOW + 2 * HOUR) == 0
    with pytest.raises(Exception, match="can be paused"):
        transforms.pause(transform=transform, actor=project.created_by, now=NOW)
    with pytest.raises(transforms.TransformRefused, match="paused"):
        transforms.run_now(transform=transform, actor=project.created_by, now=NOW)

    transforms.resume(transform=transform, actor=project.created_by, now=NOW)

    assert run(project) == 1
    assert len(table(project)) == 1


def test_paused_or_deleted_in_the_middle_nothing_comes_of_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    written(event(project, minutes=60))
    transform = make(project)
    real = own_tables.write

    def meanwhile(**given: Any) -> Any:
        transforms.delete_transform(transform=transform, actor=project.created_by, now=NOW)
        return real(**given)

    monkeypatch.setattr(own_tables, "write", meanwhile)
    run(project)

    assert not TransformFile.objects.exists()
    assert not [path for path in files_on_disk() if "table=" in path]


def test_another_sql_is_asked_about_everything_again(project: Project) -> None:
    written(event(project, minutes=60), event(project, minutes=120))
    transform = make(project)
    run(project)

    transforms.change_transform(
        transform=transform, actor=project.created_by, sql="SELECT endpoint_id, 100::BIGINT AS opens FROM email_open", now=NOW
    )
    assert len(table(project)) == 2  # the columns are the same: what was there stays until it is made anew
    run(project)
    assert table(project, what="opens") == [[100], [100]]

    transforms.change_transform(
        transform=transform, actor=project.created_by, sql="SELECT client_id AS who FROM email_open", now=NOW
    )
    assert table(project) == []
    run(project)
    assert table(project, what="who") == [[None], [None]]


def test_deleting_a_transform_takes_its_table_away(project: Project) -> None:
    written(event(project, minutes=60))
    transform = make(project)
    run(project)

    transforms.delete_transform(transform=transform, actor=project.created_by, now=NOW)

    with pytest.raises(sql.SqlRefused):
        table(project)
    tables_upkeep.sweep(store=store(), now=clock.now() + HOUR)
    assert not [path for path in files_on_disk() if "table=" in path]
    assert not TransformFile.objects.exists()
    make(project)  # the name is free
    verbs = list(AuditEntry.objects.filter(verb__startswith="transform").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["transform.created", "transform.deleted", "transform.created"]


# -- transforms that read each other ----------------------------------------------------------------------------------


def test_a_transform_reads_anothers_table_after_it_and_again_when_it_changes(project: Project) -> None:
    written(event(project, minutes=60), event(project, minutes=120))
    make(project, "by_hour")
    make(project, "by_day", "SELECT sum(opens) AS opens, count(*) AS hours FROM by_hour", mode="DAY")
    make(project, "ever", "SELECT sum(opens) AS opens FROM by_day", mode="WHOLE")

    run(project)
    assert table(project, "by_day", "opens, hours, partition_day") == [[2, 2, "2026-11-26"]]
    assert table(project, "ever") == [[2]]
    done = {one.transform.name: one.asked for one in TransformWindow.objects.select_related("transform")}
    assert done["ever"] <= 3

    written(event(project, minutes=60))
    run(project, at=NOW + 2 * HOUR)
    assert table(project, "ever") == [[3]]
    assert not TransformWindow.objects.exclude(asked=0).filter(done=0).exists()


def test_a_table_of_an_hour_is_read_hour_by_hour(project: Project) -> None:
    written(event(project, minutes=60), event(project, endpoint_id=8, minutes=120))
    make(project, "by_hour")
    make(project, "again", "SELECT endpoint_id, opens FROM by_hour")
    run(project)

    assert table(project, "again", "endpoint_id, window_start") == [[7, "2026-11-26 02:00:00"], [8, "2026-11-26 01:00:00"]]


def test_circles_and_tables_that_others_read_are_refused_with_a_reason(project: Project) -> None:
    one = make(project, "one")
    two = make(project, "two", "SELECT opens FROM one")
    make(project, "three", "SELECT e.endpoint_id, h.opens FROM email_open e, history.two h")

    with pytest.raises(transforms.TransformRefused, match=r"circle: .*one"):
        transforms.change_transform(transform=one, actor=project.created_by, sql="SELECT opens FROM two", now=NOW)
    with pytest.raises(transforms.TransformRefused, match="in a circle"):
        transforms.change_transform(
            transform=one, actor=project.created_by, now=NOW,
            sql="SELECT e.endpoint_id, h.opens FROM email_open e, history.three h",
        )  # fmt: skip
    with pytest.raises(sql.SqlRefused):  # itself is not there
        transforms.change_transform(transform=one, actor=project.created_by, sql="SELECT opens FROM one", now=NOW)
    for read, readers in ((one, "two"), (two, "three")):
        with pytest.raises(transforms.TransformRefused, match=f"Other transforms read this table: {readers}"):
            transforms.delete_transform(transform=read, actor=project.created_by, now=NOW)
    make(project, "daily", mode="DAY")
    with pytest.raises(sql.SqlRefused, match="could not be answered"):  # a day is not over within its hours
        make(project, "hourly", "SELECT opens FROM daily")
    make(project, "hourly", "SELECT count(*) AS n, (SELECT sum(opens) FROM history.daily) AS ever FROM email_open")


def test_one_that_fails_does_not_hold_up_who_reads_it(project: Project) -> None:
    written(event(project, minutes=60))
    make(project, "bad", "SELECT endpoint_id, error('x') AS x FROM email_open")
    make(project, "reader", "SELECT (SELECT count(*) FROM bad) AS bad, count(*) AS n FROM email_open", mode="DAY")

    run(project)

    assert table(project, "reader", "bad, n") == [[0, 1]]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "mode", "sentence"),
    [
        ("SELECT 1 AS x", "HOUR", "reads no table"),
        ("SELECT count(*) AS n FROM history.email_open", "DAY", "all times only"),
        ("SELECT count(*) AS n FROM history.email_open", "WHOLE", "could not be answered"),
        ("SELECT count(*) FROM email_open", "HOUR", "Give the column “count_star\\(\\)” a name"),
        ("SELECT 1 AS partition_day FROM email_open", "DAY", "can't be called “partition_day”"),
        ("SELECT 1 AS window_start FROM email_open", "HOUR", "can't be called “window_start”"),
        ("SELECT :since AS x FROM email_open", "HOUR", "knows :from and :to"),
        ("SELECT :from AS x FROM email_open", "WHOLE", "knows no :from and :to"),
        ("SELECT $from AS x FROM email_open", "HOUR", "Give a value for: from"),
        ("SELECT nope AS x FROM email_open", "HOUR", "could not be answered"),
        ("SELECT 1 AS x FROM email_open; SELECT 2", "HOUR", "One SELECT at a time"),
        ("DELETE FROM email_open", "HOUR", "One SELECT at a time"),
        ("SELECT 1 AS x) UNION (SELECT 2 FROM email_open", "HOUR", "could not be answered"),
        ("SELECT 1 AS x FROM read_parquet('/etc/passwd'), email_open", "HOUR", "could not be answered"),
        ("x" * 20_001, "HOUR", "20,000 characters"),
        ("SELECT " + ", ".join(f"1 AS c{number}" for number in range(101)) + " FROM email_open", "HOUR", "at most 100 columns"),
    ],
)
def test_a_query_that_makes_no_table_is_refused_when_it_is_saved(project: Project, query: str, mode: str, sentence: str) -> None:
    with pytest.raises((transforms.TransformRefused, sql.SqlRefused), match=sentence):
        make(project, "opens", query, mode)
    assert not LakeTransform.objects.exists()


@pytest.mark.parametrize(
    "name", ["", "Opens", "1opens", "all_events", "select", "email_open", "a" * 51, "a-b", 'a"b', "a/../b", "일별"]
)
def test_a_name_that_is_none_of_a_table_is_refused(project: Project, name: str) -> None:
    with pytest.raises(transforms.TransformRefused):
        make(project, name)


def test_a_name_is_one_in_the_project_and_other_projects_have_their_own(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(project)
    with pytest.raises(transforms.TransformRefused, match="already"):
        make(project)
    other = make_project()
    make(other)
    written(event(project, minutes=60), event(other, endpoint_id=99, minutes=60))
    run(project)
    run(other)

    assert table(project, what="endpoint_id") == [[7]]
    assert table(other, what="endpoint_id") == [[99]]
    monkeypatch.setattr(transforms, "LIMIT", 1)
    with pytest.raises(transforms.TransformRefused, match="1 transforms"):
        make(project, "second")


# -- persons, and the rest of the lake --------------------------------------------------------------------------------


def test_erasing_a_person_writes_the_tables_anew_without_his_rows(project: Project) -> None:
    kim = make_endpoint(project=project, endpoint_id="Kim-1")
    lee = make_endpoint(project=project, endpoint_id="lee-2")
    written(*(event(project, endpoint_id=one.pk, minutes=60 * hour) for one in (kim, lee) for hour in (1, 2)))
    make(project, "by_number", "SELECT endpoint_id, count(*) AS n FROM email_open GROUP BY ALL")
    make(project, "by_id", "SELECT upper(client_id) AS who, count(*) AS n FROM email_open GROUP BY ALL", mode="DAY")
    make(project, "only_kim", f"SELECT client_id FROM email_open WHERE endpoint_id = {kim.pk}", mode="WHOLE")
    make(project, "numbers", "SELECT count(*) AS n FROM email_open", mode="WHOLE")
    run(project)
    person = ErasedPerson(
        project_id=project.pk, endpoint_ids=(kim.pk,), user_pk=None, addresses=(), names=("Kim-1",), asked_at=NOW
    )  # fmt: skip

    with transaction.atomic():
        erased = erasers.erase_tables(person, 0)

    assert (erased.rows, erased.after) == (2 + 1 + 2, None)
    assert {row[0] for row in table(project, "by_number")} == {lee.pk}
    assert table(project, "by_id", "who, n") == [["LEE-2", 2]]
    assert table(project, "only_kim") == []
    assert table(project, "numbers") == [[4]]
    tables_upkeep.sweep(store=store(), now=clock.now() + HOUR)
    for path in folder().rglob("table=*/**/*.parquet"):
        assert "kim-1" not in str(pq.read_table(path).to_pylist()).lower()
    with transaction.atomic():
        assert erasers.erase_tables(person, 0).rows == 0


def test_sql_that_names_an_erased_person_is_forgotten_and_must_be_written_anew(project: Project) -> None:
    transform = make(project, query="SELECT count(*) AS n FROM email_open WHERE client_id <> 'Kim-1'")
    make(project, "other", "SELECT count(*) AS n FROM email_open WHERE client_id <> 'akim-1x'")
    person = ErasedPerson(project_id=project.pk, endpoint_ids=(1,), user_pk=None, addresses=(), names=("kim-1",), asked_at=NOW)

    assert erasers.erase_transforms(person, 0).rows == 1

    transform.refresh_from_db()
    assert (transform.sql, transform.state) == ("", "PAUSED")
    with pytest.raises(transforms.TransformRefused, match="named a person"):
        transforms.resume(transform=transform, actor=project.created_by, now=NOW)


def test_a_project_that_was_deleted_is_not_asked_about(project: Project) -> None:
    make(project)
    written(event(project, minutes=60))
    assert running.due_projects(now=NOW + 2 * HOUR) == [project.pk]
    Project.objects.filter(pk=project.pk).update(deleted_at=NOW)

    assert running.due_projects(now=NOW + 2 * HOUR) == []


def test_a_lake_in_a_bucket_has_tables_too(settings: Any, s3: Any, tmp_path: Path, project: Project) -> None:
    settings.LAKE_URL, settings.VAR_DIR = "s3://sample-audience/lake/tables", tmp_path
    written(event(project, minutes=60))
    make(project)
    run(project)

    assert table(project, what="endpoint_id, opens") == [[7, 1]]
    found = s3.list_objects_v2(Bucket="sample-audience", Prefix="lake/tables/").get("Contents", [])
    assert len([one for one in found if "/table=opens/partition_day=2026-11-26/" in one["Key"]]) == 1
    assert TransformFile.objects.get().path in set(store().paths(before=clock.now() + HOUR))


# -- what is kept, and for how long -------------------------------------------------------------------------------------


def test_a_table_outlives_its_events_and_another_sql_leaves_what_can_be_asked_no_more(project: Project, settings: Any) -> None:
    written(event(project, endpoint_id=1, minutes=60 * 24 * 20), event(project, endpoint_id=2, minutes=60 * 24))
    by_day = make(project, mode="DAY")
    run(project)
    settings.LAKE_RETENTION_DAYS = 10
    upkeep.retain(now=NOW)

    transforms.change_transform(transform=by_day, actor=project.created_by, sql=f"{OPENS} HAVING true", now=NOW)
    run(project)

    assert table(project, what="endpoint_id") == [[1], [2]]
    assert rows(project, "SELECT count(*) FROM email_open") == [[1]]
    assert transforms.backfill(transform=by_day, actor=project.created_by, since=datetime.date(2026, 10, 1), now=NOW) == 1
    assert run(project) == 1


def test_days_that_tables_keep_no_longer_go_and_are_not_asked_about(project: Project, settings: Any) -> None:
    settings.LAKE_TABLES_RETENTION_DAYS = 10
    written(event(project, endpoint_id=1, minutes=60 * 24 * 20), event(project, endpoint_id=2, minutes=60 * 24))
    make(project, since=None)
    with_old = make(project, "with_old")
    make(project, "whole", "SELECT endpoint_id FROM email_open", mode="WHOLE")
    assert TransformWindow.objects.filter(transform=with_old).count() == 1
    run(project)
    assert table(project, "with_old", "endpoint_id") == [[2]]

    later = NOW + datetime.timedelta(days=12)
    tables_upkeep.keep_up(store=store(), now=later)

    assert table(project, "with_old") == []
    assert table(project, "whole") == [[1], [2]]
    assert not TransformWindow.objects.filter(transform=with_old).exists()


def test_files_of_tables_that_are_gone_are_made_anew_after_the_lake(project: Project) -> None:
    written(
        event(project, endpoint_id=1, minutes=60),
        event(project, endpoint_id=2, minutes=120),
        event(project, endpoint_id=3, minutes=60 * 24),
    )
    make(project)
    make(project, "by_day", mode="DAY")
    run(project)
    before = [table(project), table(project, "by_day")]
    for one in TransformFile.objects.exclude(starts_at=NOW - 2 * HOUR):
        store().delete(one.path)
    with pytest.raises(sql.SqlRefused, match="missing"):
        table(project)

    call_command("lake", "rebuild", stdout=(out := io.StringIO()))

    assert "4 files of transforms' tables are gone" in out.getvalue()
    assert run(project) == 4
    assert [table(project), table(project, "by_day")] == before
