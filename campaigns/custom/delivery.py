"""Handing endpoints to the program: a message is an endpoint's document, a batch some calls.

A call that may have been taken is never made again: whoever was in it ends as CUSTOM_DELIVERY_FAILURE.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from campaigns import channels
from campaigns.hooks import payload
from campaigns.models import Run
from core import calling
from core.calling import CallFailed, Target
from endpoints.queries import EndpointRow
from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, TransportDown

_NOT_TAKEN = (429, 503)  # answers by which it says that it did nothing: those are tried again later
_WORDS = 200  # characters kept of what went wrong


def target_of(uri: str) -> Target | None:
    """What a ``DeliveryUri`` says to call: a Lambda function's ARN, or an address."""
    if not uri:
        return None
    return Target(url=uri) if "://" in uri else Target(function=uri)


class CustomMessage:
    """Builds a run's messages: each is ``"Id": document``, as it stands among the endpoints of a call."""

    def build(self, *, row: EndpointRow, now: datetime.datetime, domain: int | None = None) -> OutgoingMessage:
        pair = f"{json.dumps(row.document['Id'])}: {json.dumps(row.document, ensure_ascii=False)}"
        return OutgoingMessage(endpoint_id=row.id, recipient=row.address, envelope_from="", data=pair.encode())


class CustomTransport:
    """The adapter's interface over calls of fifty endpoints. ``head``: what each call says beside them."""

    def __init__(self, *, target: Target, head: Mapping[str, Any], wait: Callable[[float], None] = time.sleep) -> None:
        self._target = target
        self._head = json.dumps(head, ensure_ascii=False).encode()[:-1]
        self._wait = wait

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        done: list[Delivery] = []
        for at in range(0, len(messages), calling.ENDPOINTS):
            some = messages[at : at + calling.ENDPOINTS]
            try:
                done += self._call(some)
            except CallFailed as failed:  # it was not reached
                if not done:
                    raise TransportDown(str(failed)) from failed
                reply = str(failed)[:_WORDS]
                return done + [Delivery(one.endpoint_id, DeliveryStatus.DEFERRED, "", reply) for one in messages[at:]]
        return done

    def close(self) -> None:
        pass

    def _call(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        """Raises ``CallFailed`` when nothing of it was begun."""
        body = self._head + b', "Endpoints": {' + b", ".join(message.data for message in messages) + b"}}"
        try:
            calling.attempts(
                lambda: self._target.call(body), wait=self._wait, may_repeat=lambda failed: not failed.was_sent
            )  # fmt: skip
        except CallFailed as failed:
            if not failed.was_sent:
                raise
            status = DeliveryStatus.DEFERRED if failed.status in _NOT_TAKEN else DeliveryStatus.FAILED
            return [Delivery(one.endpoint_id, status, str(failed.status or ""), str(failed)[:_WORDS]) for one in messages]
        return [Delivery(one.endpoint_id, DeliveryStatus.SUCCESS) for one in messages]


class PracticeTransport:
    """In practice nothing leaves the installation."""

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        raise TransportDown(_("The project is in practice mode, where no program is called."))

    def close(self) -> None:
        pass


def transport_of(run: Run) -> CustomTransport | PracticeTransport:
    """For a run whose content was frozen with a program to call."""
    custom = channels.custom_of_parts(run.content["Custom"], run.content["Message"])
    target = target_of(custom.uri)
    assert target is not None  # the freeze has asked
    if run.project.is_practice:
        return PracticeTransport()
    return CustomTransport(target=target, head=payload.head(run=run) | said(custom.data))


def said(data: str) -> dict[str, Any]:
    """The message as a call says it (reference, section 6.4)."""
    return {"Message": {"Data": data}, "Data": data}
