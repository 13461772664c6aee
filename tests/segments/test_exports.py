from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from core import clock
from core.audience import Audience
from endpoints.models import Endpoint
from endpoints.queries import endpoint_rows
from projects.models import AuditEntry, Project, Role
from segments.models import Connection, ExportJob, ExportPart, ImportJob, JobStatus, Segment
from segments.services import connections, exporting, exports, imports, running
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
EVIL = '=HYPERLINK("http://evil.example.com","x")'


@pytest.fixture
def project() -> Project:
    return make_project()


def connect(project: Project) -> Connection:
    return connections.create_connection(
        project=project, actor=project.created_by, name="bucket", access_key_id="test", secret_access_key="test", now=NOW
    )


def ask(project: Project, *, segment: Segment | None = None, format: str = "JSON", **more: Any) -> ExportJob:
    return exports.create_export(
        project=project, actor=project.created_by, segment=segment, format=format, now=NOW, **{"destination": "DOWNLOAD"} | more
    )


def export(project: Project, **given: Any) -> ExportJob:
    job = ask(project, **given)
    exporting.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def content(job: ExportJob) -> bytes:
    with default_storage.open(job.file_key, "rb") as stored:
        return stored.read()


def import_file(project: Project, raw: bytes, *, format: str) -> ImportJob:
    job = imports.create_upload_import(
        project=project,
        actor=project.created_by,
        upload=ContentFile(raw, name="again"),
        format=format,
        segment_name="again",
        now=NOW,
    )
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def documents(project: Project) -> list[dict[str, Any]]:
    """What a file can carry of the project's endpoints."""
    ids = list(Endpoint.objects.filter(project=project).values_list("pk", flat=True))
    own = ("EffectiveDate", "CreationDate", "CohortId")
    found = [row.document for row in endpoint_rows(project_id=project.pk, ids=ids)]
    return sorted(({k: v for k, v in one.items() if k not in own} for one in found), key=lambda one: one["Id"])


def test_a_segment_goes_to_s3_as_pinpoints_gzip_json_lines(project: Project, s3: Any) -> None:
    ours = make_endpoint(
        project=project,
        user_attributes={"MBR_FULLNM": ['김"민준\\']},
        attributes={"hobby": ["축구", "등산"]},
        metrics={"spend": 1.5},
    )
    make_endpoint(project=project)
    segment = make_import_segment(project=project, members=Audience([ours.pk]))

    job = export(
        project, segment=segment, destination="S3", s3_url_prefix="s3://sample-audience/out", connection=connect(project)
    )

    assert (job.status, job.total, job.total_processed, job.completed_parts) == (JobStatus.COMPLETED, 1, 1, 1)
    key = f"out/{job.public_id}/part-00000.jsonl.gz"
    (line,) = gzip.decompress(s3.get_object(Bucket="sample-audience", Key=key)["Body"].read()).splitlines()
    (row,) = endpoint_rows(project_id=project.pk, ids=[ours.pk])
    assert json.loads(line) == row.document | {"ApplicationId": project.public_id}


@pytest.mark.parametrize("format", ["CSV", "JSON"])
def test_what_is_exported_can_be_imported_again_as_it_was(project: Project, data: Path, format: str) -> None:
    import_file(project, (data / "broken.csv").read_bytes(), format="CSV")
    make_endpoint(
        project=project,
        address="evil@example.com",
        attributes={"x": [EVIL, "a,b", ' "q"', "두 줄 아님"]},
        user_attributes={"y": ["-1"]},
    )
    other = make_project()

    job = export(project, format=format)
    again = import_file(other, content(job), format=format)

    assert (again.status, again.total_processed, again.total_failures) == (JobStatus.COMPLETED, 7, 0)
    assert documents(other) == documents(project)


