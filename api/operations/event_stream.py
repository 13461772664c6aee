"""The event stream of a project (reference, section 9)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Event stream"
_LATER = Unserved("the event stream is not served by the API yet; it has a page.")

TABLE: dict[str, Entry] = {
    "PutEventStream": _LATER,
    "GetEventStream": _LATER,
    "DeleteEventStream": _LATER,
}
