"""The signed callback of any relay: Standard Webhooks' headers, and our own JSON (docs/callbacks.md)."""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import json
from collections.abc import Mapping
from typing import Any

from messaging.outcomes.report import Report, ReportKind, instant, link_tokens, texts
from messaging.outcomes.ses import Unreadable

TOLERANCE = datetime.timedelta(minutes=5)  # between their clock and ours, both ways: what is older may be a replay
EVENTS_LIMIT = 1_000  # of one callback
_KINDS = {"bounce": ReportKind.BOUNCE, "complaint": ReportKind.COMPLAINT, "delivered": ReportKind.DELIVERY}
_PERMANENT = {"hard": True, "soft": False}


class BadSignature(Exception):
    """It is not signed with the relay's key, or not now."""


def check(*, body: bytes, key: bytes, notice_id: str, timestamp: str, signature: str, now: datetime.datetime) -> None:
    """Raises ``BadSignature``. ``signature`` may hold several, with spaces between them, of which one must be right."""
    if not notice_id or len(notice_id) > 200 or not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12):
        raise BadSignature("webhook-id or webhook-timestamp is missing")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise BadSignature("webhook-timestamp is more than five minutes off")
    right = hmac.digest(key, f"{notice_id}.{timestamp}.".encode() + body, "sha256")
    for one in signature.split()[:10]:
        version, _comma, given = one.partition(",")
        try:
            if version == "v1" and hmac.compare_digest(base64.b64decode(given), right):
                return
        except (binascii.Error, ValueError):
            continue
    raise BadSignature("webhook-signature is wrong")


def read(body: str, *, notice_id: str) -> list[Report]:
    """What a callback tells. Raises ``Unreadable`` unless all of it can be read."""
    try:
        told = json.loads(body)
    except ValueError:
        raise Unreadable("not JSON") from None
    events = told.get("events", [told]) if isinstance(told, dict) else told
    if not isinstance(events, list) or len(events) > EVENTS_LIMIT:
        raise Unreadable(f"events must be a list of {EVENTS_LIMIT} at most")
    return [_report(event, f"{notice_id}-{place}") for place, event in enumerate(events)]


def _report(event: Any, otherwise: str) -> Report:
    if not isinstance(event, dict):
        raise Unreadable("an event is an object")
    kind = _KINDS.get(str(event.get("type")))
    if kind is None:
        raise Unreadable(f"an event of the type {str(event.get('type'))[:40]!r}: bounce, complaint or delivered")
    return Report(
        kind=kind,
        notice_id=str(event.get("id") or otherwise)[:200],
        at=instant(event.get("timestamp")),
        paths=texts([event.get("return_path")]),
        links=link_tokens(str(event.get("list_unsubscribe") or "")),
        message_ids=texts([event.get("message_id")]),
        recipients=texts([event.get("recipient")]),
        is_trusted=True,
        is_permanent=_PERMANENT.get(str(event.get("bounce_class"))),
        status=str(event.get("status") or ""),
        diagnostic=str(event.get("diagnostic") or ""),
        data=_data(event),
    )


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    names = {"reporting_mta": "reporting_mta", "feedback_type": "complaint_feedback_type", "feedback_id": "feedback_id"}
    return {ours: str(event[theirs]) for theirs, ours in names.items() if event.get(theirs)}
