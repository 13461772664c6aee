"""What a colleague does to one endpoint by hand: opt out and in again, delete. Audited, without personal data."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from endpoints.models import Endpoint, OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from projects.models import User
from projects.services import audit


class NotChanged(Refusal):
    """It was so already."""


def change_opt_out(*, endpoint: Endpoint, actor: User, opt_out: OptOut, now: datetime.datetime) -> None:
    """Opt an endpoint out, or in again. Raises ``NotChanged``."""
    with transaction.atomic():
        if not set_opt_out(
            project_id=endpoint.project_id, endpoint_id=endpoint.pk, opt_out=opt_out, source=OptOutEntry.Source.CONSOLE, now=now,
            actor_id=actor.pk,
        ):  # fmt: skip
            raise NotChanged(_("Nothing was changed: it was so already."))
        verb = "endpoint.opted_out" if opt_out == OptOut.ALL else "endpoint.opted_in"
        audit.record(project=endpoint.project, actor=actor, verb=verb, target=endpoint, now=now)
