"""PutEvents, by boto3 and as Amplify sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.services.access_keys import NewKey
from endpoints.models import Endpoint
from projects.models import Project
from tests.api.server import Clients, Server, call
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def project() -> Project:
    return make_project()


def test_each_event_is_answered_and_the_endpoint_registered(pinpoint: Any, project: Project) -> None:
    events = {
        "good": {"EventType": "bought", "Timestamp": AT, "Attributes": {"k": "v"}, "Metrics": {"n": 1.5}},
        "bad": {"EventType": "bought", "Timestamp": "yesterday"},
    }
    endpoint = {"Address": "a@example.com", "ChannelType": "EMAIL", "Attributes": {"plan": ["gold"]}}

    answer = pinpoint.put_events(
        ApplicationId=project.public_id, EventsRequest={"BatchItem": {"e1": {"Endpoint": endpoint, "Events": events}}}
    )

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    found = answer["EventsResponse"]["Results"]["e1"]
    accepted = {"StatusCode": 202, "Message": "Accepted"}
    assert found["EndpointItemResponse"] == accepted
    assert found["EventsItemResponse"]["good"] == accepted
    assert found["EventsItemResponse"]["bad"]["StatusCode"] == 400
    assert Endpoint.objects.get(project=project).attributes == {"plan": ["gold"]}


def test_more_than_a_hundred_events_are_refused_whole(pinpoint: Any, project: Project) -> None:
    events = {f"v{n}": {"EventType": "seen", "Timestamp": AT} for n in range(101)}

    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        pinpoint.put_events(
            ApplicationId=project.public_id, EventsRequest={"BatchItem": {"e1": {"Endpoint": {}, "Events": events}}}
        )

    assert refused.value.response["Message"] == "A request has 100 events at most; this one has 101."
    assert not Endpoint.objects.exists()


def test_a_body_beyond_four_megabytes_is_413(pinpoint: Any, project: Project) -> None:
    event = {"EventType": "seen", "Timestamp": AT, "AppTitle": "x" * 4_000_000}

    with pytest.raises(pinpoint.exceptions.PayloadTooLargeException):
        pinpoint.put_events(
            ApplicationId=project.public_id, EventsRequest={"BatchItem": {"e1": {"Endpoint": {}, "Events": {"v": event}}}}
        )


def test_a_key_of_apps_puts_events_and_updates_endpoints_of_its_project_and_does_nothing_else(
    clients: Clients, project: Project
) -> None:
    client = clients.with_key(make_access_key(project=project, rights=["APP"]))
    other = make_project()
    batch = {"BatchItem": {"e1": {"Endpoint": {}, "Events": {"v": {"EventType": "seen", "Timestamp": AT}}}}}

    client.put_events(ApplicationId=project.public_id, EventsRequest=batch)
    client.update_endpoint(ApplicationId=project.public_id, EndpointId="e1", EndpointRequest={"OptOut": "NONE"})

    for call_, given in (
        (client.get_endpoint, {"ApplicationId": project.public_id, "EndpointId": "e1"}),
        (client.delete_endpoint, {"ApplicationId": project.public_id, "EndpointId": "e1"}),
        (client.get_app, {"ApplicationId": project.public_id}),
        (client.put_events, {"ApplicationId": other.public_id, "EventsRequest": batch}),
        (client.get_apps, {}),
    ):
        with pytest.raises(client.exceptions.ForbiddenException):
            call_(**given)
    assert Endpoint.objects.get().project == project


def test_a_browser_may_call_from_any_origin(server: Server, project: Project) -> None:
    key: NewKey = make_access_key(project=project, rights=["APP"])
    path = f"/v1/apps/{project.public_id}/events"
    body = json.dumps({"BatchItem": {"e1": {"Endpoint": {}, "Events": {"v": {"EventType": "seen", "Timestamp": AT}}}}}).encode()

    asked = call(server.url, key, "OPTIONS", path, headers={"Origin": "https://shop.example.com"})
    answer = call(server.url, key, "POST", path, body, {"Origin": "https://shop.example.com", "Content-Type": "application/json"})

    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Origin"] == answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert answer.status == 202
