"""Members of saved answers: read with care, for whoever made the folder may have made anything."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from django.db import DataError

from api.protocol.errors import Invalid
from api.protocol.model import model
from api.protocol.parsing import reader
from console.moving.kinds import Document
from core.errors import Refusal
from segments.evaluation.values import is_storable

_ID = re.compile(r"[0-9A-Za-z]{1,32}")
_YEARS = range(2000, 2100)


class Unfit(Exception):
    """A thing that can't be taken; the text says which member is wrong, or what to do."""


# What is wrong with one thing stops that one alone. DataError: of a value that no column holds.
FAULTS = (Unfit, Refusal, DataError, RecursionError)


class Left(Exception):
    """A thing that this version has no place for; the text says why."""


def text(document: Mapping[str, Any], member: str) -> str:
    """Raises ``Unfit`` when it is missing or no text."""
    value = document.get(member)
    if not isinstance(value, str) or not value or "\0" in value:
        raise Unfit(f"{member}: it is missing, or no text.")
    return value


def public_id(document: Mapping[str, Any], member: str = "Id") -> str:
    """An id as Pinpoint gives them: 32 hex digits; up to 32 letters and digits are taken. Raises ``Unfit``."""
    value = text(document, member)
    if not _ID.fullmatch(value):
        raise Unfit(f"{member}: “{value[:40]}” is no id of Pinpoint's.")
    return value


def number(document: Mapping[str, Any], member: str = "Version") -> int:
    """A version: a whole number from 1 on, also written as a text; 1 when it is missing. Raises ``Unfit``."""
    value = document.get(member, 1)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not 1 <= value < 2**31:
        raise Unfit(f"{member}: it must be a whole number from 1 on.")
    return value


def instant(document: Mapping[str, Any], member: str) -> datetime.datetime | None:
    """In UTC; None when it is missing or can't be read."""
    value: Any = document.get(member)
    try:
        if type(value) in (int, float):  # some tools print seconds
            at = datetime.datetime.fromtimestamp(value, datetime.UTC)
        else:
            at = datetime.datetime.fromisoformat(value)
            at = at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return at if at.year in _YEARS else None


def as_request(shape: str, document: Mapping[str, Any]) -> Document:
    """What an answer says as the request of this shape would say it: its members, checked as the API checks them. Raises ``Unfit``."""
    members = {one.get("locationName", name) for name, one in model().shapes[shape]["members"].items()}
    if not is_storable(document):
        raise Unfit("it holds a character that can't be stored (NUL, or half of a surrogate pair).")
    try:
        given: Document = reader(shape)({name: value for name, value in document.items() if name in members})
    except Invalid as invalid:
        raise Unfit(invalid.as_bad_request().message) from None
    return given


def without_empty(document: Document) -> Document:
    """Without members that say nothing (null, an empty text, object or list), at any depth, and without limits of 0, which are none."""
    found = {}
    for name, value in document.items():
        kept = without_empty(value) if isinstance(value, dict) else value
        if name in ("Limits", "JourneyLimits") and isinstance(kept, dict):
            kept = {limit: one for limit, one in kept.items() if type(one) is bool or one != 0}
        if kept not in (None, "", {}, []):
            found[name] = kept
    return found
