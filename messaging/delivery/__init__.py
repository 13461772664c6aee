"""From a finished message to a server: the transport that a project's messages take."""

from __future__ import annotations

from django.conf import settings

from messaging.delivery.session import Server
from messaging.delivery.smtp import SmtpTransport
from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage, Transport, TransportDown
from projects.models import Project

__all__ = [
    "Delivery",
    "DeliveryStatus",
    "OutgoingMessage",
    "Server",
    "SmtpTransport",
    "Transport",
    "TransportDown",
    "transport_for",
]


def transport_for(*, project: Project) -> Transport:
    """Practice goes to the built-in mailbox, live through ``EMAIL_URL``; both by SMTP."""
    if project.is_practice:
        return SmtpTransport(server=Server(host=settings.MAILBOX_HOST, port=settings.MAILBOX_PORT))
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
