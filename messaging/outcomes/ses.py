"""Amazon SES's notifications and events (its own two shapes for the same) as reports.

Reference: SES Developer Guide, "Amazon SNS notification contents" and "Contents of event data".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from messaging.delivery.ses import MESSAGE_TAG
from messaging.outcomes.report import Report, ReportKind, instant, link_tokens, texts

_HARD = frozenset({"General", "NoEmail", "Suppressed", "OnAccountSuppressionList"})
# What we know ourselves, or what is no end yet.
_OF_NO_USE = frozenset({"Open", "Click", "Send", "DeliveryDelay", "Subscription", "AmazonSnsSubscriptionSucceeded"})


class Unreadable(ValueError):
    """It is not what its sender promises."""


def read(body: str) -> Report | None:
    """What SES says; None for what says nothing of a message's end. Raises ``Unreadable``."""
    try:
        told = json.loads(body)
    except ValueError:
        if body.startswith("Successfully validated SNS topic"):  # sent when an event destination is made
            return None
        raise Unreadable("not JSON") from None
    if not isinstance(told, dict):
        raise Unreadable("not an object")
    kind = str(told.get("eventType") or told.get("notificationType") or "")
    if kind in _OF_NO_USE:
        return None
    reader = _READERS.get(kind.replace(" ", ""))
    if reader is None:
        raise Unreadable(f"an event of the kind {kind[:40]!r}")
    mail = told.get("mail")
    detail = told.get(_DETAILS[kind.replace(" ", "")])
    if not isinstance(mail, dict) or not isinstance(detail, dict):
        raise Unreadable("without mail or its end")
    return reader(mail, detail)


def _common(mail: Mapping[str, Any], detail: Mapping[str, Any], kind: ReportKind) -> dict[str, Any]:
    headers = _headers(mail)
    tagged, common = _dict(mail, "tags").get(MESSAGE_TAG), _dict(mail, "commonHeaders")
    return {
        "kind": kind,
        "notice_id": str(detail.get("feedbackId") or f"{mail.get('messageId', '')}-{kind}"),
        "at": instant(detail.get("timestamp") or mail.get("timestamp")),
        "paths": texts([*_list(tagged), mail.get("source"), headers.get("return-path")]),
        "links": link_tokens(headers.get("list-unsubscribe", "")),
        "message_ids": texts([headers.get("message-id"), common.get("messageId")]),
        "recipients": texts(_list(mail.get("destination"))),
        "is_trusted": True,
    }


def _headers(mail: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(one.get("name", "")).lower(): str(one.get("value", "")) for one in _list(mail.get("headers")) if isinstance(one, dict)
    }


def _dict(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = held.get(name)
    return found if isinstance(found, dict) else {}


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _first(detail: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Pabal sends each message to one recipient."""
    found = _list(detail.get(name))
    return found[0] if found and isinstance(found[0], dict) else {}


def _bounce(mail: Mapping[str, Any], detail: Mapping[str, Any]) -> Report:
    recipient = _first(detail, "bouncedRecipients")
    kind, sub_type = str(detail.get("bounceType", "")), str(detail.get("bounceSubType", ""))
    common = _common(mail, detail, ReportKind.BOUNCE)
    if recipient.get("emailAddress"):
        common["recipients"] = texts([recipient["emailAddress"]])
    return Report(
        **common,
        is_permanent=None if kind == "Undetermined" else kind == "Permanent" and sub_type in _HARD,
        status=str(recipient.get("status", "")),
        diagnostic=str(recipient.get("diagnosticCode", "")),
        data={
            "bounce_type": kind, "bounce_sub_type": sub_type, "action": recipient.get("action", ""),
            "feedback_id": detail.get("feedbackId", ""), "reporting_mta": detail.get("reportingMTA", ""),
        },
    )  # fmt: skip


def _complaint(mail: Mapping[str, Any], detail: Mapping[str, Any]) -> Report | None:
    recipient = _first(detail, "complainedRecipients")
    if detail.get("complaintFeedbackType") == "not-spam":  # somebody took it out of the spam folder
        return None
    common = _common(mail, detail, ReportKind.COMPLAINT)
    if detail.get("complaintSubType") == "OnAccountSuppressionList":  # no new complaint: SES would not send
        sub_type = {"bounce_type": "Permanent", "bounce_sub_type": "OnAccountSuppressionList"}
        return Report(**common | {"kind": ReportKind.BOUNCE}, is_permanent=False, data=sub_type)
    if recipient.get("emailAddress"):
        common["recipients"] = texts([recipient["emailAddress"]])
    return Report(**common, data={
        "complaint_feedback_type": detail.get("complaintFeedbackType", ""), "feedback_id": detail.get("feedbackId", ""),
        "user_agent": detail.get("userAgent", ""),
    })  # fmt: skip


def _delivery(mail: Mapping[str, Any], detail: Mapping[str, Any]) -> Report:
    return Report(**_common(mail, detail, ReportKind.DELIVERY), data={
        "smtp_response": detail.get("smtpResponse", ""), "reporting_mta": detail.get("reportingMTA", ""),
        "processing_time_millis": detail.get("processingTimeMillis"),
    })  # fmt: skip


def _reject(mail: Mapping[str, Any], detail: Mapping[str, Any]) -> Report:
    return Report(**_common(mail, detail, ReportKind.REJECT), data={"reason": detail.get("reason", "")})


def _failure(mail: Mapping[str, Any], detail: Mapping[str, Any]) -> Report:
    return Report(**_common(mail, detail, ReportKind.RENDERING_FAILURE), data={"reason": detail.get("errorMessage", "")})


_READERS = {
    "Bounce": _bounce, "Complaint": _complaint, "Delivery": _delivery, "Reject": _reject, "RenderingFailure": _failure,
}  # fmt: skip
_DETAILS = {
    "Bounce": "bounce", "Complaint": "complaint", "Delivery": "delivery", "Reject": "reject", "RenderingFailure": "failure",
}  # fmt: skip
