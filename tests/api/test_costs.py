"""What a call costs the database and Redis: a pinned number of statements, whatever the key and however long the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.identity import rates
from api.services import access_keys
from api.services.access_keys import NewKey
from core import clock, remembering
from core.redis import client as redis
from projects.models import Project
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
KNOWN = 1  # statement: is the key as it was?


@pytest.fixture
def project() -> Project:
    return make_project()


def statements(call: Callable[[], object]) -> int:
    """Of a call that was made before: what is prepared, or noted once a minute, is so by then."""
    for _turn in range(2):
        call()
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def test_an_endpoint_is_read_by_two_statements_and_by_a_key_of_the_account_by_three(
    clients: Clients, pinpoint: Any, project: Project
) -> None:
    own = clients.with_key(make_access_key(project=project))
    endpoint = {"ApplicationId": project.public_id, "EndpointId": "e"}
    own.update_endpoint(**endpoint, EndpointRequest={"Address": "a@example.com", "ChannelType": "EMAIL"})

    assert statements(lambda: own.get_endpoint(**endpoint)) == KNOWN + 1
    assert statements(lambda: pinpoint.get_endpoint(**endpoint)) == KNOWN + 2


def test_a_key_that_was_revoked_or_changed_meanwhile_is_read_anew(clients: Clients, project: Project) -> None:
    made = make_access_key(project=project, rights=["READ"])
    client = clients.with_key(made)
    given = {"ApplicationId": project.public_id}
    statements(lambda: client.get_app(**given))

    Project.objects.filter(pk=project.pk).update(name="another")
    assert client.get_app(**given)["ApplicationResponse"]["Name"] == "another"
    access_keys.revoke_access_key(key=made.key, actor=project.created_by, now=clock.now())
    with pytest.raises(client.exceptions.ForbiddenException) as refused:
        client.get_app(**given)

    assert refused.value.response["Message"] == "The access key was revoked."


def test_what_is_held_of_keys_is_forgotten_when_a_connection_leads_to_another_database(
    clients: Clients, project: Project
) -> None:
    client = clients.with_key(make_access_key(project=project))
    given = {"ApplicationId": project.public_id}
    held = statements(lambda: client.get_app(**given))

    remembering.connected("another")
    with CaptureQueriesContext(connection) as captured:
        client.get_app(**given)

    assert len(captured) == held + 1


def test_a_process_takes_a_hundredth_of_a_rate_at_once(settings: Any, clean_redis: Any, account_key: NewKey) -> None:
    settings.API_RATES = {"GetApps": 500}
    bucket = f"api:rate:{account_key.key.pk}:GetApps"

    given = [rates.take(key_id=account_key.key.pk, operation="GetApps")]
    first = redis().hget(bucket, "at")
    given += [rates.take(key_id=account_key.key.pk, operation="GetApps") for _turn in range(4)]
    asked = redis().hget(bucket, "at")
    rates.take(key_id=account_key.key.pk, operation="GetApps")

    assert [one.remaining for one in given if one] == [499, 498, 497, 496, 495]
    assert asked == first
    assert redis().hget(bucket, "at") != asked


def test_a_list_of_segments_is_read_by_as_many_statements_however_long_it_is(pinpoint: Any, project: Project) -> None:
    given = {"ApplicationId": project.public_id}
    counts = []
    for number in range(3):
        pinpoint.create_segment(**given, WriteSegmentRequest={"Name": f"s{number}", "SegmentGroups": {"Groups": []}})
        counts.append(statements(lambda: pinpoint.get_segments(**given)))

    assert counts == [KNOWN + 3] * 3  # its project, the segments, the account


def test_what_is_kept_of_a_definition_is_that_of_its_text(pinpoint: Any, project: Project) -> None:
    given = {"ApplicationId": project.public_id}
    channel = {"Demographic": {"Channel": {"DimensionType": "INCLUSIVE", "Values": ["SMS"]}}}
    made = pinpoint.create_segment(**given, WriteSegmentRequest={"Name": "s", "SegmentGroups": {"Groups": []}})["SegmentResponse"]
    pinpoint.get_segments(**given)

    pinpoint.tag_resource(ResourceArn=made["Arn"], TagsModel={"tags": {"team": "crm"}})
    (tagged,) = pinpoint.get_segments(**given)["SegmentsResponse"]["Item"]
    pinpoint.update_segment(
        **given, SegmentId=made["Id"], WriteSegmentRequest={"SegmentGroups": {"Groups": [{"Dimensions": [channel]}]}}
    )
    (changed,) = pinpoint.get_segments(**given)["SegmentsResponse"]["Item"]

    assert tagged["tags"] == {"team": "crm"}
    assert (changed["Version"], changed["SegmentGroups"]["Groups"][0]["Dimensions"]) == (2, [channel])
