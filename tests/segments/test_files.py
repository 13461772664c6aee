"""Files that are not in Pinpoint's format: CP949, workbooks, other columns."""

from __future__ import annotations

import datetime
import io
import zipfile
from typing import Any

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from core import clock
from endpoints.models import Endpoint
from projects.models import Project
from segments.files.mapping import Mapping, guess
from segments.models import ColumnMapping, ImportJob, JobStatus
from segments.services import connections, imports, running
from segments.services.imports import Order
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
PLAIN = "Id,ChannelType,Address,Attributes.도시\nk1,EMAIL,kim@example.com,서울\nk2,EMAIL,lee@example.com,부산\n"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"


def upload(project: Project, content: bytes, name: str = "members.csv", **order: Any) -> ImportJob:
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(content, name=name), order=Order(**order), now=NOW
    )
    return run(job)


def run(job: ImportJob) -> ImportJob:
    running.run_job(job_id=job.pk, clock=clock.now)
    job.refresh_from_db()
    return job


def workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def stored() -> dict[str, tuple[str, dict[str, Any]]]:
    return {one.endpoint_id: (one.address, one.attributes) for one in Endpoint.objects.all()}


BOTH = {"k1": ("kim@example.com", {"도시": ["서울"]}), "k2": ("lee@example.com", {"도시": ["부산"]})}


def logged_in(project: Project) -> Client:
    client = Client()
    client.force_login(project.created_by)
    return client


def test_cp949_is_recognised_and_converted_when_the_marketer_says_so(project: Project) -> None:
    job = upload(project, PLAIN.encode("cp949"))
    page = logged_in(project).get(reverse("segments:show-import", args=[project.public_id, job.public_id])).content.decode()
    assert (job.status, job.failure["code"]) == (JobStatus.FAILED, "cp949")
    assert 'value="CP949"' in page
    assert not Endpoint.objects.exists()

    logged_in(project).post(reverse("segments:retry-import", args=[project.public_id, job.public_id]), {"way": "CP949"})
    again = run(ImportJob.objects.latest("pk"))

    assert (again.status, again.encoding) == (JobStatus.COMPLETED, "CP949")
    assert stored() == BOTH


def test_a_utf8_file_in_a_folder_of_cp949_files_stays_what_it_is(project: Project) -> None:
    assert upload(project, PLAIN.encode(), encoding="CP949").status == JobStatus.COMPLETED
    assert stored() == BOTH


def test_a_file_that_is_neither_is_refused_with_its_place(project: Project) -> None:
    job = upload(project, PLAIN.encode("cp949") + b"x,EMAIL,\xff\xff\n", encoding="CP949")

    assert job.failure == {"code": "not_encoding", "params": {"encoding": "CP949", "byte": 9, "line": 4}}
    assert not Endpoint.objects.exists()


def test_a_workbook_in_pinpoints_columns_is_read_whatever_its_name(project: Project) -> None:
    rows = [["Id", "ChannelType", "Address", "Attributes.n", "Attributes.on", "Metrics.m", "Attributes.b"]]
    rows.append(["k1", "EMAIL", "kim@example.com", 20260101, datetime.datetime(2026, 3, 1), 1.5, True])
    rows.append(["k2", "EMAIL", "not an address", 1, datetime.datetime(2026, 3, 1, 9, 30), 2, False])

    job = upload(project, workbook({"회원": rows}), name="members.csv")

    assert (job.status, job.total_processed, job.total_failures) == (JobStatus.COMPLETED, 2, 1)
    assert job.refused_lines.get().line_number == 3
    endpoint = Endpoint.objects.get()
    assert endpoint.attributes == {"n": ["20260101"], "on": ["2026-03-01"], "b": ["true"]}
    assert endpoint.metrics == {"m": 1.5}


