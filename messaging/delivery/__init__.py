"""From a finished message to a server: the transport that a project's messages take."""

from __future__ import annotations

from django.conf import settings

from messaging.delivery import routing
from messaging.delivery.relaying import RelayTransport
from messaging.delivery.session import Server
from messaging.delivery.smtp import SmtpTransport
from messaging.delivery.transport import (
    Delivery,
    DeliveryStatus,
    NoTransport,
    OutgoingMessage,
    Transport,
    TransportBusy,
    TransportDown,
)
from projects.models import Project

__all__ = [
    "Delivery",
    "DeliveryStatus",
    "NoTransport",
    "OutgoingMessage",
    "RelayTransport",
    "Server",
    "SmtpTransport",
    "Transport",
    "TransportBusy",
    "TransportDown",
    "transport_for",
]


def transport_for(*, project: Project, sender: str) -> Transport:
    """Practice goes to the built-in mailbox; live by the sender's relay, or through ``EMAIL_URL`` where it has none."""
    if project.is_practice:
        return SmtpTransport(server=Server(host=settings.MAILBOX_HOST, port=settings.MAILBOX_PORT))
    relay = routing.relay_for(project=project, sender=sender)
    if relay is not None:
        return RelayTransport(relay=relay)
    if not settings.EMAIL_URL:
        return NoTransport()
    return SmtpTransport(
        server=Server(
            host=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            user=settings.EMAIL_HOST_USER,
            password=settings.EMAIL_HOST_PASSWORD,
            starttls=settings.EMAIL_USE_TLS,
            implicit_tls=settings.EMAIL_USE_SSL,
        )
    )
