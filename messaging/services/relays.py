"""Relays of a project: saved with whose messages take them, tried out, deleted. Secrets are sealed at once and never shown again."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from messaging import queries
from messaging.delivery import DeliveryStatus, OutgoingMessage, RelayTransport, TransportDown, guard, routing
from messaging.domains import signing
from messaging.models import Relay, RelayRoute
from messaging.rendering import MessageContent, MimeBuilder, Rendered
from messaging.rendering.mime import ascii_address
from projects.models import Project, User
from projects.services import audit


class RelayRefused(Refusal):
    """The relay was not saved, or does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayValues:
    """What a relay is. ``secret``: a password or a secret key; empty keeps the one that is there.

    ``senders``: addresses and domains in lower case; empty: every sender that has no other relay.
    """

    name: str
    kind: str
    host: str = ""
    port: int = 587
    security: str = Relay.Security.STARTTLS
    user: str = ""
    secret: str = ""
    region: str = ""
    access_key_id: str = ""
    role_arn: str = ""
    configuration_set: str = ""
    spf_include: str = ""
    max_connections: int = 10
    messages_per_second: float | None = None
    senders: Sequence[str] = field(default=())


def save_relay(
    *, project: Project, actor: User | None, relay: Relay | None, values: RelayValues, now: datetime.datetime
) -> Relay:
    """Make a relay, or change one. Raises ``RelayRefused``, and ``TargetRefused`` for a server that relays may not use."""
    if values.kind == Relay.Kind.SMTP:
        guard.checked_address(host=values.host, port=values.port)
    made = relay or Relay(project=project, created_by=actor, created_at=now)
    _check_secret(made, values)
    try:
        with transaction.atomic():
            _assign(made, values)
            _route(made, values.senders)
            verb = "relay.changed" if relay else "relay.added"
            audit.record(project=project, actor=actor, verb=verb, target=made, now=now, name=made.name, place=made.place)
    except IntegrityError:
        raise RelayRefused(_("There is already a relay with this name, or one of its senders has another relay.")) from None
    return made


def _check_secret(relay: Relay, values: RelayValues) -> None:
    """A password that is kept goes nowhere else than before."""
    is_elsewhere = (relay.kind, relay.host, relay.user, relay.access_key_id) != (
        values.kind, values.host, values.user, values.access_key_id,
    )  # fmt: skip
    if relay.sealed_secret and not values.secret and is_elsewhere and (values.user or values.access_key_id):
        raise RelayRefused(_("Enter the password again: the server or the user is another one."))
    if values.security == Relay.Security.NONE and values.user and not guard.is_allowed(host=values.host):
        raise RelayRefused(_("A password is never sent in the clear. Choose STARTTLS or TLS."))


def _assign(relay: Relay, values: RelayValues) -> None:
    for name in (
        "name", "kind", "host", "port", "security", "user", "region", "access_key_id", "role_arn", "configuration_set",
        "spf_include", "max_connections", "messages_per_second",
    ):  # fmt: skip
        setattr(relay, name, getattr(values, name))
    if values.secret:
        relay.sealed_secret = secretbox.seal(values.secret)
    elif not (values.user or values.access_key_id):
        relay.sealed_secret = ""
    relay.save()


def _route(relay: Relay, senders: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(senders)) or [""]
    taken = (
        RelayRoute.objects.filter(project=relay.project, sender__in=wanted).exclude(relay=relay).select_related("relay").first()
    )
    if taken is not None and taken.sender:
        given = {"sender": taken.sender, "name": taken.relay.name}
        raise RelayRefused(_("%(sender)s already goes by the relay %(name)s.") % given)
    if taken is not None:
        raise RelayRefused(_("All other senders already go by the relay %(name)s. Say whose messages take this one.") % {
            "name": taken.relay.name
        })  # fmt: skip
    relay.routes.all().delete()
    RelayRoute.objects.bulk_create(RelayRoute(project=relay.project, relay=relay, sender=sender) for sender in wanted)


def delete_relay(*, relay: Relay, actor: User, now: datetime.datetime) -> None:
    """Delete a relay: from the next small batch on its senders take the way that is left."""
    with transaction.atomic():
        audit.record(
            project=relay.project, actor=actor, verb="relay.deleted", target=relay, now=now, name=relay.name, place=relay.place
        )
        relay.delete()


def try_relay(*, relay: Relay, actor: User, now: datetime.datetime) -> str:
    """Try a relay: a mail to the actor from one of its senders, or, where there is none or in practice, the connection alone.

    Returns the address that was mailed to, empty for none. Raises ``RelayRefused``.
    """
    sender = "" if relay.project.is_practice else _sender_of(relay)
    transport = RelayTransport(relay=relay)
    try:
        if sender:
            _send(transport, relay, sender, actor, now)
        else:
            transport.check()
    except TransportDown as down:
        raise RelayRefused(_("%(place)s can't be used: %(reason)s") % {"place": relay.place, "reason": down}) from down
    finally:
        transport.close()
    audit.record(
        project=relay.project, actor=actor, verb="relay.tested", target=relay, now=now, name=relay.name, place=relay.place
    )
    return actor.email if sender else ""


def _sender_of(relay: Relay) -> str:
    usable = (sender.address for sender in queries.usable_senders(project=relay.project))
    return next((one for one in usable if routing.relay_for(project=relay.project, sender=one) == relay), "")


def _send(transport: RelayTransport, relay: Relay, sender: str, actor: User, now: datetime.datetime) -> None:
    content = MessageContent(from_address=sender, subject="")
    without = routing.rewritten_headers(project=relay.project, sender=sender)
    signer = signing.signer_for(project=relay.project, address=sender, without=without)
    rendered = Rendered(
        subject=_("A test of the relay %(name)s") % {"name": relay.name}, preheader="", html="", unsubscribe_url="",
        text=_("This mail left by the relay %(name)s (%(place)s). It works.") % {"name": relay.name, "place": relay.place},
    )  # fmt: skip
    data = MimeBuilder(content=content, project_id=relay.project.public_id, signer=signer).build(
        rendered=rendered, recipient=actor.email, message_id=uuid.uuid4().hex, now=now
    )
    message = OutgoingMessage(endpoint_id=0, recipient=actor.email, envelope_from=ascii_address(sender), data=data)
    (delivery,) = transport.send_batch([message])
    if delivery.status != DeliveryStatus.SUCCESS:
        raise RelayRefused(_("The mail server refused it: %(reply)s") % {"reply": delivery.reply or delivery.code})