def test_a_zip_that_is_no_workbook_and_a_broken_one_are_refused(project: Project) -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("members.csv", PLAIN)
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x")
        archive.writestr("xl/workbook.xml", "<x")

    assert upload(project, plain.getvalue()).failure == {"code": "compressed", "params": {"kind": "zip"}}
    assert upload(project, plain.getvalue()[:60]).failure["code"] == "compressed"
    assert upload(project, broken.getvalue()).failure["code"] in ("broken_workbook", "empty")
    assert not Endpoint.objects.exists()


def test_a_workbook_that_unpacks_to_too_much_is_refused(project: Project, settings: Any) -> None:
    content = workbook({"a": [["Id", "ChannelType", "Address"], *([["x" * 500, "EMAIL", "a@example.com"]] * 400)]})
    settings.IMPORT_MAX_BYTES = len(content) + 1000

    assert upload(project, content).failure["code"] == "too_large"


FOREIGN = "회원번호;이메일;이름;구매액;메모\n1001;kim@example.com;김철수;1200;x\n1002;lee@example.com;이영희;300;y\n"


def test_columns_are_chosen_on_a_page_and_remembered_for_the_next_file(project: Project) -> None:
    client = logged_in(project)
    answer = client.post(
        reverse("segments:create-import", args=[project.public_id]),
        {
            "source": "UPLOAD", "uploads": [ContentFile(FOREIGN.encode("cp949"), name="a.csv")], "format": "COLUMNS",
            "encoding": "UTF-8", "result": "BOTH", "into": "NEW",
        },
    )  # fmt: skip
    job = ImportJob.objects.get()
    url = reverse("segments:choose-columns", args=[project.public_id, job.public_id])
    assert answer.headers["Location"] == url
    assert running.due_jobs(now=clock.now()) == []
    form = client.get(url).context["form"]
    assert [row.name for row in form.rows()] == ["회원번호", "이메일", "이름", "구매액", "메모"]
    assert form.rows()[2].samples == ["김철수", "이영희"]
    assert [form[f"target-{n}"].value() for n in range(3)] == ["User.UserId", "Address", "Attributes."]
    chosen = {
        "target-0": "Id", "target-1": "Address", "target-2": "Attributes.", "attribute-2": "name", "target-3": "Metrics.",
        "attribute-3": "spend", "target-4": "", "channel_type": "EMAIL", "encoding": "CP949",
    }  # fmt: skip

    refused = client.post(url, chosen | {"target-0": "Address"})
    taken = client.post(url, chosen)
    job = run(job)

    assert "“Address”" in refused.content.decode()
    assert taken.status_code == 302
    assert job.status == JobStatus.COMPLETED
    assert stored() == {"1001": ("kim@example.com", {"name": ["김철수"]}), "1002": ("lee@example.com", {"name": ["이영희"]})}
    assert Endpoint.objects.get(endpoint_id="1001").metrics == {"spend": 1200.0}

    later = upload(project, FOREIGN.replace("김철수", "김철호").encode())
    assert later.status == JobStatus.COMPLETED
    assert stored()["1001"][1] == {"name": ["김철호"]}


def test_a_strange_line_of_a_mapped_file_is_refused_alone_under_its_own_number(project: Project) -> None:
    text = 'no,mail,name\n1,a@example.com,x\n\n2,b@example.com\n3,"c@example.com,x\n4,d@example.com,"y, z"\n'
    mapping = Mapping(columns={"no": "Id", "mail": "Address", "name": "Attributes.name"}, channel_type="EMAIL")
    quoted = upload(project, text.encode(), mapping=mapping)
    job = upload(project, text.replace('3,"', "3,").encode(), mapping=mapping)

    assert quoted.failure == {"code": "open_quote", "params": {"line": 5}}
    assert (job.status, job.total_processed, job.total_failures) == (JobStatus.COMPLETED, 4, 1)
    assert [(line.line_number, line.code) for line in job.refused_lines.all()] == [(4, "columns")]
    assert stored()["4"] == ("d@example.com", {"name": ["y, z"]})


