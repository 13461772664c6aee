"""Pinpoint's merge rules on documents (reference, section 2). Pure."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import orjson

from endpoints.models import EndpointStatus, OptOut
from endpoints.writing import rules
from endpoints.writing.documents import Item
from endpoints.writing.refusals import ItemRefused

_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class State:
    """An endpoint's own columns. ``id`` 0 is not stored yet; ``user_pk`` 0 has no user."""

    id: int
    key: str
    endpoint_id: str
    channel: str
    address: str
    opt_out: str
    status: str
    user_pk: int
    attributes: dict[str, Any]
    metrics: dict[str, Any]
    demographic: dict[str, Any]
    location: dict[str, Any]
    request_id: str
    updated_at: datetime.datetime

    @property
    def address_key(self) -> str:
        return rules.address_key(self.address, self.channel)

    def as_document(self) -> dict[str, Any]:
        return {
            "id": self.id, "channel": self.channel, "address": self.address, "opt_out": self.opt_out, "status": self.status,
            "user_pk": self.user_pk, "attributes": self.attributes, "metrics": self.metrics, "demographic": self.demographic,
            "location": self.location, "request_id": self.request_id,
        }  # fmt: skip

    def same_fields(self, other: State) -> bool:
        """Whether nothing differs but the request's id and the time."""
        return (
            self.channel == other.channel and self.address == other.address and self.opt_out == other.opt_out
            and self.status == other.status and self.user_pk == other.user_pk and self.attributes == other.attributes
            and self.metrics == other.metrics and self.demographic == other.demographic and self.location == other.location
        )  # fmt: skip


def merged(stored: State | None, item: Item, *, key: str, user_pk: int, keep_opted_out: bool, now: datetime.datetime) -> State:
    """The endpoint after the item: absent fields keep, maps merge by key, an empty list takes its key away, status ACTIVE.

    ``user_pk`` is the item's user, 0 when it names none. Raises ``ItemRefused`` past 15 KB.
    """
    if stored is None:
        state = State(
            id=0, key=key, endpoint_id=item.endpoint_id, channel=item.channel, address=item.address,
            opt_out=item.opt_out or OptOut.NONE, status=EndpointStatus.ACTIVE, user_pk=user_pk,
            attributes=without_empty(item.attributes), metrics=item.metrics, demographic=item.demographic,
            location=item.location, request_id=item.request_id, updated_at=now,
        )  # fmt: skip
    else:
        state = State(
            id=stored.id, key=key, endpoint_id=stored.endpoint_id, channel=item.channel or stored.channel,
            address=item.address or stored.address,
            opt_out=OptOut.ALL if keep_opted_out else item.opt_out or stored.opt_out, status=EndpointStatus.ACTIVE,
            user_pk=user_pk or stored.user_pk, attributes=merged_lists(stored.attributes, item.attributes),
            metrics=stored.metrics | item.metrics, demographic=stored.demographic | item.demographic,
            location=stored.location | item.location, request_id=item.request_id or stored.request_id,
            updated_at=later(now, stored.updated_at),
        )  # fmt: skip
    if _bytes(state) > rules.ENDPOINT_BYTES:
        raise ItemRefused("too_big")
    return state


def merged_lists(stored: dict[str, list[str]], given: dict[str, list[str]]) -> dict[str, list[str]]:
    return without_empty(stored | given) if given else stored


def without_empty(lists: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in lists.items() if values}


def later(now: datetime.datetime, before: datetime.datetime) -> datetime.datetime:
    """Now, but after the last write whatever the clock says: ``updated_at`` tells two states of a row apart."""
    return max(now, before + _MICROSECOND)


def _bytes(state: State) -> int:
    documents = (state.attributes, state.metrics, state.demographic, state.location)
    return len(state.address) + sum(len(orjson.dumps(document)) for document in documents if document)
