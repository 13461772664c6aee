"""The event stream, by boto3."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.models import EventStream
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
ROLE = "arn:aws:iam::123456789012:role/stream"
KINESIS = "arn:aws:kinesis:ap-northeast-2:123456789012:stream/events"
FIREHOSE = "arn:aws:firehose:ap-northeast-2:123456789012:deliverystream/events"


@pytest.mark.parametrize(("arn", "kind"), [(KINESIS, "KINESIS"), (FIREHOSE, "FIREHOSE")])
def test_a_stream_is_set_read_and_deleted(arn: str, kind: str, pinpoint: Any) -> None:
    project = make_project()
    ids = {"ApplicationId": project.public_id}

    put = pinpoint.put_event_stream(**ids, WriteEventStream={"DestinationStreamArn": arn, "RoleArn": ROLE})["EventStream"]
    got = pinpoint.get_event_stream(**ids)["EventStream"]
    deleted = pinpoint.delete_event_stream(**ids)["EventStream"]

    assert put == got == deleted
    assert (got["ApplicationId"], got["DestinationStreamArn"], got["RoleArn"]) == (project.public_id, arn, ROLE)
    assert not EventStream.objects.exists()
    for call in (pinpoint.get_event_stream, pinpoint.delete_event_stream):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(**ids)


@pytest.mark.parametrize(
    ("arn", "role"), [("x", ROLE), ("arn:aws:s3:::bucket", ROLE), (KINESIS, "x"), ("arn:aws:kinesis:x", ROLE), (KINESIS, "")]
)
def test_what_is_no_stream_is_refused(arn: str, role: str, pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.put_event_stream(
            ApplicationId=make_project().public_id, WriteEventStream={"DestinationStreamArn": arn, "RoleArn": role}
        )
    assert not EventStream.objects.exists()


def test_only_an_owners_key_sets_it(clients: Clients) -> None:
    project = make_project()
    stranger = clients.with_key(make_access_key(project=make_project()))
    with pytest.raises(stranger.exceptions.ForbiddenException):
        stranger.put_event_stream(
            ApplicationId=project.public_id, WriteEventStream={"DestinationStreamArn": KINESIS, "RoleArn": ROLE}
        )
    assert not EventStream.objects.exists()
