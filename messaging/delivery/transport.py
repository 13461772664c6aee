"""The adapter's interface: what every way of sending e-mail takes and gives back."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class DeliveryStatus(enum.StrEnum):
    SUCCESS = "SUCCESS"  # the server took it
    FAILURE_PERMANENT = "FAILURE_PERMANENT"  # 5xx: never try again
    DEFERRED = "DEFERRED"  # 4xx, or not begun: may be tried again
    UNKNOWN = "UNKNOWN"  # the connection was lost when the server may have had it: must not be sent again


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """``data`` is the whole RFC 5322 message with CRLF line ends, not dot-stuffed."""

    endpoint_id: int
    recipient: str
    envelope_from: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended. ``code`` is the SMTP reply code, or empty; ``reply`` the server's words."""

    endpoint_id: int
    status: DeliveryStatus
    code: str = ""
    reply: str = ""


class TransportDown(Exception):
    """No connection could be made; nothing was sent to anybody."""


class Transport(Protocol):
    """One Delivery for each message, in their order, always. Raises ``TransportDown`` only when nothing was begun."""

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]: ...

    def close(self) -> None: ...
