"""Events become files: each once, whatever is killed and whoever is at it at the same time."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction

from analytics.lake import files, upkeep, writing
from analytics.lake.store import store
from analytics.models import EventKind, HitClass, LakeFile, LakePosition, SourceKind
from analytics.services.event_types import kinds_of
from endpoints.ports import ErasedPerson
from endpoints.services import erasers
from tests.analytics.lake import NOW, event, files_on_disk, folder, paths, rows, settle, written
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def lake(settings: Any, tmp_path: Path) -> None:
    settings.LAKE_URL = str(tmp_path / "lake")


def test_an_event_is_a_row_with_pinpoints_names() -> None:
    project = make_project()
    endpoint = make_endpoint(project=project)
    data = {"ua": "Browser", "ip": "192.0.2.1", "link": "https://example.com/a"}

    count = written(
        event(project, kind=EventKind.EMAIL_CLICK, endpoint_id=endpoint.pk, hit_class=HitClass.PERSON, link_number=3, data=data)
    )

    (row,) = rows()
    assert count == 1
    assert row.pop("position") > 0
    assert row == {
        "event_type": "_email.click", "event_timestamp": NOW.replace(tzinfo=None), "arrival_timestamp": NOW.replace(tzinfo=None),
        "client_id": endpoint.endpoint_id, "endpoint_id": endpoint.pk, "app_id": project.public_id, "campaign_id": None,
        "campaign_activity_id": None, "treatment_id": None, "journey_id": None, "journey_activity_id": None, "session_id": None,
        "link": "https://example.com/a", "link_number": 3, "hit_class": "person", "user_agent": "Browser", "ip_address": "192.0.2.1",
        "attributes": [("feedback", "https://example.com/a")], "metrics": [],
    }  # fmt: skip
    (path,) = paths()
    assert path.startswith(f"project={project.public_id}/type=_email.click/day=2026-11-26/")


def test_bounces_text_messages_and_events_of_programs_keep_what_they_say() -> None:
    project = make_project()
    own = kinds_of(project_id=project.pk, names=["cart/left"])["cart/left"]
    bounce = {"code": "550", "reply": "no such user", "bounce_type": "Permanent"}
    sms = {"status": "DELIVERED", "country": "KR", "parts": 2, "millicents": 1290}
    app = {"attributes": {"page": "home"}, "metrics": {"price": 3}, "session": {"id": "s-1"}, "app": {"AppTitle": "x"}}

    written(
        event(project, kind=EventKind.EMAIL_HARDBOUNCE, data=bounce), event(project, kind=EventKind.SMS_SUCCESS, data=sms),
        event(project, kind=own, data=app),
    )  # fmt: skip

    mail, text, program = rows()
    assert dict(mail["attributes"]) == bounce | {"feedback": "hardbounce"}
    assert dict(text["attributes"]) == {"record_status": "DELIVERED", "iso_country_code": "KR", "number_of_message_parts": "2"}
    assert dict(text["metrics"]) == {"price_in_millicents_usd": 1290.0}
    assert (program["event_type"], program["session_id"]) == ("cart/left", "s-1")
    assert (dict(program["attributes"]), dict(program["metrics"])) == ({"page": "home"}, {"price": 3.0})
    assert f"project={project.public_id}/type=cart%2Fleft/day=2026-11-26" in {str(Path(one).parent) for one in paths()}


def test_data_of_any_shape_holds_nothing_up() -> None:
    project = make_project()
    odd: list[Any] = [
        {"session": None}, {"session": "x", "attributes": [1], "metrics": {"a": "b", "c": True}}, {"ua": {"a": 1}, "link": 7}, {},
        {"attributes": {"deep": {"er": [None]}}, "reply": ["x"]}, {"metrics": {"huge": 1e308}},
    ]  # fmt: skip

    written(*(event(project, kind=kind, data=data) for data in odd for kind in (EventKind.EMAIL_CLICK, EventKind.SESSION_START)))

    assert len(rows()) == 2 * len(odd)


def test_a_mails_event_says_when_the_mail_was_sent_and_when_it_happened() -> None:
    project = make_project()
    run = {"source_kind": SourceKind.CAMPAIGN, "source_id": 2, "run_id": 3}

    written(event(project, kind=EventKind.EMAIL_SEND, minutes=90, **run), event(project, kind=EventKind.EMAIL_OPEN, **run))

    opened = rows(kind=EventKind.EMAIL_OPEN)[0]
    assert (opened["event_timestamp"], opened["arrival_timestamp"]) == (
        (NOW - datetime.timedelta(minutes=90)).replace(tzinfo=None), NOW.replace(tzinfo=None),
    )  # fmt: skip


def test_each_project_type_and_day_has_its_file_and_each_event_is_there_once() -> None:
    one, other = make_project(), make_project()
    events = [
        event(project, kind=kind, endpoint_id=number, minutes=minutes)
        for project in (one, other)
        for kind in (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)
        for number, minutes in enumerate((0, 1, 24 * 60, 24 * 60 + 5))
    ]

    written(*events, limit=5)  # several steps
    again = writing.write_events(now=NOW)

    assert again == 0
    assert len(rows()) == 16
    assert len({row["position"] for row in rows()}) == 16
    assert len({str(Path(path).parent) for path in paths()}) == 8
    assert len(rows(project_id=one.pk)) == 8
    assert files_on_disk() == paths()


def test_a_step_that_breaks_leaves_no_row_and_the_next_one_writes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    position = LakePosition.objects.get_or_create(pk=1)[0].position

    def breaks(_manager: Any, _rows: Any) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(type(LakeFile.objects), "bulk_create", breaks)
        with pytest.raises(OSError):
            written(event(project))
    assert (LakeFile.objects.count(), LakePosition.objects.get().position, files_on_disk()) == (0, position, set())

    settle()
    assert writing.write_events(now=NOW) == 1
    assert files_on_disk() == paths()


def test_of_two_at_once_one_writes() -> None:
    project = make_project()
    written(event(project))
    with ThreadPoolExecutor(1) as other, files.alone(1) as is_mine:

        def also() -> int:
            try:
                return written(event(project))
            finally:
                connection.close()

        assert is_mine
        assert other.submit(also).result() == 0
    settle()
    assert writing.write_events(now=NOW) == 1
    assert len(rows()) == 2


def test_whoever_finds_the_position_moved_takes_nothing_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    really = writing.tables_of

    def slow(**given: Any) -> Any:
        LakePosition.objects.update(position=1 << 40)
        return really(**given)

    monkeypatch.setattr(writing, "tables_of", slow)
    assert written(event(project)) == 0
    assert (LakeFile.objects.count(), files_on_disk()) == (0, set())


def test_small_files_become_one_and_the_old_ones_go_after_a_while() -> None:
    project = make_project()
    for number in range(upkeep.MERGED_FROM):
        written(event(project, endpoint_id=number))
    before, old = rows(), paths()

    merged = upkeep.keep_up(now=NOW)

    (new,) = paths()
    assert merged == upkeep.MERGED_FROM
    assert rows() == before
    assert old <= files_on_disk()
    upkeep.keep_up(now=NOW + upkeep.GRACE)
    assert files_on_disk() == {new}
    assert LakeFile.objects.count() == 1


def test_a_day_that_is_over_is_compacted_from_two_files_on_and_another_one_is_not() -> None:
    project = make_project()
    for minutes in (0, 0, 24 * 60, 24 * 60):
        written(event(project, minutes=minutes))

    upkeep.keep_up(now=NOW)

    assert sorted(LakeFile.objects.filter(replaced_at=None).values_list("day", "rows")) == [
        (datetime.date(2026, 11, 25), 2), (datetime.date(2026, 11, 26), 1), (datetime.date(2026, 11, 26), 1),
    ]  # fmt: skip


def test_a_merge_of_a_file_that_was_replaced_meanwhile_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    written(event(project, endpoint_id=7))
    written(event(project, endpoint_id=8))
    really = files.replace

    def erased_first(**given: Any) -> None:
        monkeypatch.setattr(files, "replace", really)
        erase(project.pk, 7)
        really(**given)

    monkeypatch.setattr(files, "replace", erased_first)
    assert upkeep.keep_up(now=NOW, everything=True) == 0
    assert [row["endpoint_id"] for row in rows()] == [8]
    upkeep.sweep(where=store(), now=datetime.datetime.now(datetime.UTC) + upkeep.GRACE)
    assert files_on_disk() == paths()


def erase(project_id: int, *endpoint_ids: int) -> int:
    person = ErasedPerson(
        project_id=project_id, endpoint_ids=endpoint_ids, user_pk=None, addresses=(), names=(), asked_at=NOW
    )  # fmt: skip
    done, after = 0, 0
    while True:
        with transaction.atomic():
            step = erasers.erase_lake(person, after)
        done += step.rows
        if step.after is None:
            return done
        after = step.after


def test_erasing_writes_the_persons_files_anew_without_them_and_no_others() -> None:
    project, other = make_project(), make_project()
    written(event(project, endpoint_id=7), event(project, endpoint_id=8), event(other, endpoint_id=7))
    written(event(project, endpoint_id=7, kind=EventKind.EMAIL_CLICK), event(project, endpoint_id=9, kind=EventKind.EMAIL_SEND))
    untouched = paths(kind=EventKind.EMAIL_SEND) | paths(project_id=other.pk)

    erased = erase(project.pk, 7, 1_000)

    assert erased == 2
    assert sorted(row["endpoint_id"] for row in rows(project_id=project.pk)) == [8, 9]
    assert untouched <= paths()
    upkeep.sweep(where=store(), now=datetime.datetime.now(datetime.UTC) + upkeep.GRACE)
    held = {
        pq.ParquetFile(folder() / path).read(["endpoint_id"])[0][0].as_py()
        for path in files_on_disk() - paths(project_id=other.pk)
    }
    assert held == {8, 9}
    assert erase(project.pk, 7) == 0


def test_days_past_their_time_leave_the_lake(settings: Any) -> None:
    project = make_project()
    written(event(project), event(project, minutes=3 * 24 * 60))
    settings.LAKE_RETENTION_DAYS = 2

    upkeep.keep_up(now=NOW)

    assert len(rows()) == 1
    assert len(files_on_disk()) == 2
    upkeep.keep_up(now=NOW + upkeep.GRACE)
    assert files_on_disk() == paths()


def test_files_of_nobody_go_once_they_are_old() -> None:
    written(event(make_project()))
    (path,) = paths()
    orphan = folder() / path.replace(path[-12:-8], "dead")
    orphan.write_bytes(b"half a file")

    upkeep.sweep_orphans(where=store(), now=NOW)
    assert orphan.exists()
    upkeep.sweep_orphans(where=store(), now=datetime.datetime.now(datetime.UTC) + upkeep.ORPHAN_AGE * 2)
    assert files_on_disk() == {path}


def test_other_programs_read_the_folder() -> None:
    project = make_project()
    written(event(project), event(project, kind=EventKind.EMAIL_CLICK), event(project, minutes=24 * 60))

    found = duckdb.sql(
        f"SELECT type, day, count(*) FROM read_parquet('{folder()}/**/*.parquet', hive_partitioning = true) GROUP BY ALL ORDER BY ALL"
    ).fetchall()

    assert found == [
        ("_email.click", datetime.date(2026, 11, 26), 1), ("_email.open", datetime.date(2026, 11, 25), 1),
        ("_email.open", datetime.date(2026, 11, 26), 1),
    ]  # fmt: skip
