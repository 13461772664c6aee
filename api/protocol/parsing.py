"""A request as plain values: read by the model, each member checked, and refused with its path.

The document in a body stays as it was sent, in the names of the wire, which are those that the house stores: absent members that were
written as null are left out, instants become datetimes and blobs bytes. Readers are made once for each shape.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import difflib
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from api.protocol.errors import BadRequest, Invalid
from api.protocol.limits import LIMITS
from api.protocol.model import Operation, model

Reader = Callable[[Any], Any]
_INTEGERS = {"integer": 2**31, "long": 2**63}


def parse(
    operation: Operation, *, parameters: Mapping[str, str], query: Sequence[tuple[str, str]], body: bytes
) -> dict[str, Any]:
    """The members of the operation's input by their names in the model. Raises ``BadRequest``."""
    try:
        given = _outside(operation, parameters, query)
        payload = model().payload(operation.input)
        if payload is not None:
            given[payload[0]] = _body(payload[0], payload[1], body)
    except Invalid as invalid:
        raise invalid.as_bad_request() from None
    return given


def _body(name: str, shape: str, body: bytes) -> Any:
    if not body.strip():
        raise Invalid(f"the body is empty; it must be the {shape} document")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise Invalid(f"the body is no JSON: {str(fault)[:200]}") from None
    if b"\\u0000" in body:
        _refuse_nul(value)
    return reader(shape)(value)


def _refuse_nul(value: Any) -> None:
    """PostgreSQL keeps no such character in a text."""
    if isinstance(value, str) and "\0" in value:
        raise Invalid("it holds a NUL character")
    held = (
        value.items()
        if isinstance(value, dict)
        else ((f"[{n}]", one) for n, one in enumerate(value))
        if isinstance(value, list)
        else ()
    )
    for name, one in held:
        try:
            _refuse_nul(name)
            _refuse_nul(one)
        except Invalid as invalid:
            invalid.path.append(name.replace("\0", "�"))
            raise


# -- path, query ------------------------------------------------------------------------------------------------------