def test_in_a_workbook_every_value_is_text(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="one", attributes={"x": [EVIL], "y": ["00120"]})

    job = export(project, format="XLSX")

    header, row = load_workbook(io.BytesIO(content(job)))["endpoints"].iter_rows()
    assert [cell.value for cell in header] == [
        "Id",
        "ChannelType",
        "Address",
        "OptOut",
        "User.UserId",
        "RequestId",
        "Attributes.x",
        "Attributes.y",
    ]
    held = dict(zip((cell.value for cell in header), row, strict=True))
    assert (held["Attributes.x"].value, held["Attributes.x"].data_type) == (EVIL, "s")
    assert (held["Attributes.y"].value, held["Attributes.y"].data_type) == ("00120", "s")


def test_an_empty_export_is_a_file_with_a_header(project: Project) -> None:
    job = export(project, format="CSV")

    assert job.status == JobStatus.COMPLETED
    assert list(csv.reader(io.StringIO(content(job).decode()))) == [
        ["Id", "ChannelType", "Address", "OptOut", "User.UserId", "RequestId"]
    ]


def test_cut_off_in_the_middle_it_goes_on_and_every_endpoint_is_there_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PART_SIZE", 4)
    monkeypatch.setattr(exporting, "_BLOCK", 3)
    made = [make_endpoint(project=project, endpoint_id=f"e{n}") for n in range(10)]
    job = ask(project)
    lines, cut = exporting.endpoint_lines, iter([False, False, False, True])

    def cut_off(**given: Any) -> bytes:
        if next(cut, False):
            raise KeyboardInterrupt
        return lines(**given)

    monkeypatch.setattr(exporting, "endpoint_lines", cut_off)
    with pytest.raises(KeyboardInterrupt):
        exporting.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    assert (job.status, job.completed_parts, job.total_processed) == (JobStatus.PROCESSING, 1, 4)
    late = make_endpoint(project=project, endpoint_id="late")
    exporting.run_job(job_id=job.pk, clock=clock.now)  # the lease of the dead is still there
    job.refresh_from_db()
    assert not job.is_finished

    later = clock.now() + exporting.LEASE * 2
    assert exporting.due_jobs(now=later) == [job.pk]
    exporting.run_job(job_id=job.pk, clock=lambda: later)

    job.refresh_from_db()
    assert (job.status, job.completed_parts, job.total_processed) == (JobStatus.COMPLETED, 3, 10)
    assert [json.loads(line)["Id"] for line in content(job).splitlines()] == [one.endpoint_id for one in made]
    assert late.endpoint_id not in content(job).decode()
    assert not any(default_storage.exists(part.key) for part in ExportPart.objects.all())


def test_a_worker_that_lost_its_lease_writes_nothing_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    make_endpoint(project=project)
    job = ask(project)
    lines = exporting.endpoint_lines

    def taken_over(**given: Any) -> bytes:
        ExportJob.objects.filter(pk=job.pk).update(epoch=99)
        return lines(**given)

    monkeypatch.setattr(exporting, "endpoint_lines", taken_over)
    exporting.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert (job.status, job.completed_parts, job.total_processed) == (JobStatus.PROCESSING, 0, 0)


def test_a_cancelled_export_ends_and_leaves_no_file(project: Project) -> None:
    make_endpoint(project=project)
    job = ask(project)

    exports.cancel_export(job=job, actor=project.created_by, now=NOW)
    exporting.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert (job.status, job.failure["code"], job.file_key) == (JobStatus.FAILED, "cancelled", "")
    with pytest.raises(exports.ExportRefused, match="finished already"):
        exports.cancel_export(job=job, actor=project.created_by, now=NOW)


