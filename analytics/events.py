"""An event as it is written: one flat row, or many that differ in their endpoint alone."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EventRow:
    """A fact about an endpoint. ``id`` and ``occurred_at`` are made where it happens, so that writing it twice is seen.

    ``kind``, ``hit_class`` and ``source_kind`` are the numbers of ``analytics.models``; ``data`` must be JSON.
    """

    id: uuid.UUID | str  # or its 32 digits
    occurred_at: datetime.datetime
    project_id: int
    endpoint_id: int
    kind: int
    hit_class: int = 0
    source_kind: int = 0
    source_id: int | None = None
    run_id: int | None = None
    treatment: int = 0
    link_number: int | None = None
    data: dict[str, Any] | None = None

    @property
    def digits(self) -> str:
        return self.id if isinstance(self.id, str) else self.id.hex


@dataclass(frozen=True, slots=True)
class EventBlock:
    """The same fact about many endpoints at one moment, of which the caller's cursor tells that it is written once."""

    occurred_at: datetime.datetime
    project_id: int
    endpoint_ids: Sequence[int]
    kind: int
    source_kind: int = 0
    source_id: int | None = None
    run_id: int | None = None
    treatment: int = 0
    data: dict[str, Any] | None = None
    hit_class: int = 0
    link_number: int | None = None


@dataclass(frozen=True, slots=True)
class Sms:
    """What an event of a text message tells of it beside the rest. ``millicents``: thousandths of a US cent, of all its parts."""

    country: str
    status: str
    parts: int
    millicents: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Sms:
        return cls(
            country=str(data.get("country") or "")[:2].upper(), status=str(data.get("status") or "")[:60],
            parts=int(data.get("parts") or 1), millicents=round(float(data.get("millicents") or 0)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Send:
    """What ``_campaign.send`` and ``_journey.send`` tell beside the rest. ``channel``: Pinpoint's delivery_type; unsaid it is EMAIL."""

    channel: str
    status: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Send:
        return cls(channel=str(data.get("channel") or "EMAIL")[:30], status=str(data.get("status") or "")[:60])
