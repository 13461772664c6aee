"""Reading the values of a filter: text, instants and numbers. The same texts are read in SQL by ``pabal_instant``, ``pabal_number``."""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import Any

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(\.[0-9]{1,9})?)?(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_NUMBER_LENGTH = 60  # characters
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # in JSON text: an odd number of backslashes before it


def read_instant(text: str) -> datetime.datetime | None:
    """An ISO 8601 date or instant as aware UTC; a bare date is 00:00:00 UTC, so is a missing zone. None for any other text."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    date, clock, second, fraction, zone = found.groups()
    try:
        local = datetime.datetime.strptime(f"{date} {clock or '00:00'}:{second or '00'}+0000", "%Y-%m-%d %H:%M:%S%z")
        instant = local + datetime.timedelta(microseconds=round(float("0" + (fraction or "")) * 1_000_000)) - _offset(zone)
        return instant.astimezone(datetime.UTC)
    except (ValueError, OverflowError):  # no such day, or beyond the years 1 … 9999
        return None


def _offset(zone: str | None) -> datetime.timedelta:
    if zone is None or zone == "Z":
        return datetime.timedelta()
    digits = zone[1:].replace(":", "")
    ahead = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -ahead if zone[0] == "-" else ahead


def read_number(text: str) -> Decimal | None:
    """A plain decimal number (no thousands separators, no spaces). None for any other text."""
    return Decimal(text) if len(text) <= _NUMBER_LENGTH and _NUMBER.fullmatch(text) else None


def is_storable(document: Any) -> bool:
    """Whether PostgreSQL can hold it as JSON: no NUL, no half of a surrogate pair, no infinity, no endless nesting."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return not _NUL.search(text)
