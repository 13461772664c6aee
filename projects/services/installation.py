"""The installation as a whole: all sending paused, and resumed."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from projects import place
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


def note_alive(*, now: datetime.datetime) -> None:
    """A backup that is made from now on knows when it was made, to the interval of the tick; ARNs name the account of the settings."""
    said = {"account_id": settings.ACCOUNT_ID, "region": settings.ACCOUNT_REGION}
    named = {name: value for name, value in said.items() if value}
    Installation.objects.update_or_create(singleton=True, defaults={"alive_at": now, **named})


def settle(*, now: datetime.datetime) -> datetime.datetime | None:
    """Note where the database lives. The instant since which something may be lacking, when it came here from a backup; else None.

    Within the caller's transaction: two at once, and one of them is told.
    """
    Installation.objects.get_or_create(singleton=True)
    held = Installation.objects.select_for_update().get(singleton=True)
    here = place.here()
    if held.place == here:
        return None
    is_first = not held.place
    Installation.objects.filter(singleton=True).update(place=here)
    return None if is_first else held.alive_at or held.created_at


def note_restored(*, since: datetime.datetime, actor: User | None, now: datetime.datetime) -> None:
    """Keep that what happened between ``since`` and now is not in the database."""
    with transaction.atomic():
        installation, _is_new = Installation.objects.get_or_create(singleton=True)
        Installation.objects.filter(singleton=True).update(restored_from=since, restored_at=now)
        audit.record(
            project=None, actor=actor, verb="installation.restored", target=installation, now=now, since=since.isoformat()
        )
