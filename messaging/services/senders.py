"""Senders: added, verified by a mailed link within 24 hours, deleted. Only the hash of a link's token is kept."""

from __future__ import annotations

import datetime
import hashlib
import secrets

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from core.errors import Refusal
from messaging.models import Sender
from projects.models import Project, User
from projects.services import audit

LINK_VALID = datetime.timedelta(hours=24)


class SenderRefused(Refusal):
    """The sender was not added, verified or mailed."""


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
        sender = (
            Sender.objects.select_for_update(of=("self",)).select_related("project")
            .filter(token_hash=_hash(token), token_expires_at__gt=now, project__deleted_at=None)
            .first()
        )  # fmt: skip
        if sender is None:
            raise SenderRefused(_("This link is no longer valid. Ask for a new one on the senders page."))
        sender.verified_at = now
        sender.token_hash = ""
        sender.token_expires_at = None
        sender.save(update_fields=["verified_at", "token_hash", "token_expires_at"])
        audit.record(project=sender.project, actor=None, verb="sender.verified", target=sender, now=now, address=sender.address)
    return sender


def delete_sender(*, sender: Sender, actor: User, now: datetime.datetime) -> None:
    with transaction.atomic():
        audit.record(project=sender.project, actor=actor, verb="sender.deleted", target=sender, now=now, address=sender.address)
        sender.delete()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
