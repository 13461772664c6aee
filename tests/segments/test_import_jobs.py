from __future__ import annotations

import datetime
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from core import clock
from endpoints.importer.piece import Prepared, prepare_piece
from endpoints.models import Endpoint
from projects.models import Project
from segments import importing
from segments.heartbeat import Heartbeat, LeaseLost
from segments.models import ImportJob, ImportPiece, JobStatus, Segment
from segments.services import connections, imports, pieces, preparing, running
from segments.sources import s3 as s3_source
from tests.factories.projects import make_project, make_user
from tests.segments.jobs import connect, from_s3, upload

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False


def test_the_sample_comes_from_s3_and_becomes_a_segment(project: Project, s3: Any) -> None:
    job = from_s3(project, "s3://sample-audience/members.csv")

    assert (job.status, job.total_processed, job.total_failures) == (JobStatus.COMPLETED, 2000, 0)
    assert job.segment is not None
    newest = job.segment.versions.get()
    assert job.segment.name == "members"
    assert len(newest.members) == 2000
    assert newest.import_definition["Size"] == 2000


def test_a_prefix_skips_and_names_files_of_the_other_format(project: Project, s3: Any, data: Path) -> None:
    s3.upload_file(str(data / "members.csv"), "sample-audience", "folder/a/members.csv")
    s3.upload_file(str(data / "members.jsonl"), "sample-audience", "folder/b/members.jsonl")

    job = from_s3(project, "s3://sample-audience/folder/")

    assert (job.status, job.total_processed) == (JobStatus.COMPLETED, 2000)
    assert job.notes == [{"code": "skipped_format", "params": {"file": "folder/b/members.jsonl"}}]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://no-such-bucket/x.csv", "NoSuchBucket"),
        ("s3://sample-audience/none.csv", "NoSuchKey"),
        ("s3://sample-audience/none/", "empty_prefix"),
        ("s3://sample-audience/members.jsonl", "looks_like_json"),
    ],
)
def test_what_s3_refuses_is_said_and_nothing_is_written(project: Project, s3: Any, url: str, code: str) -> None:
    job = from_s3(project, url)

    assert job.status == JobStatus.FAILED
    assert job.failure["code"] == code
    assert not Endpoint.objects.exists()
    client = Client()
    client.force_login(project.created_by)
    assert client.get(reverse("segments:show-import", args=[project.public_id, job.public_id])).status_code == 200


def test_an_unreachable_s3_is_said(project: Project, s3: Any, settings: Any) -> None:
    settings.S3_ENDPOINT_URL = "http://127.0.0.1:1"

    assert from_s3(project, "s3://sample-audience/members.csv").failure["code"] == "unreachable"


def test_the_bar_moves_when_a_piece_is_read_and_when_it_is_written(
    project: Project, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 10**9)
    job = from_s3(project, "s3://sample-audience/members.csv")
    ImportJob.objects.filter(pk=job.pk).update(status=JobStatus.PROCESSING)
    job.refresh_from_db()

    assert importing.progress(job=job).percent == 99  # the header belongs to no piece
    job.pieces.update(state=ImportPiece.State.WAITING)
    assert importing.progress(job=job).percent == 49
    job.pieces.update(bytes_read=0)
    assert importing.progress(job=job).percent == 0


def small_pieces(monkeypatch: pytest.MonkeyPatch, size: int = 60_000) -> None:
    monkeypatch.setattr(preparing.scan, "__kwdefaults__", preparing.scan.__kwdefaults__ | {"piece_bytes": size})


def prepared(project: Project, url: str = "s3://sample-audience/members.csv", **order: Any) -> ImportJob:
    """A job whose pieces are there, and none of them is begun."""
    job = imports.create_s3_import(
        project=project, actor=None, s3_url=url, connection=connect(project), order=imports.Order(**order), now=NOW
    )
    with Heartbeat() as heartbeat:
        assert running._prepare(job.pk, clock.now, heartbeat, lambda _job, _workers: None)
    job.refresh_from_db()
    return job


def test_a_file_that_changed_since_the_first_pass_is_refused(project: Project, s3: Any) -> None:
    job = prepared(project)
    s3.put_object(Bucket="sample-audience", Key="members.csv", Body=b"Id,Address\nother,other\n")

    running.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert job.failure["code"] == "PreconditionFailed"


