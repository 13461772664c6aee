"""Taking a slice from a worker that hangs."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Slice
from core.errors import Refusal
from projects.models import User
from projects.services import audit


class NoLease(Refusal):
    """Nobody holds the slice."""


def end_lease(*, slice_id: int, actor: User, now: datetime.datetime) -> None:
    """Let another worker claim a slice at once. The one that held it can write nothing more of it (its epoch is past)."""
    with transaction.atomic():
        held = Slice.objects.select_related("run__project").select_for_update(of=("self",)).get(pk=slice_id)
        if held.state != Slice.State.OPEN or held.lease_until is None:
            raise NoLease(_("Nobody holds this slice."))
        # The epoch moves here already, so that a worker that wakes up between this and the next claim is refused, too.
        Slice.objects.filter(pk=slice_id).update(epoch=held.epoch + 1, lease_until=None, lease_owner="")
        audit.record(project=held.run.project, actor=actor, verb="slice.lease_ended", target=held, now=now)
