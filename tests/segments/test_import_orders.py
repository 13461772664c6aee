"""What an import may be asked to do beside a new segment: Pinpoint's four ways, other segments, dry runs, schedules."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from core import clock
from core.audience import Audience
from endpoints.facets import rebuilding
from endpoints.models import Endpoint
from projects.models import Project
from segments.models import Connection, ImportJob, JobStatus, ScheduledImport, Segment
from segments.services import connections, imports, running, schedules
from segments.services.imports import ImportRefused, Order, TooManyImports
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
HEADER = "Id,ChannelType,Address,Attributes.city\n"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"


def line(name: str, city: str = "서울") -> str:
    return f"{name},EMAIL,{name}@example.com,{city}\n"


def create(project: Project, *lines: str, header: str = HEADER, **order: Any) -> ImportJob:
    content = (header + "".join(lines)).encode()
    return imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(content, name="members.csv"), order=Order(**order), now=NOW
    )


def upload(project: Project, *lines: str, **order: Any) -> ImportJob:
    return run(create(project, *lines, **order))


def run(job: ImportJob) -> ImportJob:
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def members(segment: Segment | None, version: int) -> set[str]:
    assert segment is not None
    found = segment.versions.get(version=version).members
    return set(Endpoint.objects.filter(pk__in=list(found)).values_list("endpoint_id", flat=True))


# -- RegisterEndpoints × DefineSegment, SegmentId ----------------------------------------------------------------------


def test_endpoints_alone_make_no_segment(project: Project) -> None:
    job = upload(project, line("a"), define_segment=False)

    assert (job.status, job.segment, job.total_created) == (JobStatus.COMPLETED, None, 1)
    assert Endpoint.objects.count() == 1
    assert not Segment.objects.exists()


def test_a_segment_alone_saves_and_overwrites_no_endpoint(project: Project) -> None:
    known = make_endpoint(project=project, endpoint_id="a", address="a@example.com", attributes={"city": ["부산"]})

    job = upload(project, line("a", "서울"), line("new"), register_endpoints=False)

    assert job.status == JobStatus.COMPLETED
    assert members(job.segment, 1) == {"a"}
    assert Endpoint.objects.get().attributes == {"city": ["부산"]}
    assert Endpoint.objects.get().pk == known.pk
    assert (job.total_processed, job.total_failures) == (2, 1)


def test_a_new_user_with_a_number_that_somebody_has_is_written_once(project: Project) -> None:
    header = "Id,ChannelType,Address,User.UserId,User.UserAttributes.grade\n"
    upload(project, "old,SMS,+821012345678,park,silver\n", header=header)

    job = upload(
        project,
        "mail,EMAIL,kim@example.com,kim,gold\n",
        "phone,SMS,+821012345678,kim,gold\n",
        header=header,
        define_segment=False,
    )

    assert (job.status, job.total_created, job.total_failures) == (JobStatus.COMPLETED, 2, 0)
    assert set(Endpoint.objects.values_list("endpoint_id", "user__user_id", "status")) == {
        ("old", "park", "INACTIVE"), ("mail", "kim", "ACTIVE"), ("phone", "kim", "ACTIVE"),
    }  # fmt: skip


def test_neither_is_refused(project: Project) -> None:
    with pytest.raises(ImportRefused):
        create(project, line("a"), register_endpoints=False, define_segment=False)

    assert not ImportJob.objects.exists()


def test_an_imported_segment_is_replaced_or_extended_by_a_new_version(project: Project) -> None:
    first = upload(project, line("a"), line("b"))
    segment = first.segment

    extended = upload(project, line("c"), into="EXTEND", into_segment=segment)
    replaced = upload(project, line("d"), into="REPLACE", into_segment=segment)

    assert (extended.segment, replaced.segment) == (segment, segment)
    assert (extended.segment_version, replaced.segment_version) == (2, 3)
    assert members(segment, 1) == {"a", "b"}
    assert members(segment, 2) == {"a", "b", "c"}
    assert members(segment, 3) == {"d"}
    assert Segment.objects.count() == 1


def test_a_segment_of_another_project_or_kind_is_not_replaced(project: Project) -> None:
    theirs = make_import_segment(project=make_project(), members=Audience([1]))

    with pytest.raises(ImportRefused):
        create(project, line("a"), into="REPLACE", into_segment=theirs)
    with pytest.raises(ImportRefused):
        create(project, line("a"), into="EXTEND", into_segment=None)
    assert not ImportJob.objects.exists()


def test_users_alone_reach_all_of_their_endpoints(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="a1", user_id="kim")
    make_endpoint(project=project, endpoint_id="a2", user_id="kim")
    make_endpoint(project=project, endpoint_id="b1", user_id="lee")

    job = upload(project, "kim\n", "nobody\n", header="User.UserId\n")

    assert members(job.segment, 1) == {"a1", "a2"}
    assert (job.total_processed, job.total_failures) == (2, 1)


def test_the_eleventh_import_under_way_is_refused(project: Project) -> None:
    for _number in range(10):
        create(project, line("a"))
    create(project, line("a"), is_held=True)

    with pytest.raises(TooManyImports, match="10"):
        create(project, line("a"))

    assert ImportJob.objects.count() == 11


def test_the_command_prints_the_job_as_pinpoint_does(project: Project, data: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_segment", project.public_id, str(data / "broken.csv"), "--json")

    answer = json.loads(capsys.readouterr().out)
    assert (answer["JobStatus"], answer["Type"]) == ("COMPLETED", "IMPORT")
    assert (answer["TotalProcessed"], answer["TotalFailures"], len(answer["Failures"])) == (21, 14, 14)
    assert (answer["TotalPieces"], answer["CompletedPieces"], answer["FailedPieces"]) == (1, 1, 0)
    assert answer["Failures"][0].startswith("broken.csv:4 Address: ")
    assert answer["Definition"]["SegmentId"] == Segment.objects.get().public_id


def test_the_form_asks_for_what_an_order_may_say(project: Project) -> None:
    segment = upload(project, line("a")).segment
    assert segment is not None
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:create-import", args=[project.public_id])
    fields = {"source": "UPLOAD", "format": "CSV", "encoding": "UTF-8", "into": "EXTEND", "result": "BOTH"}
    file = ContentFile((HEADER + line("b")).encode(), name="b.csv")

    missing = client.post(url, fields | {"uploads": [file]})
    file.seek(0)
    client.post(url, fields | {"uploads": [file], "into_segment": segment.pk, "is_dry_run": "on"})

    assert "into_segment" in missing.context["form"].errors
    job = ImportJob.objects.latest("pk")
    assert (job.into, job.into_segment, job.is_dry_run) == ("EXTEND", segment, True)


def test_a_refused_import_leaves_no_new_connection_behind(project: Project) -> None:
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:create-import", args=[project.public_id])
    fields = {
        "source": "S3", "format": "CSV", "encoding": "UTF-8", "into": "NEW", "result": "BOTH", "connection": "new",
        "new-name": "ours", "new-region": "ap-northeast-2", "new-access_key_id": "k", "new-secret_access_key": "s",
    }  # fmt: skip

    client.post(url, fields | {"s3_url": "bucket/members.csv"})
    left = Connection.objects.count()
    client.post(url, fields | {"s3_url": "s3://bucket/members.csv"})

    assert left == 0
    assert ImportJob.objects.get().connection == Connection.objects.get(name="ours")


# -- dry runs ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_of_names_that_are_new_leaves_nothing_behind(project: Project) -> None:
    tried = upload(project, line("a"), is_dry_run=True)
    done = upload(project, line("a"))

    assert (tried.total_created, done.total_created) == (1, 1)
    assert rebuilding.verify(project_id=project.pk) == []


def test_a_dry_run_says_what_would_change_and_writes_nothing(project: Project) -> None:
    upload(project, line("a"), line("b"))
    tried = upload(project, line("a"), line("b", "부산"), line("c"), "x,EMAIL,no address,\n", is_dry_run=True)
    client = Client()
    client.force_login(project.created_by)

    page = client.get(reverse("segments:show-import", args=[project.public_id, tried.public_id])).content.decode()

    assert (tried.status, tried.segment) == (JobStatus.COMPLETED, None)
    assert (tried.total_created, tried.total_changed, tried.total_unchanged, tried.total_failures) == (1, 1, 1, 1)
    assert set(Endpoint.objects.values_list("endpoint_id", flat=True)) == {"a", "b"}
    assert Endpoint.objects.get(endpoint_id="b").attributes == {"city": ["서울"]}
    assert Segment.objects.count() == 1
    assert "Nothing was written" in page
    assert "Attributes.city" in page
    assert "부산" in page

    client.post(reverse("segments:retry-import", args=[project.public_id, tried.public_id]), {"way": "FOR_REAL"})
    done = run(ImportJob.objects.latest("pk"))

    assert (done.is_dry_run, done.total_created, done.total_changed) == (False, 1, 1)
    assert rebuilding.verify(project_id=project.pk) == []
    assert members(done.segment, 1) == {"a", "b", "c"}


# -- schedules ---------------------------------------------------------------------------------------------------------


def schedule_of(project: Project, **fields: Any) -> ScheduledImport:
    connection = connections.create_connection(
        project=project, actor=None, name="bucket", access_key_id="test", secret_access_key="test", now=NOW
    )
    return schedules.create_schedule(
        project=project, actor=project.created_by, name="매일", s3_url="s3://sample-audience/daily/", connection=connection,
        **{"every": 1, "unit": "DAYS", "now": NOW} | fields,
    )  # fmt: skip


def look(schedule: ScheduledImport, now: datetime.datetime) -> ImportJob | None:
    due = dict(schedules.due_schedules(now=now))
    job = schedules.run_schedule(schedule_id=schedule.pk, due_at=due[schedule.pk], now=now) if due else None
    schedule.refresh_from_db()
    return run(job) if job else None


def put(s3: Any, name: str, *lines: str) -> None:
    s3.put_object(Bucket="sample-audience", Key=f"daily/{name}", Body=(HEADER + "".join(lines)).encode())


def test_a_schedule_imports_what_is_new_or_changed_and_nothing_else(project: Project, s3: Any) -> None:
    schedule = schedule_of(project)
    day = datetime.timedelta(days=1)

    assert look(schedule, NOW) is None
    assert (schedule.last_run_at, schedule.last_found, schedule.next_run_at) == (NOW, 0, NOW + day)
    put(s3, "1.csv", line("a"))
    put(s3, "of-the-other-format.jsonl")
    first = look(schedule, NOW + day)
    assert look(schedule, NOW + 2 * day) is None
    put(s3, "2.csv", line("b"))
    put(s3, "1.csv", line("a", "부산"), line("c"))
    second = look(schedule, NOW + 3 * day)

    assert first is not None
    assert second is not None
    assert (first.total_processed, second.total_processed, second.total_pieces) == (1, 3, 2)
    assert members(schedule.segment, 1) == {"a"}
    assert members(schedule.segment, 2) == {"a", "b", "c"}
    assert Segment.objects.get().name == "매일"


def test_a_schedule_that_replaces_keeps_the_newest_files_alone(project: Project, s3: Any) -> None:
    schedule = schedule_of(project, into="REPLACE")
    put(s3, "1.csv", line("a"))
    look(schedule, NOW)
    put(s3, "2.csv", line("b"))
    look(schedule, NOW + datetime.timedelta(days=1))

    assert members(schedule.segment, 2) == {"b"}


def test_an_occurrence_is_claimed_once_and_a_standstill_is_made_up_for_by_one_look(project: Project, s3: Any) -> None:
    schedule = schedule_of(project, every=6, unit="HOURS")
    put(s3, "1.csv", line("a"))
    late = NOW + datetime.timedelta(hours=20)

    first = schedules.run_schedule(schedule_id=schedule.pk, due_at=NOW, now=late)
    second = schedules.run_schedule(schedule_id=schedule.pk, due_at=NOW, now=late)

    assert first is not None
    assert second is None
    schedule.refresh_from_db()
    assert schedule.next_run_at == NOW + datetime.timedelta(hours=24)
    assert look(schedule, schedule.next_run_at) is None  # its import is still under way
    assert ImportJob.objects.count() == 1


def test_a_failed_import_of_a_schedule_is_tried_again_with_the_next_look(project: Project, s3: Any) -> None:
    schedule = schedule_of(project)
    s3.put_object(Bucket="sample-audience", Key="daily/1.csv", Body=b"Addres\nx\n")
    failed = look(schedule, NOW)
    again = look(schedule, NOW + datetime.timedelta(days=1))

    assert failed is not None
    assert again is not None
    assert (failed.status, again.status) == (JobStatus.FAILED, JobStatus.FAILED)


def test_a_schedule_says_what_hinders_it_and_is_paused_resumed_and_deleted(project: Project, s3: Any) -> None:
    schedule = schedule_of(project)
    ScheduledImport.objects.update(s3_url="s3://no-such/daily/")
    client, stranger = Client(), Client()
    client.force_login(project.created_by)
    stranger.force_login(make_user())
    page = reverse("segments:list-imports", args=[project.public_id])
    change = reverse("segments:change-schedule", args=[project.public_id, schedule.public_id])
    assert look(schedule, NOW) is None

    assert "does not exist" in client.get(page).content.decode()
    assert stranger.post(change, {"deed": "delete"}).status_code == 404
    client.post(change, {"deed": "pause"})
    assert schedules.due_schedules(now=NOW + datetime.timedelta(days=9)) == []
    client.post(change, {"deed": "resume"})
    schedule.refresh_from_db()
    assert schedules.due_schedules(now=clock.now()) == [(schedule.pk, schedule.next_run_at)]
    client.post(change, {"deed": "delete"})
    assert schedules.due_schedules(now=clock.now()) == []
    assert "no-such" not in client.get(page).content.decode()


def test_a_schedule_is_made_on_its_page(project: Project, s3: Any) -> None:
    connection = connections.create_connection(
        project=project, actor=None, name="bucket", access_key_id="test", secret_access_key="test", now=NOW
    )
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:create-schedule", args=[project.public_id])
    fields = {
        "connection": connection.pk, "s3_url": "s3://sample-audience/daily/", "unit": "MINUTES", "format": "CSV", "encoding": "UTF-8",
        "into": "EXTEND",
    }  # fmt: skip

    often = client.post(url, fields | {"every": 1})
    made = client.post(url, fields | {"every": 30})

    assert "5 minutes" in often.content.decode()
    assert made.status_code == 302
    assert ScheduledImport.objects.get().name == "daily"
