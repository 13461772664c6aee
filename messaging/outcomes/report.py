"""One thing that somebody tells of one message, in the house's own words."""

from __future__ import annotations

import datetime
import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from analytics.models import EventKind
from messaging.delivery.refusals import RefusalClass, classify

_TEXT_LIMIT = 500  # characters kept of what others say
_SURROGATES = re.compile("[\ud800-\udfff\x00]")  # what no database can hold
_REPLY = re.compile(r"([245]\d\d)[ -]")


class ReportKind(enum.StrEnum):
    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    DELIVERY = "DELIVERY"
    REJECT = "REJECT"  # the relay itself would not send it
    RENDERING_FAILURE = "RENDERING_FAILURE"


_KINDS = {
    ReportKind.COMPLAINT: EventKind.EMAIL_COMPLAINT,
    ReportKind.DELIVERY: EventKind.EMAIL_DELIVERED,
    ReportKind.REJECT: EventKind.EMAIL_REJECTED,
    ReportKind.RENDERING_FAILURE: EventKind.EMAIL_RENDERING_FAILURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``notice_id`` is the teller's own name of this; told twice, it is the same.

    Whose message it is, is found by ``paths`` (addresses that may be return paths), by ``links`` (what List-Unsubscribe said), both of
    which are signed, or by ``message_ids``, which anybody could write who ever got a message of the run: unless ``is_trusted``, one
    of the ``recipients`` must then be the endpoint's address.

    ``is_permanent``: what the teller says of a bounce; None: it must be told from ``status`` (RFC 3463) and ``diagnostic``.
    """

    kind: ReportKind
    notice_id: str
    at: datetime.datetime | None = None
    paths: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    is_trusted: bool = False
    is_permanent: bool | None = None
    status: str = ""
    diagnostic: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def refusal(self) -> RefusalClass:
        """What a bounce is about."""
        said = self.diagnostic.partition(";")[2].strip() if self.diagnostic.lower().startswith("smtp;") else self.diagnostic
        reply = _REPLY.match(said)
        code = reply[1] if reply else ""
        words = said if not self.status or self.status in said else f"{self.status} {said.removeprefix(code).lstrip(' -')}"
        if self.is_permanent:
            return RefusalClass.HARD
        found = classify(code=code if words is said else "", reply=words)
        is_gone = found is RefusalClass.HARD and self.is_permanent is None and not self.status.startswith("4")
        return RefusalClass.SOFT if found is RefusalClass.HARD and not is_gone else found

    @property
    def event_kind(self) -> EventKind:
        if self.kind is ReportKind.BOUNCE:
            return EventKind.EMAIL_HARDBOUNCE if self.refusal is RefusalClass.HARD else EventKind.EMAIL_SOFTBOUNCE
        return _KINDS[self.kind]

    def event_data(self) -> dict[str, Any]:
        """What the event keeps, in the words of Pinpoint's stream."""
        told = {"status": self.status, "diagnostic_code": self.diagnostic, **self.data}
        if self.kind is ReportKind.BOUNCE:
            told["class"] = self.refusal.value
            told.setdefault("bounce_type", "Permanent" if self.refusal is RefusalClass.HARD else "Transient")
        return {name: cleaned(value) for name, value in told.items() if value not in ("", None)}


def cleaned(value: Any, limit: int = _TEXT_LIMIT) -> Any:
    """A text as it may be kept."""
    return _SURROGATES.sub("", value)[:limit] if isinstance(value, str) else value


def instant(text: object) -> datetime.datetime | None:
    """An ISO 8601 instant with a zone; None for anything else."""
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def texts(values: Iterable[object]) -> tuple[str, ...]:
    """Those that are texts and not empty."""
    return tuple(cleaned(value, 2_000) for value in values if isinstance(value, str) and value)


def link_tokens(header: str) -> tuple[str, ...]:
    """The tokens of unsubscribe links in a List-Unsubscribe header."""
    return tuple(re.findall(r"/u/([A-Za-z0-9_-]{20,2000})", re.sub(r"\s+", "", header)))
