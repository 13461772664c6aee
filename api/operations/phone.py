"""Checking a telephone number (reference, section 8.3)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Telephone numbers"
_LATER = Unserved("telephone numbers are not checked yet.")

TABLE: dict[str, Entry] = {
    "PhoneNumberValidate": _LATER,
}
