"""Messages to addresses, endpoints and users at once (reference, section 8.1)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Messages"
_LATER = Unserved("direct messages are not served yet.")

TABLE: dict[str, Entry] = {
    "SendMessages": _LATER,
    "SendUsersMessages": _LATER,
}
