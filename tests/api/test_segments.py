"""Segments and their versions, by boto3."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.audience import Audience
from projects.models import Project
from segments.models import Segment
from segments.services import segments
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
GROUPS: dict[str, Any] = {
    "Include": "ALL",
    "Groups": [
        {
            "Type": "ALL", "SourceType": "ANY", "SourceSegments": [],
            "Dimensions": [
                {"Demographic": {"Channel": {"DimensionType": "INCLUSIVE", "Values": ["EMAIL"]}}},
                {"UserAttributes": {"plan": {"AttributeType": "INCLUSIVE", "Values": ["gold", "silver"]}}},
                {"Metrics": {"visits": {"ComparisonOperator": "GREATER_THAN", "Value": 3.0}}},
                {"Location": {"Country": {"DimensionType": "EXCLUSIVE", "Values": ["US"]}}},
                {"Behavior": {"Recency": {"Duration": "DAY_7", "RecencyType": "ACTIVE"}}},
            ],
        }
    ],
}  # fmt: skip


@pytest.fixture
def project() -> Project:
    return make_project()


def create(pinpoint: Any, project: Project, **request: Any) -> dict[str, Any]:
    given = {"Name": "gold"} | request
    answer = pinpoint.create_segment(ApplicationId=project.public_id, WriteSegmentRequest=given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    found: dict[str, Any] = answer["SegmentResponse"]
    return found


def test_a_segment_comes_back_as_it_was_written_and_can_be_written_again(pinpoint: Any, project: Project) -> None:
    made = create(pinpoint, project, SegmentGroups=GROUPS, tags={"team": "crm"})

    found = pinpoint.get_segment(ApplicationId=project.public_id, SegmentId=made["Id"])["SegmentResponse"]
    again = create(pinpoint, project, SegmentGroups=found["SegmentGroups"], tags=found["tags"])

    assert found == made
    assert found["SegmentGroups"] == again["SegmentGroups"] == GROUPS
    assert (found["SegmentType"], found["Version"], found["tags"]) == ("DIMENSIONAL", 1, {"team": "crm"})
    assert found["Arn"].endswith(f":apps/{project.public_id}/segments/{made['Id']}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["CreationDate"])
    assert Segment.objects.filter(project=project).count() == 2


def test_the_old_single_form_is_taken_too(pinpoint: Any, project: Project) -> None:
    dimensions = {"Attributes": {"plan": {"AttributeType": "CONTAINS", "Values": ["go"]}}}
    assert create(pinpoint, project, Dimensions=dimensions)["Dimensions"] == dimensions


def test_each_update_is_a_version_and_the_old_ones_stay(pinpoint: Any, project: Project) -> None:
    made = create(pinpoint, project, SegmentGroups=GROUPS)
    ids = {"ApplicationId": project.public_id, "SegmentId": made["Id"]}
    dimensions = {"Attributes": {"plan": {"AttributeType": "INCLUSIVE", "Values": ["gold"]}}}

    second = pinpoint.update_segment(**ids, WriteSegmentRequest={"Name": "new", "Dimensions": dimensions})["SegmentResponse"]
    third = pinpoint.update_segment(**ids, WriteSegmentRequest={"Name": "renamed"})["SegmentResponse"]
    first = pinpoint.get_segment_version(**ids, Version="1")["SegmentResponse"]
    pages = pinpoint.get_segment_versions(**ids, PageSize="2")["SegmentsResponse"]
    last = pinpoint.get_segment_versions(**ids, PageSize="2", Token=pages["NextToken"])["SegmentsResponse"]

    assert (second["Version"], second["Dimensions"]) == (2, dimensions)
    assert (third["Version"], third["Name"], third["Dimensions"]) == (3, "renamed", dimensions)
    assert first["SegmentGroups"] == GROUPS
    assert [one["Version"] for one in pages["Item"] + last["Item"]] == [3, 2, 1]
    assert "NextToken" not in last
    for version in ("9", "x", "0"):
        with pytest.raises(pinpoint.exceptions.ClientError) as refused:
            pinpoint.get_segment_version(**ids, Version=version)
        assert refused.value.response["Error"]["Code"] == ("NotFoundException" if version == "9" else "BadRequestException")


def test_an_imported_segment_says_what_it_is_made_of_and_can_not_be_edited(pinpoint: Any, project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([1, 2, 3]), name="members")
    ids = {"ApplicationId": project.public_id, "SegmentId": segment.public_id}

    found = pinpoint.get_segment(**ids)["SegmentResponse"]
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.update_segment(**ids, WriteSegmentRequest={"Name": "x", "SegmentGroups": GROUPS})

    assert found["SegmentType"] == "IMPORT"
    assert found["ImportDefinition"]["Size"] == 3


def test_what_pinpoint_can_not_say_is_marked_and_never_overwritten(pinpoint: Any, project: Project) -> None:
    dimension = {"Attributes": {"plan": {"AttributeType": "INCLUSIVE", "Values": ["gold"]}}, "Pabal": {"Negate": True}}
    extended = {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": [dimension]}]}
    segment = segments.create_segment(
        project=project, actor=None, name="x", document={"SegmentGroups": extended}, now=project.created_at
    )
    ids = {"ApplicationId": project.public_id, "SegmentId": segment.public_id}

    assert pinpoint.get_segment(**ids)["SegmentResponse"]["tags"] == {"pabal:extended": "true"}
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.update_segment(**ids, WriteSegmentRequest={"Name": "x", "SegmentGroups": GROUPS})
    segment.refresh_from_db()
    assert segment.version == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"Name": ""},
        {"Name": "x" * 129},
        {"SegmentGroups": {"Groups": [{}] * 6, "Include": "ALL"}},
        {"SegmentGroups": {"Include": "SOME", "Groups": []}},
        {"SegmentGroups": {"Include": "ALL", "Groups": [{"SourceSegments": [{"Id": "none"}]}]}},
        {"Dimensions": {"Metrics": {"n": {"ComparisonOperator": "IS", "Value": 1}}}},
    ],
)
def test_a_definition_that_can_not_be_is_refused(request_: dict[str, Any], pinpoint: Any, project: Project) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.create_segment(ApplicationId=project.public_id, WriteSegmentRequest={"Name": "x", **request_})
    assert not Segment.objects.exists()


def test_segments_are_paged_to_the_end(pinpoint: Any, project: Project) -> None:
    made = [create(pinpoint, project, Name=f"s{n}", SegmentGroups=GROUPS)["Id"] for n in range(5)]
    create(pinpoint, make_project(), SegmentGroups=GROUPS)

    seen, given = [], {"PageSize": "2"}
    while True:
        answer = pinpoint.get_segments(ApplicationId=project.public_id, **given)["SegmentsResponse"]
        seen += [one["Id"] for one in answer["Item"]]
        if "NextToken" not in answer:
            break
        given["Token"] = answer["NextToken"]

    assert seen == made


def test_campaigns_end_with_their_segment(pinpoint: Any, project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([1]))
    campaign = make_campaign(
        project=project, document=campaign_document(segment=segment), state="SCHEDULED", launched_at=project.created_at
    )
    ids = {"ApplicationId": project.public_id, "SegmentId": segment.public_id}

    deleted = pinpoint.delete_segment(**ids)

    campaign.refresh_from_db()
    assert deleted["SegmentResponse"]["Id"] == segment.public_id
    assert campaign.state == "DELETED"
    for call in (pinpoint.get_segment, pinpoint.delete_segment):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(**ids)


def test_the_key_of_another_project_reaches_no_segment(clients: Clients, project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([1]))
    mine = make_project()
    stranger = clients.with_key(make_access_key(project=mine))

    for app, error in ((project, "ForbiddenException"), (mine, "NotFoundException")):
        ids = {"ApplicationId": app.public_id, "SegmentId": segment.public_id}
        for call, more in (
            (stranger.get_segment, {}), (stranger.delete_segment, {}), (stranger.get_segment_versions, {}),
            (stranger.update_segment, {"WriteSegmentRequest": {"Name": "x"}}), (stranger.get_segment_import_jobs, {}),
            (stranger.get_segment_export_jobs, {}), (stranger.get_segment_version, {"Version": "1"}),
        ):  # fmt: skip
            with pytest.raises(stranger.exceptions.ClientError) as refused:
                call(**ids, **more)
            assert refused.value.response["Error"]["Code"] == error
    segment.refresh_from_db()
    assert (segment.deleted_at, segment.version) == (None, 1)