def test_a_sheet_can_be_chosen_and_a_missing_one_is_named(project: Project) -> None:
    content = workbook({"첫째": [["x"]], "둘째": [["번호", "메일"], ["k1", "kim@example.com"]]})
    mapping = Mapping(columns={"번호": "Id", "메일": "Address"}, channel_type="EMAIL")

    assert upload(project, content, mapping=mapping, sheet="둘째").status == JobStatus.COMPLETED
    assert list(stored()) == ["k1"]
    missing = upload(project, content, mapping=mapping, sheet="셋째")
    assert missing.failure == {"code": "no_sheet", "params": {"sheet": "셋째", "sheets": "첫째, 둘째"}}


def test_guesses_know_korean_and_english_names() -> None:
    assert guess(["회원번호", "E-mail", "휴대폰 번호", "City", "가입일"]) == Mapping(
        columns={
            "회원번호": "User.UserId", "E-mail": "Address", "휴대폰 번호": "Attributes.휴대폰 번호", "City": "Location.City",
            "가입일": "Attributes.가입일",
        },
        channel_type="EMAIL",
    )  # fmt: skip
    assert guess(["휴대폰번호"]) == Mapping(columns={"휴대폰번호": "Address"}, channel_type="SMS")


def test_a_stranger_chooses_no_columns(project: Project) -> None:
    job = imports.create_upload_import(
        project=project, actor=project.created_by, upload=ContentFile(FOREIGN.encode(), name="a.csv"), order=Order(is_held=True),
        now=NOW,
    )  # fmt: skip
    stranger = Client()
    stranger.force_login(make_user())
    url = reverse("segments:choose-columns", args=[project.public_id, job.public_id])

    assert stranger.get(url).status_code == 404
    assert stranger.post(url, {"target-0": "Id"}).status_code == 404
    assert not ColumnMapping.objects.exists()


# -- connections -----------------------------------------------------------------------------------------------------------

ROLE = "arn:aws:iam::123456789012:role/pabal"


def test_a_role_is_assumed_with_the_projects_own_external_id(project: Project, s3: Any) -> None:
    connection = connections.create_connection(
        project=project, actor=None, name="role", access_key_id="test", secret_access_key="test", role_arn=ROLE, now=NOW
    )

    found = connections.check_connection(connection=connection, s3_url="s3://sample-audience/members.csv")
    job = run(imports.create_s3_import(
        project=project, actor=project.created_by, s3_url="s3://sample-audience/members.csv", connection=connection, now=NOW
    ))  # fmt: skip

    assert found.files == 1
    assert job.status == JobStatus.COMPLETED
    assert job.segment is not None
    definition = job.segment.versions.get().import_definition
    assert (definition["RoleArn"], definition["ExternalId"]) == (ROLE, project.public_id)
    assert definition["ChannelCounts"] == {"EMAIL": 2000}


def test_the_connections_page_checks_a_connection_and_says_what_to_do(project: Project, s3: Any) -> None:
    client = logged_in(project)
    page = reverse("segments:list-connections", args=[project.public_id])
    check = reverse("segments:check-connection", args=[project.public_id])
    nothing = client.post(page, {"name": "x", "region": "ap-northeast-2"})
    wrong = client.post(page, {"name": "x", "region": "ap-northeast-2", "role_arn": "arn:aws:s3:::bucket"})
    client.post(page, {"name": "role", "region": "ap-northeast-2", "role_arn": ROLE})
    connection = project and connections.Connection.objects.get()

    good = client.post(check, {"check-connection": connection.pk, "check-s3_url": "s3://sample-audience/"}, follow=True)
    bad = client.post(check, {"check-connection": connection.pk, "check-s3_url": "s3://no-such/"}, follow=True)

    assert "Enter an access key, or a role." in nothing.content.decode()
    assert "A role ARN looks like" in wrong.content.decode()
    assert "3 files" in good.content.decode()
    assert "does not exist" in bad.content.decode()
    assert project.public_id in good.content.decode()
    assert "---------" not in good.content.decode()  # the first connection is chosen
