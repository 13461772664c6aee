"""Endpoints, users, attributes, by boto3."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core import clock
from endpoints.models import Endpoint, EndpointUser, OptOutEntry
from endpoints.services import removing_attributes
from projects.models import Project
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def got(pinpoint: Any, project: Project, endpoint_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = pinpoint.get_endpoint(ApplicationId=project.public_id, EndpointId=endpoint_id)["EndpointResponse"]
    return answer


def put(pinpoint: Any, project: Project, endpoint_id: str, **document: Any) -> dict[str, Any]:
    answer: dict[str, Any] = pinpoint.update_endpoint(
        ApplicationId=project.public_id, EndpointId=endpoint_id, EndpointRequest=document
    )
    return answer


def test_what_was_written_is_read_at_once(pinpoint: Any, project: Project) -> None:
    answer = put(
        pinpoint, project, "us-east-1:abc/def +ü", Address="Kim@example.com", ChannelType="EMAIL", Attributes={"plan": ["gold", "a"]},
        Metrics={"visits": 3, "spent": 2.5}, Demographic={"Timezone": "Asia/Seoul"}, Location={"Country": "KR", "Latitude": 37.5665},
        User={"UserId": "u1", "UserAttributes": {"name": ["김"]}}, OptOut="NONE", RequestId="mine",
    )  # fmt: skip

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["MessageBody"] == {"Message": "Accepted", "RequestID": answer["ResponseMetadata"]["RequestId"]}
    found = got(pinpoint, project, "US-EAST-1:ABC/DEF +ü")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("EffectiveDate"))
    assert found.pop("CreationDate") < clock.now().isoformat()
    assert 0 <= int(found.pop("CohortId")) < 100
    assert found == {
        "ApplicationId": project.public_id, "Id": "us-east-1:abc/def +ü", "Address": "Kim@example.com", "ChannelType": "EMAIL",
        "Attributes": {"plan": ["gold", "a"]}, "Metrics": {"visits": 3.0, "spent": 2.5}, "Demographic": {"Timezone": "Asia/Seoul"},
        "Location": {"Country": "KR", "Latitude": 37.6}, "User": {"UserId": "u1", "UserAttributes": {"name": ["김"]}},
        "OptOut": "NONE", "EndpointStatus": "ACTIVE", "RequestId": "mine",
    }  # fmt: skip


def test_an_update_keeps_what_it_does_not_name_and_an_empty_list_takes_an_attribute_away(pinpoint: Any, project: Project) -> None:
    put(pinpoint, project, "e", Address="a@example.com", ChannelType="EMAIL", Attributes={"a": ["1"], "b": ["2"]}, OptOut="ALL")

    put(pinpoint, project, "e", Attributes={"a": ["3", "4"], "b": []}, Metrics={"n": 1})

    found = got(pinpoint, project, "e")
    assert found["Attributes"] == {"a": ["3", "4"]}
    assert (found["Address"], found["OptOut"], found["Metrics"]) == ("a@example.com", "ALL", {"n": 1.0})
    assert OptOutEntry.objects.get().source == OptOutEntry.Source.API


def test_a_new_endpoint_without_a_channel_is_an_apps_own_until_it_gets_one(pinpoint: Any, project: Project) -> None:
    """As apps begin: who uses it, and no address yet."""
    put(pinpoint, project, "Device/1", User={"UserId": "u1"}, Demographic={"Platform": "iOS"})
    batch = {"Item": [{"Id": "device/2", "Attributes": {"a": ["1"]}}, {"Id": "device/1", "Metrics": {"n": 1}}]}
    pinpoint.update_endpoints_batch(ApplicationId=project.public_id, EndpointBatchRequest=batch)
    first, second = (got(pinpoint, project, f"device/{n}") for n in (1, 2))
    put(pinpoint, project, "device/1", ChannelType="EMAIL", Address="a@example.com")
    put(pinpoint, project, "device/1", Metrics={"n": 2})

    assert (first["ChannelType"], first["Address"], first["Metrics"]) == ("IN_APP", "Device/1", {"n": 1.0})
    assert (second["ChannelType"], second["Attributes"]) == ("IN_APP", {"a": ["1"]})
    found = got(pinpoint, project, "device/1")
    assert (found["ChannelType"], found["Address"], found["User"]["UserId"]) == ("EMAIL", "a@example.com", "u1")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"ChannelType": "EMAIL"}, "Address"),
        ({"Address": "a@example.com"}, "ChannelType"),
        ({"ChannelType": "EMAIL", "Address": "no address"}, "Address"),
        ({"ChannelType": "FAX", "Address": "1"}, "ChannelType"),
        ({"ChannelType": "EMAIL", "Address": "a@example.com", "OptOut": "SOME"}, "OptOut"),
        ({"ChannelType": "EMAIL", "Address": "a@example.com", "Attributes": {"a": ["x" * 101]}}, "Attributes.a"),
        ({"ChannelType": "EMAIL", "Address": "a@example.com", "Attributes": {"x" * 51: ["x"]}}, "Attributes.xxx"),
        ({"ChannelType": "EMAIL", "Address": "a@example.com", "Location": {"Country": "XX"}}, "Location.Country"),
    ],
)
def test_a_refused_endpoint_is_named_and_not_written(
    pinpoint: Any, project: Project, document: dict[str, Any], path: str
) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        put(pinpoint, project, "e", **document)
    assert refused.value.response["Message"].startswith(path)
    assert not Endpoint.objects.exists()


def test_a_batch_is_written_whole_or_not_at_all(pinpoint: Any, project: Project) -> None:
    items = [{"Id": f"e{n}", "Address": f"a{n}@example.com", "ChannelType": "EMAIL"} for n in range(100)]

    answer = pinpoint.update_endpoints_batch(ApplicationId=project.public_id, EndpointBatchRequest={"Item": items})
    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        pinpoint.update_endpoints_batch(
            ApplicationId=project.public_id,
            EndpointBatchRequest={"Item": [{"Id": "e0", "OptOut": "ALL"}, {"Id": "e1", "Address": "none"}, {"OptOut": "ALL"}]},
        )
    with pytest.raises(pinpoint.exceptions.BadRequestException) as many:
        pinpoint.update_endpoints_batch(ApplicationId=project.public_id, EndpointBatchRequest={"Item": [*items, {"Id": "e100"}]})

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert Endpoint.objects.filter(project=project, opt_out="NONE").count() == 100
    assert "Item[1].Address: " in refused.value.response["Message"]
    assert "Item[2].Id: " in refused.value.response["Message"]
    assert many.value.response["Message"] == "Item: it has 101 endpoints; 100 are possible"


def test_an_endpoint_is_deleted_and_its_last_state_told(pinpoint: Any, project: Project) -> None:
    make_endpoint(project=project, endpoint_id="Gone", user_id="u1")

    answer = pinpoint.delete_endpoint(ApplicationId=project.public_id, EndpointId="gone")

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["EndpointResponse"]["Id"] == "Gone"
    assert (Endpoint.objects.count(), EndpointUser.objects.count()) == (0, 0)
    for call in (pinpoint.delete_endpoint, pinpoint.get_endpoint):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(ApplicationId=project.public_id, EndpointId="gone")


def test_the_endpoints_of_a_user_are_listed_and_deleted_together(pinpoint: Any, project: Project) -> None:
    for name in ("a", "b"):
        make_endpoint(project=project, endpoint_id=name, user_id="u/1")
    make_endpoint(project=project, endpoint_id="c", user_id="u2")

    listed = pinpoint.get_user_endpoints(ApplicationId=project.public_id, UserId="u/1")["EndpointsResponse"]
    deleted = pinpoint.delete_user_endpoints(ApplicationId=project.public_id, UserId="u/1")

    assert [one["Id"] for one in listed["Item"]] == ["a", "b"]
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["EndpointsResponse"] == listed
    assert Endpoint.objects.get().endpoint_id == "c"
    for call in (pinpoint.get_user_endpoints, pinpoint.delete_user_endpoints):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(ApplicationId=project.public_id, UserId="u/1")


def test_attributes_are_removed_from_everybody(pinpoint: Any, project: Project) -> None:
    put(
        pinpoint,
        project,
        "e",
        Address="a@example.com",
        ChannelType="EMAIL",
        Attributes={"old_a": ["1"], "old_b": ["1"], "new": ["1"]},
    )

    answer = pinpoint.remove_attributes(
        ApplicationId=project.public_id,
        AttributeType="endpoint-custom-attributes",
        UpdateAttributesRequest={"Blacklist": ["old_*", "no"]},
    )
    again = pinpoint.remove_attributes(
        ApplicationId=project.public_id,
        AttributeType="endpoint-custom-attributes",
        UpdateAttributesRequest={"Blacklist": ["old_*"]},
    )
    for removal in removing_attributes.due_removals(now=clock.now()):
        removing_attributes.run_removal(removal_id=removal, clock=clock.now)

    assert answer["AttributesResource"] == {
        "ApplicationId": project.public_id, "AttributeType": "endpoint-custom-attributes", "Attributes": ["old_a", "old_b"],
    }  # fmt: skip
    assert again["AttributesResource"]["Attributes"] == []
    assert got(pinpoint, project, "e")["Attributes"] == {"new": ["1"]}
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.remove_attributes(
            ApplicationId=project.public_id, AttributeType="attributes", UpdateAttributesRequest={"Blacklist": ["a"]}
        )


def test_the_key_of_another_project_reaches_no_endpoint(clients: Clients, project: Project) -> None:
    make_endpoint(project=project, endpoint_id="e", user_id="u")
    stranger = clients.with_key(make_access_key(project=make_project()))
    before = list(Endpoint.objects.values())

    for call, given in (
        (stranger.get_endpoint, {"EndpointId": "e"}),
        (stranger.delete_endpoint, {"EndpointId": "e"}),
        (stranger.update_endpoint, {"EndpointId": "e", "EndpointRequest": {"OptOut": "ALL"}}),
        (stranger.update_endpoints_batch, {"EndpointBatchRequest": {"Item": [{"Id": "e", "OptOut": "ALL"}]}}),
        (stranger.get_user_endpoints, {"UserId": "u"}),
        (stranger.delete_user_endpoints, {"UserId": "u"}),
    ):
        with pytest.raises(stranger.exceptions.ForbiddenException):
            call(ApplicationId=project.public_id, **given)
    assert list(Endpoint.objects.values()) == before
