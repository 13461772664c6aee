"""Sending to single people at once. Whoever opted out or is on the suppression list gets nothing, an address gets one message.

What was sent can't be taken back: the events are written after it, and where that fails the messages have gone out without them.
"""

from __future__ import annotations

import datetime
import email
import email.policy
import email.utils
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils.translation import gettext as _

from analytics.events import EventRow
from analytics.links import LinkContext, RunLinks, run_links
from analytics.models import EventKind
from analytics.services import mail_domains
from analytics.services.record import record_events
from core.errors import Refusal
from endpoints.models import ChannelType, OptOut
from messaging import queries
from messaging.delivery import Delivery, DeliveryStatus, OutgoingMessage, TransportBusy, TransportDown, routing, transport_for
from messaging.delivery.refusals import RefusalClass, classify
from messaging.direct import DirectMessage, DirectRefused, Recipient, message_for
from messaging.domains import signing
from messaging.domains.dkim import Signer
from messaging.rendering import MimeBuilder, render
from messaging.rendering.mime import ascii_address
from messaging.suppression.checking import Check
from messaging.suppression.keys import key_of
from projects.models import Project


@dataclass(frozen=True, slots=True)
class Result:
    """In Pinpoint's words: ``status`` is its DeliveryStatus, ``code`` as HTTP's."""

    status: str
    code: int
    message: str
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class _Built:
    recipient: Recipient
    message: OutgoingMessage
    message_id: str


_STATUSES = {
    DeliveryStatus.SUCCESS: ("SUCCESSFUL", 200), DeliveryStatus.FAILURE_PERMANENT: ("PERMANENT_FAILURE", 400),
    DeliveryStatus.DEFERRED: ("TEMPORARY_FAILURE", 500), DeliveryStatus.FAILED: ("PERMANENT_FAILURE", 400),
    DeliveryStatus.UNKNOWN: ("UNKNOWN_FAILURE", 500),
}  # fmt: skip


def send_direct(
    *, project: Project, recipients: Sequence[Recipient], message: DirectMessage, now: datetime.datetime
) -> dict[str, Result]:
    """What became of each, by its key. Raises ``DirectRefused`` when nothing of it can be sent."""
    results = _refused(project, recipients)
    left = [one for one in recipients if one.key not in results]
    if not left:
        return results
    message = _from_sender(project, message)
    domains = _domains(project, left)
    outgoing, failed = _built(project, left, message, domains, now)
    results |= failed
    if outgoing:
        deliveries = _delivered(project, message.content.from_address, [one.message for one in outgoing])
        told = list(zip(outgoing, deliveries, strict=True))
        results |= {one.recipient.key: _result(delivery, one.message_id) for one, delivery in told}
        _record(project, [(one.recipient, delivery) for one, delivery in told], domains, now)
    return results


def _domains(project: Project, recipients: Sequence[Recipient]) -> dict[str, int]:
    """Of the recipients that are endpoints, by their keys: the number of where the mail goes."""
    names = {one.key: key_of(one.address).rpartition("@")[2] for one in recipients if one.endpoint_pk}
    if not names:
        return {}
    with transaction.atomic():
        numbers = mail_domains.numbers_of(project_id=project.pk, names=set(names.values()))
    return {key: numbers[name] for key, name in names.items()}


def _refused(project: Project, recipients: Sequence[Recipient]) -> dict[str, Result]:
    """Who gets nothing, whatever the message says."""
    keys = {one.key: key_of(one.address) for one in recipients if one.channel == ChannelType.EMAIL and "@" in one.address}
    listed = Check(project_id=project.pk).among(set(keys.values()))
    found: dict[str, Result] = {}
    seen: set[str] = set()
    for one in recipients:
        if one.channel != ChannelType.EMAIL:
            found[one.key] = Result(
                "PERMANENT_FAILURE", 400, f"This version sends e-mail only; {one.channel or 'no channel'} has no adapter yet."
            )
        elif one.key not in keys:
            found[one.key] = Result("PERMANENT_FAILURE", 400, "It is no e-mail address.")
        elif one.opt_out == OptOut.ALL:
            found[one.key] = Result("OPT_OUT", 400, "The endpoint has opted out.")
        elif keys[one.key] in listed:
            found[one.key] = Result("PERMANENT_FAILURE", 400, "The address is on the suppression list.")
        elif keys[one.key] in seen:
            found[one.key] = Result("DUPLICATE", 400, "The address stands in this request already.")
        else:
            seen.add(keys[one.key])
    return found


