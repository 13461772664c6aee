"""Import and export jobs by boto3, against a real S3."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from core import clock
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import Project
from segments.models import Connection, ExportJob, ImportJob
from segments.services import connections, exporting, running
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
ROLE = "arn:aws:iam::123456789012:role/import"


@pytest.fixture
def project() -> Project:
    made = make_project()
    connections.create_connection(
        project=made, actor=made.created_by, name="bucket", access_key_id="test", secret_access_key="test", now=clock.now()
    )
    return made


def ask(pinpoint: Any, project: Project, **request: Any) -> dict[str, Any]:
    given = {"Format": "CSV", "RoleArn": ROLE, "S3Url": "s3://sample-audience/members.csv"} | request
    answer = pinpoint.create_import_job(ApplicationId=project.public_id, ImportJobRequest=given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    found: dict[str, Any] = answer["ImportJobResponse"]
    return found


def run(job: dict[str, Any]) -> None:
    running.run_job(job_id=ImportJob.objects.get(public_id=job["Id"]).pk, clock=clock.now)


def test_files_become_endpoints_and_a_segment(pinpoint: Any, project: Project, s3: Any) -> None:
    made = ask(pinpoint, project, DefineSegment=True, RegisterEndpoints=True, SegmentName="회원")
    run(made)

    found = pinpoint.get_import_job(ApplicationId=project.public_id, JobId=made["Id"])["ImportJobResponse"]
    segment = pinpoint.get_segment(ApplicationId=project.public_id, SegmentId=found["Definition"]["SegmentId"])["SegmentResponse"]
    of_segment = pinpoint.get_segment_import_jobs(ApplicationId=project.public_id, SegmentId=segment["Id"])["ImportJobsResponse"]

    assert made["JobStatus"] == "CREATED"
    assert (found["JobStatus"], found["Type"], found["FailedPieces"]) == ("COMPLETED", "IMPORT", 0)
    assert found["TotalProcessed"] > 0
    assert found["Definition"] == {
        "Format": "CSV", "S3Url": "s3://sample-audience/members.csv", "RoleArn": ROLE, "RegisterEndpoints": True,
        "DefineSegment": True, "SegmentName": "회원", "SegmentId": segment["Id"], "ExternalId": "",
    }  # fmt: skip
    assert segment["Name"] == "회원"
    assert segment["ImportDefinition"]["RoleArn"] == ROLE
    assert segment["ImportDefinition"]["Size"] == Endpoint.objects.filter(project=project).count()
    assert of_segment["Item"] == [found]


def test_refused_lines_are_told(pinpoint: Any, project: Project, s3: Any) -> None:
    made = ask(pinpoint, project, S3Url="s3://sample-audience/broken.csv", DefineSegment=False, RegisterEndpoints=True)
    run(made)

    found = pinpoint.get_import_job(ApplicationId=project.public_id, JobId=made["Id"])["ImportJobResponse"]

    assert found["TotalFailures"] == len(found["Failures"]) > 0
    assert found["Failures"][0].startswith("broken.csv, line ")
    assert "SegmentId" not in found["Definition"]


def test_a_job_that_fails_says_why(pinpoint: Any, project: Project, s3: Any) -> None:
    made = ask(pinpoint, project, S3Url="s3://sample-audience/none.csv", DefineSegment=True)
    run(made)

    found = pinpoint.get_import_job(ApplicationId=project.public_id, JobId=made["Id"])["ImportJobResponse"]

    assert found["JobStatus"] == "FAILED"
    assert "none.csv" in found["Failures"][0]


def test_an_import_into_a_segment_replaces_its_members(pinpoint: Any, project: Project, s3: Any) -> None:
    segment = make_import_segment(project=project, members=Audience([1]))
    made = ask(pinpoint, project, SegmentId=segment.public_id, DefineSegment=True)
    run(made)

    segment.refresh_from_db()
    assert made["Definition"]["SegmentId"] == segment.public_id
    assert segment.version == 2


@pytest.mark.parametrize(
    "given",
    [
        {"Format": "XLSX"},
        {"S3Url": "https://example.com/x"},
        {"RegisterEndpoints": False, "DefineSegment": False},
        {"SegmentName": "x" * 129},
    ],
)
def test_an_import_that_can_not_be_is_refused(given: dict[str, Any], pinpoint: Any, project: Project) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        ask(pinpoint, project, **given)
    assert not ImportJob.objects.exists()


def test_a_project_without_a_connection_gets_one_that_assumes_the_role(pinpoint: Any, s3: Any) -> None:
    project = make_project()
    first, second = (ask(pinpoint, project, DefineSegment=True) for _turn in range(2))
    run(first)

    made = Connection.objects.get(project=project)
    assert (made.name, made.role_arn, made.access_key_id, made.region) == ("import", ROLE, "", "ap-northeast-2")
    assert {job.connection for job in ImportJob.objects.all()} == {made}
    assert ImportJob.objects.get(public_id=first["Id"]).status == "COMPLETED"
    assert second["Definition"]["RoleArn"] == ROLE


@pytest.mark.parametrize("role", ["", "x", "arn:aws:iam::1:role/x", ROLE.replace(":role/", ":user/")])
def test_without_a_connection_and_a_role_nothing_is_read(role: str, pinpoint: Any) -> None:
    """Otherwise boto3 would take the keys of the machine, which may open any bucket."""
    project = make_project()
    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        ask(pinpoint, project, RoleArn=role)
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.create_export_job(
            ApplicationId=project.public_id, ExportJobRequest={"RoleArn": role, "S3UrlPrefix": "s3://sample-audience/out/"}
        )
    assert refused.value.response["Message"].startswith("RoleArn: the project has no S3 connection.")
    assert not ImportJob.objects.exists()


def test_a_refused_job_makes_no_connection(pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        ask(pinpoint, make_project(), S3Url="https://example.com/x")
    assert not Connection.objects.exists()


def test_an_export_is_written_as_pinpoint_wrote_it(pinpoint: Any, project: Project, s3: Any) -> None:
    members = [make_endpoint(project=project, endpoint_id=f"e{n}").pk for n in range(3)]
    segment = make_import_segment(project=project, members=Audience(members[:2]))
    ids = {"ApplicationId": project.public_id}

    answer = pinpoint.create_export_job(
        **ids, ExportJobRequest={"RoleArn": ROLE, "S3UrlPrefix": "s3://sample-audience/out/", "SegmentId": segment.public_id}
    )
    made = answer["ExportJobResponse"]
    exporting.run_job(job_id=ExportJob.objects.get(public_id=made["Id"]).pk, clock=clock.now)
    found = pinpoint.get_export_job(**ids, JobId=made["Id"])["ExportJobResponse"]
    (key,) = [one["Key"] for one in s3.list_objects_v2(Bucket="sample-audience", Prefix="out/")["Contents"]]
    lines = gzip.decompress(s3.get_object(Bucket="sample-audience", Key=key)["Body"].read()).splitlines()

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (found["JobStatus"], found["Type"], found["TotalProcessed"]) == ("COMPLETED", "EXPORT", 2)
    assert found["Definition"] == {
        "RoleArn": ROLE, "S3UrlPrefix": "s3://sample-audience/out/", "SegmentId": segment.public_id
    }  # fmt: skip
    assert [json.loads(line)["Id"] for line in lines] == ["e0", "e1"]
    assert pinpoint.get_export_jobs(**ids)["ExportJobsResponse"]["Item"] == [found]
    assert pinpoint.get_segment_export_jobs(**ids, SegmentId=segment.public_id)["ExportJobsResponse"]["Item"] == [found]


def test_jobs_are_paged_to_the_end(pinpoint: Any, project: Project) -> None:
    made = [ask(pinpoint, project, DefineSegment=True)["Id"] for _turn in range(3)]
    first = pinpoint.get_import_jobs(ApplicationId=project.public_id, PageSize="2")["ImportJobsResponse"]
    last = pinpoint.get_import_jobs(ApplicationId=project.public_id, Token=first["NextToken"])["ImportJobsResponse"]
    assert [one["Id"] for one in first["Item"] + last["Item"]] == made[::-1]


def test_the_key_of_another_project_reaches_no_job(clients: Clients, pinpoint: Any, project: Project) -> None:
    job = ask(pinpoint, project, DefineSegment=True)
    mine = make_project()
    stranger = clients.with_key(make_access_key(project=mine))
    segment = make_import_segment(project=project, members=Audience([1]))
    connections.create_connection(project=mine, actor=mine.created_by, name="x", role_arn=ROLE, now=clock.now())

    with pytest.raises(stranger.exceptions.ForbiddenException):
        stranger.get_import_job(ApplicationId=project.public_id, JobId=job["Id"])
    for call, given in (
        (stranger.get_import_job, {"JobId": job["Id"]}),
        (stranger.get_export_job, {"JobId": job["Id"]}),
        (stranger.create_export_job, {"ExportJobRequest": {"RoleArn": ROLE, "S3UrlPrefix": "s3://b/x/", "SegmentId": segment.public_id}}),
    ):  # fmt: skip
        with pytest.raises(stranger.exceptions.NotFoundException):
            call(ApplicationId=mine.public_id, **given)
    assert stranger.get_import_jobs(ApplicationId=mine.public_id)["ImportJobsResponse"]["Item"] == []
    assert not ExportJob.objects.exists()
