"""What a webhook is told, and how the call went."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from analytics.models import WebhookDelivery
from analytics.records.shape import each_record
from analytics.stream.reading import events_of
from core import outbound, standard_webhooks
from projects.models import Project

_SECONDS = 15.0
_ANSWER_BYTES = 64 << 10  # nobody reads it
_GONE = 410


@dataclass(frozen=True, slots=True)
class Message:
    """``id`` is the same whenever the delivery is attempted: the program on the other side knows what it had already."""

    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` 0: there was none; ``error`` is empty when the message was taken."""

    status: int
    error: str = ""

    @property
    def is_gone(self) -> bool:
        """It says of itself that it will not come back."""
        return self.status == _GONE


def messages(*, project: Project, deliveries: Sequence[WebhookDelivery]) -> dict[int, Message]:
    """By the delivery's number; without those whose event is gone, because its person was erased."""
    keys = [(one.occurred_at, one.event_id) for one in deliveries]
    events = sorted(events_of(project_id=project.pk, keys=keys).values(), key=lambda event: event.position)
    bodies = {
        event.id: body_of(record, at=event.occurred_at)
        for event, record in zip(events, each_record(project=project, events=events), strict=True)
    }
    return {
        one.pk: Message(f"evt_{one.webhook_id}_{one.event_id.hex}", bodies[one.event_id])
        for one in deliveries
        if one.event_id in bodies
    }


def body_of(record: dict[str, Any], *, at: datetime.datetime) -> bytes:
    timestamp = at.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": record["event_type"], "timestamp": timestamp, "data": record})


def post(*, url: str, secret: str, message: Message, now: datetime.datetime) -> Answer:
    """One call. Never raises for what the other side does."""
    headers = standard_webhooks.signed(secret=secret, message_id=message.id, at=now, body=message.body)
    try:
        answer = outbound.call(
            url, headers={"Content-Type": "application/json", **headers}, body=message.body, seconds=_SECONDS, limit=_ANSWER_BYTES,
            allow_private=settings.WEBHOOK_PRIVATE_HOSTS,
        )  # fmt: skip
    except outbound.OutboundError as error:
        return Answer(0, str(error) or "no answer")
    if 200 <= answer.status < 300:
        return Answer(answer.status)
    return Answer(answer.status, f"the answer was {answer.status}")
