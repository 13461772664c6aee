"""Pinpoint's limits (reference, section 12), each just passed: 400 with the member's path, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Campaign
from core.audience import Audience
from endpoints.models import Endpoint
from messaging.models import MessageTemplate
from projects.models import Project
from segments.models import Segment
from tests.factories.campaigns import make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
GOLD = {"AttributeType": "INCLUSIVE", "Values": ["gold"]}
MAIL = {"ChannelType": "EMAIL", "Address": "a@example.com"}
DEPTH = 5  # segments that stand upon each other
LATER = "2099-01-01T00:00:00Z"
BODY = {"Body": "x", "Alignment": "LEFT", "TextColor": "#000000"}
CUSTOM = {"CustomDeliveryConfiguration": {"DeliveryUri": "https://x.example"}}
EVENT = {"EventType": "seen", "Timestamp": "2026-01-01T00:00:00Z"}


@pytest.fixture
def project() -> Project:
    made = make_project()
    make_sender(project=made)
    return made


def refused(pinpoint: Any, operation: str, **given: Any) -> str:
    with pytest.raises(pinpoint.exceptions.BadRequestException) as error:
        getattr(pinpoint, operation)(**given)
    message: str = error.value.response["Message"]
    return message


def group(**members: Any) -> dict[str, Any]:
    return {"SegmentGroups": {"Include": "ALL", "Groups": [members]}}


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"Dimensions": {"Attributes": {f"a{n}": GOLD for n in range(101)}}}, "100"),
        (group(Dimensions=[{"Attributes": {f"a{n}": GOLD for n in range(51)}}] * 2), "100"),
        ({"SegmentGroups": {"Include": "ALL", "Groups": [{"Dimensions": []}] * 6}}, "SegmentGroups.Groups: it has 6"),
        (group(SourceSegments=[{"Id": "x"}] * 6), "SegmentGroups.Groups[0].SourceSegments: it has 6"),
    ],
)  # fmt: skip
def test_of_segments(definition: dict[str, Any], said: str, pinpoint: Any, project: Project) -> None:
    request = {"Name": "x", **definition}
    assert said in refused(pinpoint, "create_segment", ApplicationId=project.public_id, WriteSegmentRequest=request)
    assert not Segment.objects.exists()


def test_of_segments_upon_segments(pinpoint: Any, project: Project) -> None:
    ids = {"ApplicationId": project.public_id}
    base = make_import_segment(project=project, members=Audience([1])).public_id

    def upon(segment_id: str) -> dict[str, Any]:
        return {"Name": "x", **group(SourceSegments=[{"Id": segment_id}], Dimensions=[{"Attributes": {"a": GOLD}}])}

    for _deep in range(DEPTH):
        base = pinpoint.create_segment(**ids, WriteSegmentRequest=upon(base))["SegmentResponse"]["Id"]

    refused(pinpoint, "create_segment", **ids, WriteSegmentRequest=upon(base))
    assert Segment.objects.count() == 1 + DEPTH


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"Attributes": {"a": [f"v{n}" for n in range(51)]}}, "Attributes.a: "),
        ({"User": {"UserId": "u", "UserAttributes": {"a" * 51: ["x"]}}}, "User.UserAttributes.aaa"),
        ({"Attributes": {f"k{n}": ["x" * 100] * 50 for n in range(4)}}, "15"),
    ],
)
def test_of_endpoints(document: dict[str, Any], said: str, pinpoint: Any, project: Project) -> None:
    given = {"ApplicationId": project.public_id, "EndpointId": "e", "EndpointRequest": MAIL | document}
    assert said in refused(pinpoint, "update_endpoint", **given)
    assert not Endpoint.objects.exists()


def test_of_a_users_endpoints(pinpoint: Any, project: Project) -> None:
    for number in range(15):
        make_endpoint(project=project, endpoint_id=f"e{number}", user_id="u")
    request = MAIL | {"User": {"UserId": "u"}}
    given = {"ApplicationId": project.public_id, "EndpointId": "e15", "EndpointRequest": request}
    assert refused(pinpoint, "update_endpoint", **given).startswith("User.UserId")
    assert Endpoint.objects.count() == 15


def test_of_a_projects_names_of_attributes(pinpoint: Any, project: Project, settings: Any) -> None:
    settings.ATTRIBUTE_NAMES_LIMIT = 3
    request = MAIL | {"Attributes": {"a": ["1"], "b": ["1"]}, "Metrics": {"c": 1, "d": 1}}
    refused(pinpoint, "update_endpoint", ApplicationId=project.public_id, EndpointId="e", EndpointRequest=request)
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    "event",
    [
        {"Attributes": {f"k{n}": "x" for n in range(21)}, "Metrics": {f"m{n}": 1 for n in range(20)}},
        {"Attributes": {"k" * 51: "x"}},
        {"Attributes": {"k": "x" * 201}},
        {"EventType": "x" * 51},
        {"AppTitle": "x" * 1_000_001},
    ],
)
def test_of_events(event: dict[str, Any], pinpoint: Any, project: Project) -> None:
    batch = {"BatchItem": {"e": {"Endpoint": {}, "Events": {"bad": EVENT | event, "good": EVENT}}}}
    answer = pinpoint.put_events(ApplicationId=project.public_id, EventsRequest=batch)
    found = answer["EventsResponse"]["Results"]["e"]["EventsItemResponse"]
    assert {name: one["StatusCode"] for name, one in found.items()} == {"bad": 400, "good": 202}


@pytest.mark.parametrize(
    ("kind", "member", "document"),
    [
        ("email", "EmailTemplateRequest", {"Subject": "x", "HtmlPart": "x" * 600_001}),
        ("email", "EmailTemplateRequest", {"TextPart": "x", "Headers": [{"Name": f"X-{n}", "Value": "x"} for n in range(16)]}),
        ("email", "EmailTemplateRequest", {"TextPart": "x", "Headers": [{"Name": "X-" + "a" * 125, "Value": "x"}]}),
        ("email", "EmailTemplateRequest", {"TextPart": "x", "Headers": [{"Name": "X-A", "Value": "x" * 871}]}),
        ("voice", "VoiceTemplateRequest", {"Body": "x" * 10_001}),
        ("push", "PushNotificationTemplateRequest", {"Default": {"Body": "x" * 4_001}}),
        ("push", "PushNotificationTemplateRequest", {"ADM": {"Body": "x" * 6_001}}),
        ("push", "PushNotificationTemplateRequest", {"APNS": {"Body": "x" * 4_001}}),
        ("in_app", "InAppTemplateRequest", {"Layout": "CAROUSEL", "Content": [{"BodyConfig": BODY}] * 6}),
        ("in_app", "InAppTemplateRequest", {"CustomConfig": {"x": "x" * 200_001}}),
    ],
)  # fmt: skip
def test_of_templates(kind: str, member: str, document: dict[str, Any], pinpoint: Any) -> None:
    refused(pinpoint, f"create_{kind}_template", TemplateName="x", **{member: document})
    assert not MessageTemplate.objects.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"AdditionalTreatments": [{"SizePercent": 10}] * 5}, "AdditionalTreatments: it has 5"),
        ({"AdditionalTreatments": [{"SizePercent": 101}]}, "AdditionalTreatments[0].SizePercent"),
        ({"AdditionalTreatments": [{"SizePercent": 60}, {"SizePercent": 60}]}, ""),
        ({"Limits": {"Total": 101}}, "Limits.Total"),
        ({"Limits": {"MaximumDuration": 59}}, "Limits.MaximumDuration"),
        ({"Priority": 6}, "Priority"),
        ({"Name": "x" * 129}, "Name"),
        ({"Schedule": {"StartTime": LATER, "QuietTime": {"Start": "24:00", "End": "08:00"}}}, "Schedule.QuietTime.Start"),
        (CUSTOM | {"MessageConfiguration": {"CustomMessage": {"Data": "x" * 5_001}}}, "MessageConfiguration.CustomMessage.Data"),
    ],
)  # fmt: skip
def test_of_campaigns(given: dict[str, Any], said: str, pinpoint: Any, project: Project) -> None:
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    mail = {"FromAddress": "shop@example.com", "Title": "x", "HtmlBody": "<p>x</p>"}
    request = {
        "Name": "x", "SegmentId": segment.public_id, "MessageConfiguration": {"EmailMessage": mail},
        "Schedule": {"StartTime": LATER},
    } | given  # fmt: skip
    assert said in refused(pinpoint, "create_campaign", ApplicationId=project.public_id, WriteCampaignRequest=request)
    assert not Campaign.objects.exists()
