"""The event stream of a project (reference, section 9)."""

from __future__ import annotations

from analytics.models import EventStream
from analytics.services import event_streams
from api.operations.contract import Call, Document, Entry, administers, not_found, reads
from api.protocol.errors import BadRequest

TITLE = "Event stream"
_KINDS = {"kinesis": EventStream.Destination.KINESIS, "firehose": EventStream.Destination.FIREHOSE}


def put_event_stream(call: Call) -> Document:
    """Carry events to a Kinesis or Firehose stream from now on, or change to where they go; keys given on the page stay."""
    asked = call.params["WriteEventStream"]
    arn: str = asked["DestinationStreamArn"]
    service = (arn.split(":") + [""] * 3)[2]
    if service not in _KINDS:
        raise BadRequest("DestinationStreamArn: it must be the ARN of a Kinesis data stream or of a Firehose stream.")
    held = _stream(call)
    values = event_streams.StreamValues(
        kind=_KINDS[service], target=arn, role_arn=asked["RoleArn"], access_key_id=held.access_key_id if held else "",
        transform=held.transform if held else "",
        on_transform_failure=held.on_transform_failure if held else EventStream.OnFailure.DELIVER,
    )  # fmt: skip
    return _document(call, event_streams.save_stream(project=call.project, actor=call.actor, values=values, now=call.now))


def get_event_stream(call: Call) -> Document:
    """To Kinesis or Firehose; other destinations have no form in Pinpoint's API."""
    return _document(call, _found(call))


def delete_event_stream(call: Call) -> Document:
    stream = _found(call)
    document = _document(call, stream)
    event_streams.delete_stream(stream=stream, actor=call.actor, now=call.now)
    return document


def _stream(call: Call) -> EventStream | None:
    return EventStream.objects.select_related("project", "updated_by").filter(project=call.project).first()


def _found(call: Call) -> EventStream:
    found = _stream(call)
    if found is None or found.kind not in _KINDS.values():
        raise not_found("Event stream")
    return found


def _document(call: Call, stream: EventStream) -> Document:
    return {
        "ApplicationId": call.project.public_id, "DestinationStreamArn": stream.target, "RoleArn": stream.role_arn,
        "LastModifiedDate": stream.updated_at, "LastUpdatedBy": str(stream.updated_by or ""), "ExternalId": call.project.public_id,
    }  # fmt: skip


TABLE: dict[str, Entry] = {
    "PutEventStream": administers(put_event_stream),
    "GetEventStream": reads(get_event_stream),
    "DeleteEventStream": administers(delete_event_stream),
}