def test_a_file_that_vanished_since_the_first_pass_is_refused(project: Project, s3: Any) -> None:
    job = prepared(project)
    s3.delete_object(Bucket="sample-audience", Key="members.csv")

    running.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert job.failure["code"] == "vanished"


def test_a_piece_whose_worker_died_is_taken_over_and_nothing_is_imported_twice(
    project: Project, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    job = prepared(project)
    dead = [pieces.claim(job=job, now=clock.now()) for _piece in range(job.total_pieces)]
    assert pieces.claim(job=job, now=clock.now()) is None
    assert running.due_jobs(now=clock.now()) == []
    later = clock.now() + datetime.timedelta(seconds=61)
    assert running.due_jobs(now=later) == [job.pk]

    running.run_job(job_id=job.pk, clock=lambda: later)

    job.refresh_from_db()
    assert (job.status, job.total_processed) == (JobStatus.COMPLETED, 2000)
    assert job.completed_pieces == job.total_pieces == len(dead) > 1
    assert Endpoint.objects.count() == 2000
    assert dead[0] is not None
    with Heartbeat() as heartbeat:
        worker = pieces.Worker(job=job, clock=clock.now, heartbeat=heartbeat)
        with pytest.raises(LeaseLost):
            worker._write(dead[0], Prepared())


def test_workers_side_by_side_import_each_piece_once_and_the_later_line_wins(project: Project, s3: Any) -> None:
    for number in range(12):
        lines = "".join(f"id-{i},EMAIL,m{i}@example.com,{number}\n" for i in range(number, 40))
        s3.put_object(
            Bucket="sample-audience",
            Key=f"many/{number:02}.csv",
            Body=f"Id,ChannelType,Address,Attributes.file\n{lines}".encode(),
        )
    job = prepared(project, "s3://sample-audience/many/")

    def work() -> None:
        running.run_job(job_id=job.pk, clock=clock.now)
        connection.close()

    workers = [threading.Thread(target=work) for _worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    job.refresh_from_db()
    assert (job.status, job.completed_pieces, job.total_processed) == (JobStatus.COMPLETED, 12, sum(range(29, 41)))
    assert job.segment is not None
    assert job.segment.versions.count() == 1
    stored = {one.endpoint_id: one.attributes["file"] for one in Endpoint.objects.all()}
    assert stored == {f"id-{i}": [str(min(i, 11))] for i in range(40)}


def test_a_job_without_open_pieces_is_completed_by_whoever_finds_it(project: Project, s3: Any) -> None:
    job = prepared(project)
    ImportPiece.objects.update(state="DONE")
    ImportJob.objects.update(status=JobStatus.COMPLETING, lease_until=clock.now() - datetime.timedelta(seconds=1))
    assert running.due_jobs(now=clock.now()) == [job.pk]

    running.run_job(job_id=job.pk, clock=clock.now)
    running.run_job(job_id=job.pk, clock=clock.now)

    assert ImportJob.objects.get().status == JobStatus.COMPLETED
    assert Segment.objects.count() == 1


def test_a_beat_that_comes_late_holds_up_neither_the_pieces_nor_the_end(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat may be on its way to the database while the step that it keeps the lease for ends."""
    late: list[Callable[[], bool]] = []
    release = running._Hold.release

    def released(hold: Any, **changes: Any) -> None:
        release(hold, **changes)
        late.append(hold._beat)

    monkeypatch.setattr(running._Hold, "release", released)
    prepared = running._prepare

    def prepare(*given: Any) -> bool:
        is_prepared = prepared(*given)
        assert [beat() for beat in late] == [False]
        return is_prepared

    monkeypatch.setattr(running, "_prepare", prepare)

    job = upload(project, b"Id,ChannelType,Address\na,EMAIL,a@example.com\n")

    assert (job.status, job.total_processed) == (JobStatus.COMPLETED, 1)


def test_a_beat_that_comes_late_does_not_keep_a_piece_that_was_given_back(project: Project) -> None:
    job = upload(project, b"Id,ChannelType,Address\na,EMAIL,a@example.com\n")
    piece = job.pieces.get()
    ImportPiece.objects.filter(pk=piece.pk).update(state=ImportPiece.State.WAITING, lease_until=None)
    ImportJob.objects.filter(pk=job.pk).update(status=JobStatus.PROCESSING)

    assert pieces._Held(piece).beat(clock.now()) is False

    piece.refresh_from_db()
    assert piece.lease_until is None


def test_a_piece_under_way_writes_nothing_after_a_cancel(project: Project, s3: Any) -> None:
    job = prepared(project)
    piece = pieces.claim(job=job, now=clock.now())
    assert piece is not None
    imports.cancel_import(job=job, actor=project.created_by, now=NOW)

    with Heartbeat() as heartbeat:
        worker = pieces.Worker(job=job, clock=clock.now, heartbeat=heartbeat)
        row = b"a,EMAIL,a@example.com\n"
        lines = prepare_piece(
            stream=io.BytesIO(row), header=["Id", "ChannelType", "Address"], first_line=2, on_bytes=lambda _count: None
        )
        with pytest.raises(LeaseLost):
            worker._write(piece, lines)

    assert not Endpoint.objects.exists()
    assert running.due_jobs(now=clock.now()) == []


def test_a_folder_of_many_small_files_becomes_one_segment(project: Project, s3: Any) -> None:
    for number in range(60):
        body = f"Id,ChannelType,Address\nm{number},EMAIL,m{number}@example.com\n".encode()
        s3.put_object(Bucket="sample-audience", Key=f"small/{number % 7}/{number}.csv", Body=body)

    job = from_s3(project, "s3://sample-audience/small/")

    assert (job.status, job.total_pieces, job.total_processed) == (JobStatus.COMPLETED, 60, 60)


def test_too_many_files_are_refused_with_their_number(project: Project, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_source, "MAX_FILES", 2)
    for number in range(4):
        s3.put_object(Bucket="sample-audience", Key=f"few/{number}.csv", Body=b"Id\na\n")

    job = from_s3(project, "s3://sample-audience/few/")

    assert job.failure == {"code": "too_many_files", "params": {"key": "few/", "count": 4, "limit": 2}}


def test_a_cancelled_job_imports_no_further_piece(project: Project) -> None:
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(b"Id,ChannelType,Address\na,EMAIL,a@example.com\n", name="a.csv"),
        format="CSV", segment_name="", now=NOW,
    )  # fmt: skip
    imports.cancel_import(job=job, actor=project.created_by, now=NOW)

    running.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert not Segment.objects.exists()
    assert not ImportPiece.objects.exists()


def test_the_command_does_the_same(project: Project, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_segment", project.public_id, str(data / "broken.csv"))
    with pytest.raises(CommandError, match="no project"):
        call_command("import_segment", "0" * 32, str(data / "broken.csv"))

    assert "processed 21, refused 14" in capsys.readouterr().out
    assert Segment.objects.get().name == "broken"


def test_the_secret_key_is_never_shown_again(project: Project) -> None:
    connection = connections.create_connection(
        project=project, actor=None, name="b", access_key_id="AKIA", secret_access_key="very-secret", now=NOW
    )
    client = Client()
    client.force_login(project.created_by)

    page = client.get(reverse("segments:list-connections", args=[project.public_id])).content.decode()

    assert "AKIA" in page
    assert "very-secret" not in page
    assert "very-secret" not in connection.sealed_secret_access_key


def test_an_upload_through_the_page_and_a_stranger(project: Project, data: Path) -> None:
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:create-import", args=[project.public_id])
    with (data / "broken.csv").open("rb") as file:
        answer = client.post(url, {"source": "UPLOAD", "uploads": [file], "format": "CSV", "segment_name": ""})
    job = ImportJob.objects.get()
    stranger = Client()
    stranger.force_login(make_user())

    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("segments:show-import", args=[project.public_id, job.public_id])
    for name in ("show-import", "list-refused-lines", "download-refused-lines"):
        assert stranger.get(reverse(f"segments:{name}", args=[project.public_id, job.public_id])).status_code == 404
    assert stranger.get(url).status_code == 404
