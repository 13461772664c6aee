"""Taking work from a worker that hangs: what every lease with an epoch has in common."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from core.errors import Refusal


class NoLease(Refusal):
    """Nobody holds the work."""


def end_lease(*, rows: QuerySet[Any]) -> None:
    """Free the one row, so that another worker claims it at once. Raises ``NoLease`` when nobody holds it (any more).

    Every write of the worker that had it states the epoch, which moves here already: it can write nothing more of it.
    """
    if rows.filter(lease_until__isnull=False).update(epoch=F("epoch") + 1, lease_until=None) != 1:
        raise NoLease(_("Nobody holds this work."))