def _outside(operation: Operation, parameters: Mapping[str, str], query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, wire, location, is_required, read in _members_outside(operation.input):
        values = [parameters[wire]] if location == "uri" else [value for key, value in query if key == wire]
        if not values:
            if is_required:
                raise _at(Invalid("it is missing in the query"), wire)
            continue
        try:
            given[name] = read(values)
        except Invalid as invalid:
            raise _at(invalid, wire) from None
    return given


def _at(invalid: Invalid, name: str) -> Invalid:
    invalid.path.append(name)
    return invalid


@functools.cache
def _members_outside(shape: str) -> list[tuple[str, str, str, bool, Callable[[list[str]], Any]]]:
    described = model().shapes[shape]
    required = described.get("required", [])
    return [
        (name, one["locationName"], one["location"], name in required, _from_texts(one["shape"], LIMITS.get(f"{shape}.{name}")))
        for name, one in described["members"].items()
        if one.get("location") in ("uri", "querystring")
    ]


def _from_texts(shape: str, limit: Callable[[Any], None] | None) -> Callable[[list[str]], Any]:
    """From the texts of one name in an address; of a member that is no list the last one counts."""
    described = model().shapes[shape]
    if described["type"] == "list":
        one = _from_text(described["member"]["shape"])
        read: Callable[[list[str]], Any] = lambda texts: [one(text) for text in texts]  # noqa: E731
    else:
        single = _from_text(shape)
        read = lambda texts: single(texts[-1])  # noqa: E731
    if limit is None:
        return read

    def limited(texts: list[str]) -> Any:
        value = read(texts)
        limit(value)
        return value

    return limited


def _from_text(shape: str) -> Callable[[str], Any]:
    kind = model().shapes[shape]["type"]
    if kind == "boolean":
        return _boolean_text
    if kind in _INTEGERS:
        most = _INTEGERS[kind]
        return lambda text: _integer(int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else text, most)
    return reader(shape)


def _boolean_text(text: str) -> bool:
    if text not in ("true", "false"):
        raise Invalid("it must be true or false")
    return text == "true"


# -- documents --------------------------------------------------------------------------------------------------------


@functools.cache
def reader(shape: str) -> Reader:
    """The reader of a shape: gives back the value to use, or raises ``Invalid``."""
    described = model().shapes[shape]
    return _MAKERS[described["type"]](shape, described)


def _structure(shape: str, described: Mapping[str, Any]) -> Reader:
    members = {}
    for name, one in described["members"].items():
        limit = LIMITS.get(f"{shape}.{name}")
        members[one.get("locationName", name)] = _limited(reader(one["shape"]), limit)
    required = [described["members"][name].get("locationName", name) for name in described.get("required", [])]

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Invalid("it must be an object")
        absent = None
        for name, one in value.items():
            known = members.get(name)
            if known is None:
                raise _unknown(name, members)
            if one is None:
                absent = [name] if absent is None else [*absent, name]
                continue
            try:
                taken = known(one)
            except Invalid as invalid:
                invalid.path.append(name)
                raise
            if taken is not one:
                value[name] = taken  # no key is added, so the walk goes on
        if absent is not None:
            for name in absent:
                del value[name]
        for name in required:
            if name not in value:
                raise _at(Invalid("it is missing"), name)
        return value

    return read


def _unknown(name: str, members: Mapping[str, Any]) -> Invalid:
    nearest = difflib.get_close_matches(name, list(members), n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return _at(Invalid(f"there is no such member{hint}"), name[:100])


def _limited(read: Reader, limit: Callable[[Any], None] | None) -> Reader:
    if limit is None:
        return read

    def limited(value: Any) -> Any:
        taken = read(value)
        limit(taken)
        return taken

    return limited


def _list(_shape: str, described: Mapping[str, Any]) -> Reader:
    member = reader(described["member"]["shape"])

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise Invalid("it must be a list")
        for place, one in enumerate(value):
            try:
                taken = member(one)
            except Invalid as invalid:
                invalid.path.append(f"[{place}]")
                raise
            if taken is not one:
                value[place] = taken
        return value

    return read


def _map(_shape: str, described: Mapping[str, Any]) -> Reader:
    member = reader(described["value"]["shape"])

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise Invalid("it must be an object")
        absent = None
        for name, one in value.items():
            if one is None:
                absent = [name] if absent is None else [*absent, name]
                continue
            try:
                taken = member(one)
            except Invalid as invalid:
                invalid.path.append(name[:100])
                raise
            if taken is not one:
                value[name] = taken
        if absent is not None:
            for name in absent:
                del value[name]
        return value

    return read


def _string(_shape: str, described: Mapping[str, Any]) -> Reader:
    words = described.get("enum")
    if words:
        return _enum(frozenset(words), ", ".join(words))

    def read(value: Any) -> Any:
        if type(value) is not str:
            raise Invalid("it must be a text")
        return value

    return read


def _enum(words: frozenset[str], listed: str) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in words:
            raise Invalid(f"it must be one of {listed}")
        return value

    return read


def _boolean(_shape: str, _described: Mapping[str, Any]) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not bool:
            raise Invalid("it must be true or false")
        return value

    return read


def _whole(_shape: str, described: Mapping[str, Any]) -> Reader:
    most = _INTEGERS[described["type"]]
    return lambda value: _integer(value, most)


def _integer(value: Any, most: int) -> Any:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise Invalid("it must be a whole number")
    if not -most <= value < most:
        raise Invalid("the number is too large")
    return value


def _double(_shape: str, _described: Mapping[str, Any]) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not float and type(value) is not int:
            raise Invalid("it must be a number")
        try:
            is_finite = math.isfinite(value)
        except OverflowError:  # a whole number beyond every double
            is_finite = False
        if not is_finite:
            raise Invalid("it must be a finite number")
        return value

    return read


def _timestamp(_shape: str, _described: Mapping[str, Any]) -> Reader:
    def read(value: Any) -> Any:
        try:
            at = datetime.datetime.fromisoformat(value)
            at = at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
        except (TypeError, ValueError, OverflowError):
            raise Invalid("it must be an instant such as 2026-01-31T09:00:00Z") from None
        return at

    return read


def _blob(_shape: str, _described: Mapping[str, Any]) -> Reader:
    def read(value: Any) -> Any:
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise Invalid("it must be base64") from None

    return read


_MAKERS: dict[str, Callable[[str, Mapping[str, Any]], Reader]] = {
    "structure": _structure, "list": _list, "map": _map, "string": _string, "boolean": _boolean, "integer": _whole, "long": _whole,
    "double": _double, "timestamp": _timestamp, "blob": _blob,
}  # fmt: skip


def parse_query(text: str) -> list[tuple[str, str]]:
    """A query as it stood on the wire. Raises ``BadRequest``."""
    from urllib.parse import parse_qsl

    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=200)
    except (ValueError, UnicodeDecodeError):
        raise BadRequest("The query can't be read.") from None
    if any("\0" in key or "\0" in value for key, value in pairs):
        raise BadRequest("The query holds a NUL character.")
    return pairs
