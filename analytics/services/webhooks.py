"""Webhooks of a project: saved, paused, resumed, tried out, deleted, and their deliveries sent again.

Each change takes the webhook from the worker that has it: what that one is calling may be called again, with the same id.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.event_names import names_of
from analytics.models import Webhook, WebhookDelivery
from analytics.stream.horizon import settled_position
from analytics.webhooks.message import Message, body_of, post
from core import outbound, secretbox, standard_webhooks
from core.errors import Refusal
from core.transitions import transition
from projects.models import Project, User
from projects.services import audit

LIMIT = 10  # of a project
_S, _D = Webhook.State, WebhookDelivery.State
_STATES: dict[str, frozenset[str]] = {_S.PAUSED: frozenset({_S.RUNNING}), _S.RUNNING: frozenset({_S.PAUSED, _S.DISABLED})}
_REFUSALS = {
    _S.PAUSED: gettext_lazy("Only a webhook that is running can be paused."),
    _S.RUNNING: gettext_lazy("The webhook is running already."),
}
_DELIVERIES: dict[str, frozenset[str]] = {_D.WAITING: frozenset({_D.DELIVERED, _D.FAILED, _D.WAITING})}
_FRESH: dict[str, Any] = {"not_before": None, "failures": 0, "failing_since": None, "disabled_at": None, "lease_until": None}


class WebhookRefused(Refusal):
    """The webhook was not saved, or was not reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookValues:
    """``types``: names of event types."""

    url: str
    types: Sequence[str]


def save_webhook(
    *, project: Project, actor: User, webhook: Webhook | None, values: WebhookValues, now: datetime.datetime
) -> Webhook:
    """Make a webhook, which is told of what happens from now on, or change one. Raises ``WebhookRefused``."""
    try:
        outbound.check_form(values.url, allow_private=settings.WEBHOOK_PRIVATE_HOSTS)
    except outbound.OutboundRefused as refused:
        raise WebhookRefused(_("%(url)s can't be called: %(reason)s.") % {"url": values.url[:200], "reason": refused}) from None
    if not values.types or set(values.types) - set(names_of(project_id=project.pk).values()):
        raise WebhookRefused(_("Choose at least one type of events."))
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if webhook is None and Webhook.objects.filter(project=project).count() >= LIMIT:
            raise WebhookRefused(_("A project has %(limit)s webhooks at most. Delete one.") % {"limit": LIMIT})
        made = webhook or Webhook(
            project=project, position=settled_position(), created_by=actor, created_at=now,
            sealed_secret=secretbox.seal(standard_webhooks.new_secret()),
        )  # fmt: skip
        made.url, made.types = values.url, sorted(set(values.types))
        if webhook is None:
            made.save()
        else:
            Webhook.objects.filter(pk=made.pk).update(
                url=made.url, types=made.types, epoch=F("epoch") + 1, lease_until=None, not_before=None
            )
        verb = "webhook.changed" if webhook else "webhook.added"
        audit.record(project=project, actor=actor, verb=verb, target=made, now=now, name=made.url)
    return made


def signing_secret(webhook: Webhook) -> str:
    """What an owner gives to the program; empty when it can't be opened any more."""
    try:
        return secretbox.unseal(webhook.sealed_secret)
    except InvalidToken:
        return ""


def replace_secret(*, webhook: Webhook, actor: User, now: datetime.datetime) -> None:
    """Sign with another secret from now on."""
    with transaction.atomic():
        sealed = secretbox.seal(standard_webhooks.new_secret())
        Webhook.objects.filter(pk=webhook.pk).update(
            sealed_secret=sealed, epoch=F("epoch") + 1, lease_until=None, not_before=None
        )
        _note(webhook, actor, "webhook.secret_replaced", now)


def pause_webhook(*, webhook: Webhook, actor: User, now: datetime.datetime) -> None:
    """Tell it nothing until it is resumed; what happens meanwhile waits. Raises ``TransitionRefused``."""
    _move(webhook, _S.PAUSED, actor, "webhook.paused", now)


def resume_webhook(*, webhook: Webhook, actor: User, now: datetime.datetime) -> None:
    """Go on where it was paused, or disabled. Raises ``TransitionRefused``."""
    _move(webhook, _S.RUNNING, actor, "webhook.resumed", now)


def _move(webhook: Webhook, to: Webhook.State, actor: User, verb: str, now: datetime.datetime) -> None:
    with transaction.atomic():
        rows = Webhook.objects.filter(pk=webhook.pk)
        transition(queryset=rows, table=_STATES, to=to, refusal=_REFUSALS[to], epoch=F("epoch") + 1, **_FRESH)
        _note(webhook, actor, verb, now)


def note_disabled(*, webhook: Webhook, now: datetime.datetime) -> None:
    """Owners see that nobody but the webhook itself did it."""
    audit.record(project=webhook.project, actor=None, verb="webhook.disabled", target=webhook, now=now, name=webhook.url)


def delete_webhook(*, webhook: Webhook, actor: User, now: datetime.datetime) -> None:
    """With its log."""
    with transaction.atomic():
        _note(webhook, actor, "webhook.deleted", now)
        webhook.delete()


def resend(*, delivery: WebhookDelivery, actor: User, now: datetime.datetime) -> None:
    """Tell of one event again, whatever became of it. Raises ``TransitionRefused``."""
    with transaction.atomic():
        transition(
            queryset=WebhookDelivery.objects.filter(pk=delivery.pk), table=_DELIVERIES, to=_D.WAITING, refusal="", attempts=0,
            next_attempt_at=now,
        )  # fmt: skip
        _note(delivery.webhook, actor, "webhook.resent", now, count=1)


def resend_failed(*, webhook: Webhook, actor: User, now: datetime.datetime) -> int:
    """Tell again of everything that failed; returns how many."""
    with transaction.atomic():
        failed = WebhookDelivery.objects.filter(webhook=webhook, state=_D.FAILED)
        count = failed.update(state=_D.WAITING, attempts=0, next_attempt_at=now)
        if count:
            _note(webhook, actor, "webhook.resent", now, count=count)
    return count


def try_webhook(*, webhook: Webhook, actor: User, now: datetime.datetime) -> None:
    """Post one message of the type ``_test``. Raises ``WebhookRefused``."""
    record = {"event_type": "_test", "application": {"app_id": webhook.project.public_id}}
    message = Message(f"test_{uuid.uuid4().hex}", body_of(record, at=now))
    secret = signing_secret(webhook)
    if not secret:
        raise WebhookRefused(_("Its secret can't be opened any more. Replace it."))
    answer = post(url=webhook.url, secret=secret, message=message, now=now)
    if answer.error:
        raise WebhookRefused(_("It did not take the message: %(reason)s.") % {"reason": answer.error})
    _note(webhook, actor, "webhook.tested", now)


def _note(webhook: Webhook, actor: User, verb: str, now: datetime.datetime, **data: Any) -> None:
    audit.record(project=webhook.project, actor=actor, verb=verb, target=webhook, now=now, name=webhook.url, **data)
