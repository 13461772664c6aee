"""Mails in a bounce mailbox as reports: delivery reports (RFC 3464) and spam reports (RFC 5965). All others are left alone."""

from __future__ import annotations

import base64
import datetime
import email
import email.parser
import email.utils
import hashlib
from collections.abc import Iterator
from email.message import Message
from typing import Any, TypeAlias

from messaging.outcomes.report import Report, ReportKind, cleaned, link_tokens, texts

# Where a mail went to, whatever its To says; servers have different names for it.
_ENVELOPE = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
_PARTS_LIMIT = 50  # of a mail that are looked at
_RECIPIENTS_LIMIT = 20  # of a report

Mail: TypeAlias = "Message[Any, Any]"


def read(raw: bytes) -> list[Report] | None:
    """What a mail reports: nothing of an end (a delay) is an empty list. None: it is no report."""
    mail: Mail = email.message_from_bytes(raw)
    parts = [part for part, _number in zip(_walk(mail), range(_PARTS_LIMIT), strict=False)]
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    feedback = next((part for part in parts if part.get_content_type() == "message/feedback-report"), None)
    if status is None and feedback is None:
        return None
    common = _common(mail, parts, raw)
    if feedback is not None:
        return _complaint(_blocks(feedback), common)
    assert status is not None
    return _bounces(_blocks(status), common)


def _walk(mail: Mail) -> Iterator[Mail]:
    """The parts of the report itself, not those of the message that it returns."""
    yield mail
    if mail.get_content_maintype() == "multipart" and mail.is_multipart():
        for part in mail.get_payload():  # type: ignore[union-attr]  # a list, as it is multipart
            if isinstance(part, Message):
                yield from _walk(part)


def _common(mail: Mail, parts: list[Mail], raw: bytes) -> dict[str, Any]:
    returned = next(filter(None, map(_returned, parts)), None)
    paths = [address for _name, address in email.utils.getaddresses([
        str(value) for name in _ENVELOPE for value in mail.get_all(name, [])
    ])]  # fmt: skip
    common: dict[str, Any] = {
        "notice_id": (_text(mail, "Message-ID") or hashlib.sha256(raw).hexdigest())[:200],
        "at": _date(_text(mail, "Date")),
        "links": (), "message_ids": (), "recipients": (),
    }  # fmt: skip
    if returned is not None:
        paths.append(email.utils.parseaddr(_text(returned, "Return-Path"))[1])
        common["links"] = link_tokens(_text(returned, "List-Unsubscribe"))
        common["message_ids"] = texts([_text(returned, "Message-ID")])
        common["recipients"] = texts([email.utils.parseaddr(_text(returned, "To"))[1]])
    return common | {"paths": texts(paths)}


def _returned(part: Mail) -> Mail | None:
    """The message that a report is about, or its head."""
    kind = part.get_content_type()
    if kind == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        return inner if isinstance(inner, Message) else None
    if kind in ("text/rfc822-headers", "message/rfc822-headers"):
        raw = part.get_payload(decode=True)
        return email.message_from_bytes(raw) if isinstance(raw, bytes) else None
    return None


def _blocks(part: Mail) -> list[Mail]:
    """The groups of fields of a report; each is read as a head of its own."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        decoded = part.get_payload(decode=True)
        return _parsed(decoded) if isinstance(decoded, bytes) else []
    blocks = [block for block in payload if isinstance(block, Message)]
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "base64":
        return blocks
    try:
        return _parsed(base64.b64decode("".join(str(block.get_payload()) for block in blocks)))
    except ValueError:
        return []


def _parsed(raw: bytes) -> list[Mail]:
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").strip()
    return [email.parser.HeaderParser().parsestr(block) for block in text.split("\n\n") if block.strip()]


def _bounces(blocks: list[Mail], common: dict[str, Any]) -> list[Report]:
    of_all = next((block for block in blocks if "Reporting-MTA" in block), None)
    found = []
    for place, block in enumerate([one for one in blocks if "Action" in one or "Status" in one][:_RECIPIENTS_LIMIT]):
        action = _text(block, "Action").lower()
        if action and action != "failed":  # delayed, delivered, relayed, expanded: not an end, or not a bad one
            continue
        recipients = texts([_typed(block, "Original-Recipient"), _typed(block, "Final-Recipient")])
        found.append(Report(
            kind=ReportKind.BOUNCE,
            **common | {"recipients": recipients or common["recipients"], "notice_id": f"{common['notice_id']}-{place}"},
            status=(_text(block, "Status").split() or [""])[0], diagnostic=_text(block, "Diagnostic-Code"),
            data={"action": action, "reporting_mta": _typed(of_all, "Reporting-MTA") if of_all is not None else ""},
        ))  # fmt: skip
    return found


def _complaint(blocks: list[Mail], common: dict[str, Any]) -> list[Report]:
    fields = blocks[0] if blocks else None
    if fields is None or _text(fields, "Feedback-Type").lower() not in _COMPLAINTS:
        return []
    recipients = texts([email.utils.parseaddr(_text(fields, "Original-Rcpt-To"))[1]])
    given = common | {
        "paths": (*common["paths"], *texts([email.utils.parseaddr(_text(fields, "Original-Mail-From"))[1]])),
        "recipients": recipients or common["recipients"],
    }
    return [Report(kind=ReportKind.COMPLAINT, **given, data={
        "complaint_feedback_type": _text(fields, "Feedback-Type").lower(), "user_agent": _text(fields, "User-Agent"),
        "reporting_mta": _typed(fields, "Reporting-MTA"),
    })]  # fmt: skip


def _text(block: Mail, name: str) -> str:
    """A field on one line."""
    return str(cleaned(" ".join(str(block.get(name, "")).split()), 2_000))


def _typed(block: Mail, name: str) -> str:
    """A field that begins with its type, as in ``rfc822; kim@example.com``."""
    kind, semicolon, value = _text(block, name).partition(";")
    return (value if semicolon else kind).strip().strip("<>")


def _date(text: str) -> datetime.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)
