"""The adapter's interface: what every way of sending e-mail takes and gives back."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext as _


class DeliveryStatus(enum.StrEnum):
    SUCCESS = "SUCCESS"  # the server took it
    FAILURE_PERMANENT = "FAILURE_PERMANENT"  # 5xx: never try again
    DEFERRED = "DEFERRED"  # 4xx, or not begun: may be tried again
    FAILED = "FAILED"  # the other side was asked and did not say that it took it (custom channel): never asked again
    UNKNOWN = "UNKNOWN"  # the connection was lost when the server may have had it: must not be sent again


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """``data`` is the whole RFC 5322 message with CRLF line ends, not dot-stuffed.

    ``token`` says whose message it is, signed: what a relay tells of it later may name it.
    """

    endpoint_id: int
    recipient: str
    envelope_from: str
    data: bytes
    token: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended. ``code`` is the SMTP reply code, or empty; ``reply`` the server's words."""

    endpoint_id: int
    status: DeliveryStatus
    code: str = ""
    reply: str = ""


class TransportDown(Exception):
    """No connection could be made; nothing was sent to anybody."""


class TransportBusy(TransportDown):
    """The server is well, but gives no place now: all connections are in use, or the day's quota is."""


class Transport(Protocol):
    """One Delivery for each message, in their order, always. Raises ``TransportDown`` only when nothing was begun."""

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]: ...

    def close(self) -> None: ...


class NoTransport:
    """For a live project of an installation without a mail server: nothing of it may end in the built-in mailbox."""

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        raise TransportDown(_("This installation has no mail server, and the sender has no relay."))

    def close(self) -> None:
        pass
