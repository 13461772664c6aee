"""An answer as the model has it: the payload alone, unwrapped, with no member that the model does not know.

Operations give documents in the names of the wire; None is left out, a datetime becomes the text or the timestamp that the member is,
and a member that is ``written`` already stays as it is.
Writers are made once for each shape.
"""

from __future__ import annotations

import base64
import datetime
import functools
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from api.protocol.model import Operation, model

Writer = Callable[[Any], Any]


def serialise(operation: Operation, document: Mapping[str, Any] | None) -> bytes:
    """The body; empty for an operation that answers nothing."""
    payload = model().payload(operation.output)
    if payload is None:
        return b""
    return orjson.dumps(writer(payload[1])(document or {}))


def written(shape: str, document: Mapping[str, Any]) -> dict[str, orjson.Fragment]:
    """Members of a structure as they will stand in a body: for what is answered often, and seldom changes."""
    return {name: orjson.Fragment(orjson.dumps(one)) for name, one in writer(shape)(document).items()}


def error_body(request_id: str, message: str) -> bytes:
    return orjson.dumps({"RequestID": request_id, "Message": message})


def instant(at: datetime.datetime) -> str:
    """Pinpoint's form of an instant: ``2018-05-24T21:26:33.995Z``."""
    if at.tzinfo is not datetime.UTC:
        at = at.astimezone(datetime.UTC)
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


@functools.cache
def writer(shape: str) -> Writer:
    described = model().shapes[shape]
    kind = described["type"]
    if kind == "structure":
        return _structure(described)
    if kind == "list":
        member = writer(described["member"]["shape"])
        return lambda value: [member(one) for one in value if one is not None]
    if kind == "map":
        member = writer(described["value"]["shape"])
        return lambda value: {str(name): member(one) for name, one in value.items() if one is not None}
    return _SCALARS[kind]


def _structure(described: Mapping[str, Any]) -> Writer:
    members = [(one.get("locationName", name), writer(one["shape"])) for name, one in described["members"].items()]

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, put in members:
            one = value.get(name)
            if one is not None:
                found[name] = one if type(one) is orjson.Fragment else put(one)
        return found

    return write


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return instant(value) if isinstance(value, datetime.datetime) else str(value)


_SCALARS: dict[str, Writer] = {
    "string": _text, "boolean": bool, "integer": int, "long": int, "double": float, "timestamp": _text,
    "blob": lambda value: base64.b64encode(value).decode(),
}  # fmt: skip
