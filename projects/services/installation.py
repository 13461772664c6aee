"""The installation as a whole: all sending paused, and resumed."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects.models import Installation, User
from projects.services import audit


class SendingRefused(Refusal):
    """Sending is in that state already."""


def pause_sending(*, actor: User | None, now: datetime.datetime) -> None:
    """No campaign of any project begins another small batch, and no occurrence is claimed, until it is resumed."""
    _set(actor=actor, paused_at=now, verb="installation.sending_paused", refusal=_("All sending is paused already."), now=now)


def resume_sending(*, actor: User | None, now: datetime.datetime) -> None:
    _set(actor=actor, paused_at=None, verb="installation.sending_resumed", refusal=_("Sending is not paused."), now=now)


def _set(*, actor: User | None, paused_at: datetime.datetime | None, verb: str, refusal: str, now: datetime.datetime) -> None:
    with transaction.atomic():
        installation, _is_new = Installation.objects.get_or_create(singleton=True)
        waiting = Installation.objects.filter(singleton=True, sending_paused_at__isnull=paused_at is not None)
        if not waiting.update(sending_paused_at=paused_at):
            raise SendingRefused(refusal)
        audit.record(project=None, actor=actor, verb=verb, target=installation, now=now)
