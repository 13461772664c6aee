"""Events of apps and web pages (reference, section 8.4)."""

from __future__ import annotations

from api.operations.contract import Call, Document, Entry, writes
from endpoints.services import app_events

TITLE = "Events"
_BODY_BYTES = 4_000_000


def put_events(call: Call) -> Document:
    """Up to 100 events with their endpoints, which are registered or updated; each is answered with 202 or 400."""
    answers = app_events.put_events(project=call.project, batch=call.params["EventsRequest"]["BatchItem"], now=call.now)
    return {
        "Results": {
            endpoint_id: {
                "EndpointItemResponse": _item(answer.endpoint),
                "EventsItemResponse": {event_id: _item(said) for event_id, said in answer.events.items()},
            }
            for endpoint_id, answer in answers.items()
        }
    }


def _item(refusal: str) -> Document:
    return {"StatusCode": 400, "Message": refusal} if refusal else {"StatusCode": 202, "Message": "Accepted"}


TABLE: dict[str, Entry] = {"PutEvents": writes(put_events, for_apps=True, body_bytes=_BODY_BYTES)}
