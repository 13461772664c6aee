"""Tags of projects, campaigns, segments and message templates (reference, section 11)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Tags"
_LATER = Unserved("tags are not served yet.")

TABLE: dict[str, Entry] = {
    "TagResource": _LATER,
    "UntagResource": _LATER,
    "ListTagsForResource": _LATER,
}
