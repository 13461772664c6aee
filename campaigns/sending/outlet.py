"""What a run's messages are made of and how they leave, by its channel."""

from __future__ import annotations

import datetime
from typing import Protocol

from analytics.links import RunLinks
from campaigns.custom import delivery
from campaigns.models import Run
from campaigns.sending.message import RunMessage, sender_of
from endpoints.queries import EndpointRow
from messaging.delivery import OutgoingMessage, Transport, transport_for


class Message(Protocol):
    def build(self, *, row: EndpointRow, now: datetime.datetime, domain: int | None = None) -> OutgoingMessage:
        """Raises ``ValueError`` for a recipient who can't be written to. ``domain``: the number of where a mail goes."""


def message_of(run: Run, links: RunLinks) -> Message:
    return delivery.CustomMessage() if run.content.get("Custom") else RunMessage(run=run, links=links)


def transport_of(run: Run) -> Transport:
    if run.content.get("Custom"):
        return delivery.transport_of(run)
    return transport_for(project=run.project, sender=sender_of(run))
