"""The form in which an endpoint is edited: from what is stored to rows, and from what was sent to an EndpointRequest document.

A name that the form showed and that was not sent back, or came back empty, is taken away: an attribute by an empty list, as Pinpoint has
it, a metric, a place or a demographic field by ``emptied``, because no document can say that. A name that was written by others meanwhile
is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Refusal
from endpoints.models import Endpoint
from endpoints.services.emptying import Emptied

DEMOGRAPHIC = ("Timezone", "Locale", "Platform", "PlatformVersion", "Make", "Model", "ModelVersion", "AppVersion")
_KINDS = ("attributes", "user_attributes", "metrics", "demographic", "location")
LOCATION = ("Country", "Region", "City", "PostalCode", "Latitude", "Longitude")


class EditRefused(Refusal):
    """What was sent can't be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """A name with its values, one a line."""

    name: str
    text: str

    @property
    def lines(self) -> int:
        return min(10, self.text.count("\n") + 1)


@dataclass(frozen=True, slots=True)
class Edited:
    """An endpoint as the form shows it, or as it was sent back. ``known`` are the names that the form showed."""

    address: str
    opt_out: str
    user_id: str
    attributes: list[Row]
    user_attributes: list[Row]
    metrics: list[Row]
    demographic: dict[str, str]
    location: dict[str, str]
    known: dict[str, list[str]] = field(default_factory=dict)


def shown(endpoint: Endpoint) -> Edited:
    user = endpoint.user
    return Edited(
        address=endpoint.address,
        opt_out=endpoint.opt_out,
        user_id=user.user_id if user else "",
        attributes=_rows(endpoint.attributes),
        user_attributes=_rows(user.attributes if user else {}),
        metrics=[Row(name, _number(value)) for name, value in sorted(endpoint.metrics.items())],
        demographic={name: str(endpoint.demographic.get(name, "")) for name in DEMOGRAPHIC},
        location={name: str(endpoint.location.get(name, "")) for name in LOCATION},
        known={
            "attributes": sorted(endpoint.attributes), "user_attributes": sorted(user.attributes if user else {}),
            "metrics": sorted(endpoint.metrics), "demographic": [name for name in DEMOGRAPHIC if name in endpoint.demographic],
            "location": [name for name in LOCATION if name in endpoint.location],
        },
    )  # fmt: skip


def _rows(held: Mapping[str, Sequence[str]]) -> list[Row]:
    return [Row(name, "\n".join(values)) for name, values in sorted(held.items())]


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else str(value)


def sent(data: Any) -> Edited:
    """What came back, from a ``QueryDict``."""
    return Edited(
        address=data.get("address", "").strip(),
        opt_out="ALL" if data.get("opt_out") == "ALL" else "NONE",
        user_id=data.get("user_id", "").strip(),
        attributes=_sent_rows(data, "attributes"),
        user_attributes=_sent_rows(data, "user_attributes"),
        metrics=_sent_rows(data, "metrics"),
        demographic={name: data.get(f"demographic-{name}", "").strip() for name in DEMOGRAPHIC},
        location={name: data.get(f"location-{name}", "").strip() for name in LOCATION},
        known={kind: data.getlist(f"{kind}-known") for kind in _KINDS},
    )


def _sent_rows(data: Any, kind: str) -> list[Row]:
    names, texts = data.getlist(f"{kind}-name"), data.getlist(f"{kind}-values")
    return [Row(name.strip(), text) for name, text in zip(names, texts, strict=False) if name.strip() or text.strip()]


def document(*, endpoint: Endpoint, edited: Edited) -> dict[str, Any]:
    """The EndpointRequest document of what differs from what is stored, with ``Id``. Raises ``EditRefused``."""
    stored = shown(endpoint)
    moves = bool(edited.user_id) and edited.user_id != stored.user_id
    user_attributes = endpoint.user.attributes if endpoint.user and not moves else {}
    parts: dict[str, Any] = {
        "Address": edited.address if edited.address != stored.address else "",
        "OptOut": edited.opt_out if edited.opt_out != stored.opt_out else "",
        "Attributes": _changed_lists(endpoint.attributes, edited.attributes, edited.known.get("attributes", [])),
        "Metrics": _changed_metrics(endpoint.metrics, edited.metrics, edited.known.get("metrics", [])),
        "Demographic": _changed_texts(stored.demographic, edited.demographic),
        "Location": _changed_location(stored.location, edited.location),
    }
    lists = _changed_lists(user_attributes, edited.user_attributes, [] if moves else edited.known.get("user_attributes", []))
    if lists and not (edited.user_id or stored.user_id):
        raise EditRefused(_("User attributes need a user id."))
    if moves or lists:
        parts["User"] = {"UserId": edited.user_id or stored.user_id} | ({"UserAttributes": lists} if lists else {})
    return {"Id": endpoint.endpoint_id} | {name: value for name, value in parts.items() if value}


def _changed_lists(stored: Mapping[str, Sequence[str]], rows: Sequence[Row], known: Sequence[str]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for row in rows:
        if not row.name:
            raise EditRefused(_("A value has no name. Write the attribute's name before it."))
        if row.name in wanted:
            raise EditRefused(_("“%(name)s” stands there twice. Write its values into one row, one a line.") % {"name": row.name})
        wanted[row.name] = [line.strip() for line in row.text.splitlines() if line.strip()]
    changed = {name: values for name, values in wanted.items() if values != list(stored.get(name, []))}
    gone = {name: list[str]() for name in known if name in stored and name not in wanted}
    return changed | gone


def emptied(*, edited: Edited) -> Emptied:
    """What the form showed and was not sent back."""
    metrics = {row.name for row in edited.metrics if row.text.strip()}
    return Emptied(
        metrics=tuple(name for name in edited.known.get("metrics", []) if name not in metrics),
        demographic=tuple(name for name in edited.known.get("demographic", []) if not edited.demographic.get(name)),
        location=tuple(name for name in edited.known.get("location", []) if not edited.location.get(name)),
    )


def _changed_metrics(stored: Mapping[str, float], rows: Sequence[Row], known: Sequence[str]) -> dict[str, float]:
    changed: dict[str, float] = {}
    for row in rows:
        text = row.text.strip()
        if not row.name:
            raise EditRefused(_("A value has no name. Write the attribute's name before it."))
        if not text and row.name in known:
            continue  # emptied
        value = _finite(row.name, text)
        if value != stored.get(row.name):
            changed[row.name] = value
    return changed


def _finite(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):  # nor NaN
        raise EditRefused(_("“%(name)s” is a metric: write a number.") % {"name": name})
    return value


def _changed_texts(stored: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text and text != stored[name]}


def _changed_location(stored: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, Any]:
    changed: dict[str, Any] = dict(_changed_texts(stored, texts))
    return {name: _finite(name, text) if name in ("Latitude", "Longitude") else text for name, text in changed.items()}