@pytest.mark.parametrize(
    ("prefix", "code"), [("s3://no-such-bucket/x/", "NoSuchBucket"), ("s3://sample-audience/x/", "no_connection")]
)
def test_what_s3_refuses_is_said(project: Project, s3: Any, prefix: str, code: str) -> None:
    make_endpoint(project=project)
    connection = connect(project) if code == "NoSuchBucket" else None

    job = export(project, destination="S3", s3_url_prefix=prefix, connection=connection)

    assert (job.status, job.failure["code"]) == (JobStatus.FAILED, code)
    client = Client()
    client.force_login(project.created_by)
    page = client.get(reverse("segments:show-export", args=[project.public_id, job.public_id]))
    assert "connection" in page.content.decode()


def test_a_table_does_not_go_to_s3_and_a_sheet_has_an_end(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(exports.ExportRefused):
        ask(project, destination="S3", format="CSV", s3_url_prefix="s3://b/x/")
    make_endpoint(project=project)
    make_endpoint(project=project)
    monkeypatch.setattr(exporting.workbook, "MAX_ROWS", 1)

    job = export(project, format="XLSX")

    assert (job.status, job.failure) == (JobStatus.FAILED, {"code": "too_large", "params": {"total": 2, "limit": 1}})
    assert ExportJob.objects.count() == 1


def test_the_file_is_fetched_by_a_marketer_noted_and_taken_away_after_seven_days(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="one")
    job = export(project)
    url = reverse("segments:download-export", args=[project.public_id, job.public_id])
    client = Client()

    client.force_login(make_member(project=project, role=Role.VIEWER))
    assert client.get(url).status_code == 403
    client.force_login(make_project().created_by)
    assert client.get(url).status_code == 404
    client.force_login(project.created_by)
    answer = client.get(url)

    assert json.loads(b"".join(answer.streaming_content))["Id"] == "one"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="All-endpoints.jsonl"'
    assert AuditEntry.objects.filter(verb="export.downloaded", object_id=job.public_id).count() == 1
    assert exports.remove_old_files(now=clock.now() + exports.KEEP - datetime.timedelta(minutes=1)) == 0
    assert exports.remove_old_files(now=clock.now() + exports.KEEP + datetime.timedelta(minutes=1)) == 1
    assert client.get(url).status_code == 404
    assert not default_storage.exists(job.file_key)
    page = client.get(reverse("segments:show-export", args=[project.public_id, job.public_id])).content.decode()
    assert "The file was taken away after 7 days" in page


def test_an_export_is_asked_for_in_the_browser(project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]), name="가을 회원")
    foreign = make_import_segment(project=make_project(), members=Audience([1]))
    client = Client()
    client.force_login(project.created_by)
    url = reverse("segments:create-export", args=[project.public_id])

    page = client.get(url, {"segment": segment.public_id})
    assert page.context["form"].initial["segment"] == segment.public_id
    refused = client.post(url, {"segment": foreign.public_id, "destination": "DOWNLOAD", "format": "CSV"})
    no_bucket = client.post(url, {"segment": "", "destination": "S3"})
    taken = client.post(url, {"segment": segment.public_id, "destination": "DOWNLOAD", "format": "CSV"})

    assert (refused.status_code, no_bucket.status_code, taken.status_code) == (200, 200, 302)
    assert set(no_bucket.context["form"].errors) == {"s3_url_prefix", "connection"}
    job = ExportJob.objects.get()
    assert (job.segment, job.name, job.format) == (segment, "가을 회원", "CSV")
    assert "가을 회원" in client.get(reverse("segments:list-exports", args=[project.public_id])).content.decode()


def test_the_command_writes_a_file_and_names_what_is_wrong(project: Project, tmp_path: Path) -> None:
    make_endpoint(project=project, endpoint_id="one")
    out = tmp_path / "all.csv"

    call_command("export_segment", project.public_id, str(out))

    assert out.read_text().splitlines()[1].startswith("one,EMAIL,")
    with pytest.raises(CommandError, match="no segment"):
        call_command("export_segment", project.public_id, str(out), segment="nope")
    with pytest.raises(CommandError, match="must end in"):
        call_command("export_segment", project.public_id, str(tmp_path / "all.txt"))
