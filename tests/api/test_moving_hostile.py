"""A folder that is broken, forged or made to do harm: each fault is said, and what is good is taken all the same."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Campaign
from core import clock
from core.audience import Audience
from endpoints.models import Endpoint
from messaging.models import MessageTemplate
from projects.models import Project, User
from projects.services import projects
from segments.models import Segment
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
APP = "5f2d7c1e9a4b4e0c8d3f6a1b2c3d4e5f"
DATES = {"CreationDate": "2024-01-01T00:00:00.000Z", "LastModifiedDate": "2024-01-01T00:00:00.000Z"}


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"


@pytest.fixture
def operator() -> User:
    return make_user(email="operator@example.com", is_superuser=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "saved"
    made.mkdir()
    put(
        made,
        "apps.json",
        {"ApplicationsResponse": {"Item": [{"Id": APP, "Name": "Walks", "Arn": f"arn:aws:mobiletargeting:r:a:apps/{APP}"}]}},
    )
    return made


def put(folder: Path, name: str, document: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))


def segment(number: str, **more: Any) -> dict[str, Any]:
    return {
        "ApplicationId": APP,
        "Id": number * 32,
        "Name": f"Segment {number}",
        "SegmentType": "DIMENSIONAL",
        "Version": 1,
        **DATES,
        **more,
    }


def campaign(number: str, **more: Any) -> dict[str, Any]:
    schedule = {"StartTime": "2026-08-03T00:00:00Z", "Timezone": "UTC"}
    return {
        "ApplicationId": APP, "Id": number * 32, "Name": f"Campaign {number}", "SegmentId": "1" * 32, "SegmentVersion": 1, "Version": 1,
        "State": {"CampaignStatus": "COMPLETED"}, "Schedule": schedule, "MessageConfiguration": {"EmailMessage": {"Title": "Hi"}},
        **DATES, **more,
    }  # fmt: skip


def endpoint(name: str, **more: Any) -> dict[str, Any]:
    return {"Id": name, "ApplicationId": APP, "ChannelType": "EMAIL", "Address": f"{name}@example.com", **more}


def move(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """The faults, and the exit code."""
    path = folder.parent / "report.json"
    code = 0
    try:
        call_command("import_from_pinpoint", str(folder), "--report", str(path))
    except CommandError as error:
        code = error.returncode
    return [one for one in json.loads(path.read_text())["entries"] if one["result"] == "not taken"], code


def reasons(faults: list[dict[str, Any]]) -> dict[str, str]:
    return {one["file"] or one["id"]: one["reason"] for one in faults}


def test_files_that_can_not_be_read_are_said_and_the_others_taken(operator: User, folder: Path) -> None:
    put(folder, "broken.json", '{"SegmentsResponse": {"Item": [')
    put(folder, "half.json", json.dumps({"SegmentResponse": segment("1")}) + "\n{ oh no")
    put(folder, "nan.json", '{"SegmentResponse": NaN}')
    put(folder, "deep.json", "[" * 200_000)
    put(folder, "digits.json", '{"Id": ' + "9" * 5_000 + "}")
    put(folder, "empty.json", "")
    (folder / "bytes.json").write_bytes(b'{"Id": "\xff\xfe\xff"}')
    (folder / "cut.gz").write_bytes(gzip.compress(json.dumps(endpoint("a")).encode() * 1_000)[:-30])
    (folder / "no.gz").write_bytes(b"\x1f\x8bthis is no gzip")
    (folder / "windows.json").write_bytes(json.dumps({"SegmentResponse": segment("2")}).encode("utf-16"))
    os.mkfifo(folder / "pipe.json")

    faults, code = move(folder)

    assert code == 3
    found = reasons(faults)
    assert set(found) == {
        "broken.json", "half.json", "nan.json", "deep.json", "digits.json", "bytes.json", "cut.gz", "no.gz", "pipe.json",
    }  # fmt: skip
    assert found["half.json"].startswith("it is no JSON from line 2 on")
    assert "no UTF-8" in found["bytes.json"]
    assert "Download it again" in found["cut.gz"]
    assert set(Segment.objects.values_list("name", flat=True)) == {"Segment 1", "Segment 2"}


def test_nothing_outside_of_the_folder_is_read(operator: User, folder: Path) -> None:
    secret = folder.parent / "secret"
    put(secret, "segment.json", {"SegmentResponse": segment("1")})
    (folder / "linked.json").symlink_to(secret / "segment.json")
    (folder / "linked").symlink_to(secret)
    (folder / "round").symlink_to(folder)

    faults, code = move(folder)

    assert code == 3
    assert set(reasons(faults)) == {"linked.json", "linked", "round"}
    assert all("symbolic link" in one["reason"] for one in faults)
    assert not Segment.objects.exists()


def test_ids_of_other_projects_change_nothing_there(operator: User, folder: Path) -> None:
    theirs = make_project(name="Theirs")
    kept = make_import_segment(project=theirs, members=Audience([make_endpoint(project=theirs, endpoint_id="them").pk]))
    gone = make_project(owner=operator, name="Gone")
    projects.delete_project(project=gone, actor=operator, name="Gone", now=clock.now())
    put(folder, "gone.json", {"ApplicationResponse": {"Id": gone.public_id, "Name": "Gone", "Arn": "x"}})
    put(folder, "segments.json", [
        segment("1") | {"Id": kept.public_id},
        segment("2", SegmentGroups={"Groups": [{"SourceSegments": [{"Id": kept.public_id}]}]}),
        segment("3") | {"ApplicationId": "e" * 32},
        segment("4") | {"ApplicationId": gone.public_id},
    ])  # fmt: skip
    lines = [endpoint("a"), endpoint("them", ApplicationId=theirs.public_id), endpoint("b")]
    (folder / "part.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))

    faults, code = move(folder)

    assert code == 3
    found = reasons(faults)
    assert found["segments.json, item 1"] == "another project has a segment with this id."
    assert kept.public_id in found["segments.json, item 2"]
    assert "neither in the folder nor here" in found["segments.json, item 3"]
    assert "was deleted here" in found["segments.json, item 4"]
    assert "belongs to another project" in found["part.gz, line 2"]
    assert list(Segment.objects.values_list("public_id", flat=True)) == [kept.public_id]
    assert set(Endpoint.objects.values_list("project__name", "endpoint_id")) == {
        ("Theirs", "them"),
        ("Walks", "a"),
        ("Walks", "b"),
    }
    assert Project.objects.get(pk=gone.pk).deleted_at is not None


def test_forged_members_are_refused_one_by_one(operator: User, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(folder, "segments.json", [
        segment("1"),
        segment("2") | {"Id": "../../../etc/passwd"},
        segment("3") | {"Id": 3},
        segment("4", Name="n" * 5_000),
        segment("5", Name="\x1b[31mred\x1b[0m", Version="many"),
        segment("6", Dimensions={"Metrics": {"m": {"ComparisonOperator": "EQUAL", "Value": 10**400}}}),
        segment("7", SegmentGroups={"Groups": [{"SourceSegments": [{"Id": "8" * 32}]}]}),
        segment("8", SegmentGroups={"Groups": [{"SourceSegments": [{"Id": "7" * 32}]}]}),
        segment("9", SegmentGroups={"Groups": [{"SourceSegments": "all"}]}),
        segment("a", SegmentType="IMPORT", ImportDefinition={"Size": 5}),
        segment("b", SegmentType="IMPORT", ImportDefinition={"Size": 0}),
        segment("c", Name="nul\x00"),
    ])  # fmt: skip
    put(folder, "campaigns.json", [
        campaign("1"),
        campaign("2", State={"CampaignStatus": "LAUNCH_NOW"}),
        campaign("3", Schedule={"StartTime": "soon"}),
        campaign("4", HoldoutPercent=10**30),
        campaign("5", AdditionalTreatments=[{"SizePercent": "half"}]),
        campaign("6", State="EXECUTING"),
    ])  # fmt: skip
    put(folder, "templates.json", [
        {"TemplateType": "EMAIL", "TemplateName": "ok", "Version": "1", "HtmlPart": "<p>Hi</p>", "Subject": "Hi"},
        {"TemplateType": "EMAIL", "TemplateName": "open", "Version": "1", "HtmlPart": "{{#if x}}", "Subject": "Hi"},
        {"TemplateType": "EMAIL", "TemplateName": "../up", "Version": "1", "HtmlPart": "<p>Hi</p>", "Subject": "Hi"},
        {"TemplateType": "FAX", "TemplateName": "fax", "Version": "1", "Body": "Hi"},
    ])  # fmt: skip
    put(folder, "what.json", {"AdminPassword": "x"})
    put(
        folder,
        "kpi.json",
        {"CampaignDateRangeKpiResponse": {"CampaignId": "1" * 32, "KpiName": "unique-deliveries", "StartTime": 1e300}},
    )

    faults, code = move(folder)

    assert code == 3
    assert set(reasons(faults)) == (
        {f"segments.json, item {n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)} | {f"campaigns.json, item {n}" for n in range(2, 7)}
        | {f"templates.json, item {n}" for n in (2, 3, 4)} | {"what.json", "kpi.json"}
    )  # fmt: skip
    assert set(Segment.objects.values_list("name", flat=True)) == {"Segment 1", "Segment b"}
    assert list(Campaign.objects.values_list("name", flat=True)) == ["Campaign 1"]
    assert list(MessageTemplate.objects.values_list("name", flat=True)) == ["ok"]
    assert "\x1b" not in capsys.readouterr().out


def test_lines_of_exports_that_are_no_endpoints_are_listed_with_their_places(operator: User, folder: Path) -> None:
    good = [json.dumps(endpoint(f"e{n}", Invented={"by": "AWS"})) for n in range(3)]
    bad = [
        "not json", json.dumps([1]), json.dumps(endpoint("", Address="x@example.com")), json.dumps(endpoint("n1", Address="nobody")),
        json.dumps(endpoint("n2", Attributes=5)), json.dumps(endpoint("n3", Metrics={"m": 10**400})),
        json.dumps(endpoint("n4", OptOut="MAYBE")), json.dumps({"Id": "n5", "ApplicationId": APP, "ChannelType": "GCM"}),
        json.dumps(endpoint("n6", Attributes={"a": ["x" * (2 << 20)]})), json.dumps(endpoint("$n7")),
        json.dumps(endpoint("n8", EndpointStatus="INACTIVE", Address="nobody")),
    ]  # fmt: skip
    put(folder, "all.json", "\n".join([*good[:2], *bad, good[2]]) + "\n")

    faults, code = move(folder)

    assert code == 3
    assert set(reasons(faults)) == {f"all.json, line {n}" for n in range(3, 14)}
    assert set(Endpoint.objects.values_list("endpoint_id", flat=True)) == {"e0", "e1", "e2"}


def test_a_segment_whose_export_is_damaged_waits_for_a_whole_one(operator: User, folder: Path) -> None:
    put(folder, "segment.json", {"SegmentResponse": segment("1", SegmentType="IMPORT", ImportDefinition={"Size": 2})})
    whole = gzip.compress((json.dumps(endpoint("a")) + "\n" + json.dumps(endpoint("b")) + "\n").encode())
    export = folder / ("1" * 32) / "part.gz"
    export.parent.mkdir()
    export.write_bytes(whole[:-12])

    faults, _code = move(folder)

    assert {one["kind"] for one in faults} == {"segment", "export"}
    assert not Segment.objects.exists()
    export.write_bytes(whole)
    assert move(folder) == ([], 0)
    (made,) = Segment.objects.all()
    members = made.versions.get().members
    assert members is not None
    assert len(members) == 2
