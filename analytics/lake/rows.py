"""Events of one project as columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from analytics.lake.schema import SCHEMA
from analytics.models import EventKind, HitClass, SourceKind
from analytics.ports import RunFacts, endpoint_names, run_facts
from analytics.records import sent_times
from analytics.stream.reading import StoredEvent
from projects.models import Project

_FEEDBACK = {
    EventKind.EMAIL_SEND: "received", EventKind.EMAIL_DELIVERED: "delivered", EventKind.EMAIL_REJECTED: "rejected",
    EventKind.EMAIL_HARDBOUNCE: "hardbounce", EventKind.EMAIL_SOFTBOUNCE: "softbounce", EventKind.EMAIL_COMPLAINT: "complaint",
    EventKind.EMAIL_OPEN: "opened", EventKind.EMAIL_UNSUBSCRIBE: "optout",
}  # fmt: skip
# What our events call it → what Pinpoint's attributes do.
_SMS = {
    "request_id": "sender_request_id", "from": "origination_phone_number", "status": "record_status", "country": "iso_country_code",
    "parts": "number_of_message_parts",
}  # fmt: skip
_CAMPAIGN_SEND = {"status": "campaign_send_status"}
_JOURNEY_SEND = {
    "status": "journey_send_status", "code": "journey_send_status_code", "reply": "journey_send_status_message",
}  # fmt: skip
_RENAMED: dict[int, dict[str, str]] = {
    EventKind.CAMPAIGN_SEND: _CAMPAIGN_SEND, EventKind.JOURNEY_SEND: _JOURNEY_SEND,
    EventKind.SMS_BUFFERED: _SMS, EventKind.SMS_SUCCESS: _SMS, EventKind.SMS_FAILURE: _SMS, EventKind.SMS_OPTOUT: _SMS,
}  # fmt: skip
_COLUMNS_OF_DATA = frozenset(
    {"ua", "ip", "link", "user_agent", "millicents", "attributes", "metrics", "session", "app", "arrived"}
)
_MAIL = range(EventKind.EMAIL_SEND, EventKind.SMS_BUFFERED)
_SOURCE = {SourceKind.CAMPAIGN: "campaign", SourceKind.JOURNEY: "journey"}
_HIT = {int(one): (None if one == HitClass.NONE else str(one.label)) for one in HitClass}
_NOTHING: dict[str, Any] = {}

Pairs = list[tuple[str, Any]]


def tables_of(*, project: Project, names: dict[int, str], events: Sequence[StoredEvent]) -> dict[tuple[int, Any], Any]:
    """A table for each type and day (UTC) of the events, in their order. ``names``: of the types.

    Who an endpoint is, and which campaign a run was of, is asked once for all: three queries.
    """
    clients: dict[int, str] = {}
    for found in endpoint_names.call(project.pk, {one.endpoint_id for one in events}):
        clients |= found
    runs: dict[int, RunFacts] = {}
    for known in run_facts.call(project.pk, {one.run_id for one in events if one.run_id is not None}):
        runs |= known
    sent = sent_times(project_id=project.pk, events=events)
    parts: dict[tuple[int, Any], list[StoredEvent]] = {}
    for one in events:
        parts.setdefault((one.kind, one.occurred_at.date()), []).append(one)
    return {
        key: _table(part, names.get(key[0], f"custom.{key[0]}"), project.public_id, clients, runs, sent) for key, part in parts.items()
    }  # fmt: skip


def _table(
    events: Sequence[StoredEvent],
    name: str,
    app_id: str,
    clients: dict[int, str],
    runs: dict[int, RunFacts],
    sent: dict[Any, Any],
) -> Any:
    kind = events[0].kind
    happened = [one.occurred_at for one in events]
    at = [sent.get((one.endpoint_id, one.run_id), one.occurred_at) for one in events] if kind in _MAIL else happened
    data = [one.data or _NOTHING for one in events]
    named = [_named(one, runs) for one in events]
    columns: dict[str, list[Any]] = {
        "event_type": [name] * len(events),
        "event_timestamp": [one.replace(tzinfo=None) for one in at],
        "arrival_timestamp": [one.replace(tzinfo=None) for one in happened],
        "client_id": [clients.get(one.endpoint_id) for one in events],
        "endpoint_id": [one.endpoint_id for one in events],
        "position": [one.position for one in events],
        "app_id": [app_id] * len(events),
        "session_id": [_session(one) for one in data],
        "link": [_text(one.get("link")) for one in data],
        "link_number": [one.link_number for one in events],
        "hit_class": [_HIT.get(one.hit_class) for one in events],
        "user_agent": [_text(one.get("ua") or one.get("user_agent")) for one in data],
        "ip_address": [_text(one.get("ip")) for one in data],
        "attributes": [_attributes(kind, one, told) for one, told in zip(data, named, strict=True)],
        "metrics": [_metrics(one) for one in data],
    }
    for column in ("campaign_id", "campaign_activity_id", "treatment_id", "journey_id", "journey_activity_id"):
        columns[column] = [told.get(column) for told in named]
    return pa.Table.from_pydict({field.name: columns[field.name] for field in SCHEMA}, schema=SCHEMA)


def _named(e: StoredEvent, runs: dict[int, RunFacts]) -> dict[str, str]:
    run = runs.get(e.run_id) if e.run_id is not None else None
    if run is None or e.source_kind not in _SOURCE:
        return _NOTHING
    word = _SOURCE[SourceKind(e.source_kind)]
    told = {f"{word}_id": run.source_id, f"{word}_activity_id": run.activity_id}
    return told | {"treatment_id": str(e.treatment)} if word == "campaign" else told


def _attributes(kind: int, data: dict[str, Any], named: dict[str, str]) -> Pairs:
    """Pinpoint's attributes; what its stream says of a mail's bounce in other places is among them."""
    renamed, told = _RENAMED.get(kind, _NOTHING), dict(named)
    feedback = _text(data.get("link")) if kind == EventKind.EMAIL_CLICK else _FEEDBACK.get(kind)  # type: ignore[call-overload]
    if feedback:
        told["feedback"] = feedback
    for name, value in data.items():
        if name not in _COLUMNS_OF_DATA and value is not None:
            told[renamed.get(name, name)] = _said(value)
    if isinstance(own := data.get("attributes"), dict):
        told |= {str(name): _said(value) for name, value in own.items() if value is not None}
    return list(told.items())


def _metrics(data: dict[str, Any]) -> Pairs:
    told = {"price_in_millicents_usd": data["millicents"]} if data.get("millicents") is not None else {}
    if isinstance(own := data.get("metrics"), dict):
        told |= own
    return [(str(name), float(value)) for name, value in told.items() if isinstance(value, int | float)]


def _session(data: dict[str, Any]) -> str | None:
    said = data.get("session")
    return _text(said.get("id")) if isinstance(said, dict) else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else _said(value)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