def _from_sender(project: Project, message: DirectMessage) -> DirectMessage:
    """With an address that the project may send from: the message's, else the e-mail channel's."""
    if message.raw:
        parsed = email.message_from_bytes(message.raw, policy=email.policy.compat32)
        name, address = email.utils.parseaddr(str(parsed.get("From", "")))
    else:
        name, address = message.content.from_name, message.content.from_address
    if not address:
        name, address = email.utils.parseaddr(queries.default_sender(project=project))
    if not address:
        raise DirectRefused(_("Nobody is named as the sender: give FromAddress, or set the e-mail channel."))
    if not queries.may_send_from(project=project, address=address):
        raise DirectRefused(_("The sender %(address)s is not verified.") % {"address": address})
    return replace(message, content=replace(message.content, from_address=address, from_name=name))


def _built(
    project: Project, recipients: Sequence[Recipient], message: DirectMessage, domains: Mapping[str, int], now: datetime.datetime
) -> tuple[list[_Built], dict[str, Result]]:
    """The messages, and whose could not be written. Opens and clicks count for those who are endpoints."""
    links = run_links(context=LinkContext(project.pk))
    sender = message.content.from_address
    signer = signing.signer_for(
        project=project, address=sender, without=routing.rewritten_headers(project=project, sender=sender)
    )
    built: list[_Built] = []
    failed: dict[str, Result] = {}
    for number, recipient in enumerate(recipients):
        message_id = uuid.uuid4().hex
        try:
            if recipient.endpoint_pk:
                links.set_recipient(recipient.endpoint_pk, domains[recipient.key])
            data = _data(project, message, recipient, links if recipient.endpoint_pk else None, signer, message_id, now)
        except (Refusal, ValueError) as refused:
            said = refused.message if isinstance(refused, Refusal) else "No header can carry the address."
            failed[recipient.key] = Result("PERMANENT_FAILURE", 400, said)
            continue
        envelope_from = ascii_address(sender)
        outgoing = OutgoingMessage(endpoint_id=number, recipient=recipient.address, envelope_from=envelope_from, data=data)
        built.append(_Built(recipient, outgoing, message_id))
    return built, failed


def _data(
    project: Project,
    message: DirectMessage,
    recipient: Recipient,
    links: RunLinks | None,
    signer: Signer | None,
    message_id: str,
    now: datetime.datetime,
) -> bytes:
    if message.raw:
        whole = message.raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        return whole if signer is None else signer.sign(whole, now=now)
    program, content, values = message_for(message, recipient, allow_unescaped=project.allows_raw_values)
    builder = MimeBuilder(content=content, project_id=project.public_id, signer=signer)
    rendered = render(program, document=values, links=links, endpoint_id=recipient.endpoint_pk, now=now)
    if not program.has_unsubscribe:  # a receipt is no list that one leaves
        rendered.unsubscribe_url = ""
    return builder.build(rendered=rendered, recipient=recipient.address, message_id=message_id, now=now)


def _delivered(project: Project, sender: str, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
    transport = transport_for(project=project, sender=sender)
    try:
        return transport.send_batch(messages)
    except TransportDown as down:  # nothing was sent to anybody
        code = "busy" if isinstance(down, TransportBusy) else ""
        return [Delivery(one.endpoint_id, DeliveryStatus.DEFERRED, code, str(down)) for one in messages]
    finally:
        transport.close()


def _result(delivery: Delivery, message_id: str) -> Result:
    if delivery.code == "busy":
        return Result("THROTTLED", 429, delivery.reply)
    status, code = _STATUSES[delivery.status]
    return Result(status, code, delivery.reply or delivery.code or status, message_id)


def _record(
    project: Project, told: Sequence[tuple[Recipient, Delivery]], domains: Mapping[str, int], now: datetime.datetime
) -> None:
    """The events of those who are endpoints: sent, and delivered or bounced."""
    events: list[EventRow] = []
    for recipient, delivery in told:
        kind, data = _outcome(delivery)
        if kind is None or not recipient.endpoint_pk:
            continue
        for one, said in ((EventKind.EMAIL_SEND, None), (kind, data)):
            events.append(
                EventRow(
                    id=uuid.uuid4(), occurred_at=now, project_id=project.pk, endpoint_id=recipient.endpoint_pk, kind=one, data=said,
                    domain=domains[recipient.key],
                )
            )  # fmt: skip
    if events:
        with transaction.atomic():
            record_events(events=events)


def _outcome(delivery: Delivery) -> tuple[EventKind | None, dict[str, str] | None]:
    if delivery.status == DeliveryStatus.SUCCESS:
        return EventKind.EMAIL_DELIVERED, None
    if delivery.status != DeliveryStatus.FAILURE_PERMANENT:
        return None, None  # it may come again, or nobody knows
    kind = classify(code=delivery.code, reply=delivery.reply)
    is_hard = kind is RefusalClass.HARD
    data = {
        "bounce_type": "Permanent" if is_hard else "Transient",
        "code": delivery.code,
        "reply": delivery.reply,
        "class": kind.value,
    }
    return (EventKind.EMAIL_HARDBOUNCE if is_hard else EventKind.EMAIL_SOFTBOUNCE), data
