"""Senders: added, verified by a mailed link within 24 hours, deleted. Only the hash of a link's token is kept."""

from __future__ import annotations

import datetime
import hashlib
import secrets
import zoneinfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import Refusal
from messaging.models import Sender
from projects import zones
from projects.models import Project, User
from projects.services import audit

LINK_VALID = datetime.timedelta(hours=24)


class SenderRefused(Refusal):
    """The sender was not added, verified or mailed."""


class LinkUsed(SenderRefused):
    """The link verified its sender already."""


def add_sender(*, project: Project, actor: User | None, name: str, address: str, now: datetime.datetime) -> Sender:
    """Add a sender, not verified yet; raises ``SenderRefused`` when the address is there already."""
    try:
        with transaction.atomic():
            sender = Sender.objects.create(project=project, name=name, address=address, created_by=actor, created_at=now)
            audit.record(project=project, actor=actor, verb="sender.added", target=sender, now=now, address=address)
    except IntegrityError:
        raise SenderRefused(_("This address is a sender of the project already.")) from None
    return sender


def send_verification(*, sender: Sender, now: datetime.datetime) -> None:
    """Mail a new link to the sender's address; an earlier one stops working. Raises ``SenderRefused`` when mail can't be sent."""
    token = secrets.token_urlsafe(32)
    Sender.objects.filter(pk=sender.pk).update(token_hash=_hash(token), token_expires_at=now + LINK_VALID)
    link = settings.PUBLIC_URL + reverse("messaging:verify-sender", args=[token])
    message = EmailMessage(
        subject=_("Confirm %(address)s as a sender") % {"address": sender.address},
        body=_(
            "Somebody wants to send campaigns of the project “%(project)s” from this address.\n\n"
            "If that is you, open this link within 24 hours:\n%(link)s\n\nIf not, do nothing."
        )
        % {"project": sender.project.name, "link": link},
        to=[sender.address],
        headers={"X-Pabal-Project": sender.project.public_id},
    )
    try:
        message.send()
    except OSError as error:
        raise SenderRefused(_("The mail could not be sent (%(reason)s). Try again.") % {"reason": error}) from error


def verify_sender(*, token: str, now: datetime.datetime) -> Sender:
    """Verify the sender whose link this is, once; raises ``SenderRefused``."""
    with transaction.atomic():
        sender = _of_link(token).select_for_update(of=("self",)).first()
        if sender is None:
            raise SenderRefused(_("This link is no longer valid. Ask for a new one on the senders page."))
        _check_usable(sender, now)
        sender.verified_at = now
        sender.token_expires_at = None  # the hash stays, so that the link says later that it was used
        sender.save(update_fields=["verified_at", "token_expires_at"])
        audit.record(project=sender.project, actor=None, verb="sender.verified", target=sender, now=now, address=sender.address)
    return sender


def check_link(*, token: str, now: datetime.datetime) -> None:
    """Raise ``SenderRefused`` with what there is to say about a link that can't verify any more; changes nothing."""
    sender = _of_link(token).first()
    if sender is None:
        raise SenderRefused(_("This link is no longer valid. Ask for a new one on the senders page."))
    _check_usable(sender, now)


def _of_link(token: str) -> QuerySet[Sender]:
    return Sender.objects.select_related("project").filter(token_hash=_hash(token), project__deleted_at=None)


def _check_usable(sender: Sender, now: datetime.datetime) -> None:
    given = {"address": sender.address}
    if sender.token_expires_at is None:
        given["at"] = _instant(sender, sender.verified_at)
        raise LinkUsed(_("%(address)s was confirmed with this link on %(at)s already. There is nothing left to do.") % given)
    if sender.token_expires_at <= now:
        given["at"] = _instant(sender, sender.token_expires_at)
        raise SenderRefused(_("This link for %(address)s expired on %(at)s. Ask for a new one on the senders page.") % given)


def _instant(sender: Sender, at: datetime.datetime | None) -> str:
    """An instant on the clock of the project: whoever opens the link need not be logged in."""
    if at is None:
        return "–"
    name = sender.project.time_zone
    return f"{at.astimezone(zoneinfo.ZoneInfo(name)):%Y-%m-%d %H:%M} {zones.short(name)}"


def delete_sender(*, sender: Sender, actor: User, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(project=sender.project, actor=actor, verb="sender.deleted", target=sender, now=now, address=sender.address)
        sender.delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
