"""An endpoint's fields as one line or one request gives them, and how Pinpoint's EndpointRequest document is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from endpoints.writing import rules
from endpoints.writing.refusals import ItemRefused


@dataclass(slots=True)
class Item:
    """What is given of an endpoint and its user: an absent field is the empty text or has no key. An empty list takes a key away.

    ``line`` says where it stands in its file or request, ``raw`` how (in a file, without the line's end).
    """

    line: int = 0
    raw: str = ""
    endpoint_id: str = ""
    channel: str = ""
    address: str = ""
    opt_out: str = ""
    user_id: str = ""
    request_id: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)
    user_attributes: dict[str, list[str]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    demographic: dict[str, Any] = field(default_factory=dict)
    location: dict[str, Any] = field(default_factory=dict)

    @property
    def is_user_only(self) -> bool:
        """It names a user and nothing of an endpoint, and so reaches all the endpoints that the user has."""
        return bool(self.user_id) and not (self.endpoint_id or self.address or self.channel)

    def copy(self) -> Item:
        """An item of its own, whose maps may be written to."""
        return Item(
            self.line, self.raw, self.endpoint_id, self.channel, self.address, self.opt_out, self.user_id, self.request_id,
            self.attributes.copy(), self.user_attributes.copy(), self.metrics.copy(), self.demographic.copy(), self.location.copy(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that was not taken."""

    line: int
    column: str
    code: str
    params: dict[str, Any]
    raw: str


def take_document(item: Item, document: dict[str, Any]) -> None:
    """Fill an item from an EndpointRequest document (with ``Id``); raises ``ItemRefused`` at the first fault."""
    for member, value in document.items():
        taker = _MEMBERS.get(member)
        if taker is None:
            raise _unknown_member(member, member, _MEMBERS)
        if value is not None:
            taker(item, value, member)


def _unknown_member(path: str, name: str, allowed: Any) -> ItemRefused:
    nearest = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    if nearest:
        return ItemRefused("json_member", path, member=path, nearest=nearest[0])
    return ItemRefused("json_member_alone", path, member=path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ItemRefused("json_type", path, member=path, expected="a text")
    return value


def _map(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ItemRefused("json_type", path, member=path, expected="an object")
    return value


def _named_lists(value: Any, path: str) -> dict[str, list[str]]:
    found = {}
    for name, values in _map(value, path).items():
        inner = f"{path}.{name}"
        if not name or len(name) > rules.NAME_LIMIT:
            raise ItemRefused("name_long", inner[:200])
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise ItemRefused("json_type", inner, member=inner, expected="a list of texts")
        found[name] = [rules.check_attribute(one, inner) for one in values]
    return found


def _json_metrics(item: Item, value: Any, path: str) -> None:
    for name, number in _map(value, path).items():
        inner = f"{path}.{name}"
        if not name or len(name) > rules.NAME_LIMIT:
            raise ItemRefused("name_long", inner[:200])
        if not isinstance(number, int | float):
            raise ItemRefused("metric", inner, value=str(number)[:100])
        item.metrics[name] = rules.check_metric(number, inner)


def _json_demographic(item: Item, value: Any, path: str) -> None:
    for name, text in _map(value, path).items():
        if name not in rules.DEMOGRAPHIC:
            raise _unknown_member(f"{path}.{name}", name, rules.DEMOGRAPHIC)
        if text not in (None, ""):
            item.demographic[name] = rules.check_text(_text(text, f"{path}.{name}"), f"{path}.{name}")


def _json_location(item: Item, value: Any, path: str) -> None:
    for name, part in _map(value, path).items():
        if name not in rules.LOCATION:
            raise _unknown_member(f"{path}.{name}", name, rules.LOCATION)
        if part not in (None, ""):
            item.location[name] = rules.check_location(name, part, f"{path}.{name}")


def _json_user(item: Item, value: Any, path: str) -> None:
    for name, part in _map(value, path).items():
        if name == "UserId":
            item.user_id = rules.check_user_id(_text(part, f"{path}.UserId"), f"{path}.UserId")
        elif name == "UserAttributes":
            item.user_attributes = _named_lists(part, f"{path}.UserAttributes")
        else:
            raise _unknown_member(f"{path}.{name}", name, ("UserId", "UserAttributes"))


def _json_setter(name: str, check: Callable[[str, str], str]) -> Callable[[Item, Any, str], None]:
    def take(item: Item, value: Any, path: str) -> None:
        text = _text(value, path)
        if text:
            setattr(item, name, check(text, path))

    return take


def _json_attributes(item: Item, value: Any, path: str) -> None:
    item.attributes = _named_lists(value, path)


_MEMBERS: dict[str, Callable[[Item, Any, str], None]] = {
    "Id": _json_setter("endpoint_id", rules.check_id),
    "ChannelType": _json_setter("channel", rules.check_channel),
    "Address": _json_setter("address", lambda value, _path: value),
    "OptOut": _json_setter("opt_out", rules.check_opt_out),
    "RequestId": _json_setter("request_id", lambda value, _path: value[:64]),
    "EndpointStatus": lambda _item, _value, _path: None,
    "EffectiveDate": lambda _item, _value, _path: None,
    "CohortId": lambda _item, _value, _path: None,  # an export's members that a later import need not lose its lines for
    "CreationDate": lambda _item, _value, _path: None,
    "ApplicationId": lambda _item, _value, _path: None,
    "Attributes": _json_attributes,
    "Metrics": _json_metrics,
    "Demographic": _json_demographic,
    "Location": _json_location,
    "User": _json_user,
}
