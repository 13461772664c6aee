"""What a colleague does to a person by hand: edit, opt out and in again, delete. Audited, without personal data."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from endpoints.models import Endpoint, OptOut, OptOutEntry
from endpoints.services import update
from endpoints.services.emptying import Emptied, empty_fields
from endpoints.services.opt_out import set_opt_out
from endpoints.writing.refusals import ItemRefused
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


def edit_endpoint(
    *, endpoint: Endpoint, actor: User, document: dict[str, Any], now: datetime.datetime, emptied: Emptied | None = None
) -> None:
    """Write an EndpointRequest document with the endpoint's ``Id``, and take fields away that such a document can't empty.

    Raises ``ItemRefused``; without fields it does nothing.
    """
    emptied = emptied or Emptied()
    given = sorted(set(document) - {"Id"})
    if not given and not emptied.members:
        return
    with transaction.atomic():
        if given:  # first: it locks the user before the endpoint
            (answer,) = update.update_endpoints(
                project=endpoint.project, items=[document], source=OptOutEntry.Source.CONSOLE, now=now, actor_id=actor.pk
            )
            if isinstance(answer, ItemRefused):
                raise answer
        if emptied.members:
            empty_fields(project_id=endpoint.project_id, endpoint_id=endpoint.pk, emptied=emptied, now=now)
        fields = sorted({*given, *emptied.members})
        audit.record(project=endpoint.project, actor=actor, verb="endpoint.edited", target=endpoint, now=now, fields=fields)


def delete_endpoint(*, endpoint: Endpoint, actor: User, now: datetime.datetime) -> None:
    """The endpoint, and its user when that was the last one. What was sent and what happened stays written down."""
    with transaction.atomic():
        update.delete_endpoints(project=endpoint.project, endpoint_ids=[endpoint.endpoint_id])
        audit.record(project=endpoint.project, actor=actor, verb="endpoint.deleted", target=endpoint, now=now)


def delete_user(*, endpoint: Endpoint, actor: User, now: datetime.datetime) -> None:
    """The endpoint's user with all endpoints. Raises ``NotChanged`` when it has no user."""
    if endpoint.user is None:
        raise NotChanged(_("This endpoint has no user."))
    with transaction.atomic():
        endpoints = update.delete_user_endpoints(project=endpoint.project, user_id=endpoint.user.user_id)
        audit.record(
            project=endpoint.project, actor=actor, verb="user.deleted", target=endpoint.user, now=now, endpoints=endpoints
        )
