"""One turn of one webhook: deliveries of what happened since, then the calls that are due, some side by side.

The delivery's row is the intent, written in the transaction that moves the position. Killed between a call and its outcome, the call is
made again with the same id. A webhook that is away is probed by one call at a time, ever more seldom, and holds up nobody.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import logging
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from analytics.event_names import names_of
from analytics.models import Webhook, WebhookDelivery
from analytics.services import webhooks
from analytics.stream.horizon import settled_position
from analytics.stream.reading import events_after
from analytics.webhooks.message import Answer, Message, messages, post
from core import secretbox

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]
_S = WebhookDelivery.State

SIDE_BY_SIDE = 8  # calls
WAITING_LIMIT = 10_000  # deliveries of a webhook that wait: what happens after them stays in the event table until there is room
_READ = 1_000  # events of a transaction
_AT_ONCE = 32  # calls whose outcomes are written together, and repeated after a crash
# After a failed attempt; a delivery that failed a day long has failed.
PAUSES = tuple(
    datetime.timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
)  # fmt: skip
_FIRST_PAUSE, _LONGEST_PAUSE = datetime.timedelta(seconds=5), datetime.timedelta(minutes=5)  # of a webhook that takes nothing
DISABLED_AFTER = datetime.timedelta(days=3)
KEPT = datetime.timedelta(days=14)  # a delivery that waits no more
_LEASE = datetime.timedelta(seconds=90)  # some calls side by side, each of 15 seconds at most
_TURN = datetime.timedelta(seconds=30)


class LeaseLost(Exception):
    """Somebody else has the webhook, or it was paused, changed or deleted."""


def due(*, now: datetime.datetime, settled: int) -> list[int]:
    """Webhooks that have something to read or to say, and may."""
    calls = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=_S.WAITING, next_attempt_at__lte=now)
    may = Q(not_before=None) | Q(not_before__lte=now)
    rows = _running(now).filter(may).filter(Q(position__lt=settled) | Exists(calls))
    return list(rows.order_by(F("not_before").asc(nulls_first=True)).values_list("pk", flat=True))


def _running(now: datetime.datetime) -> QuerySet[Webhook]:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    return Webhook.objects.filter(free, state=Webhook.State.RUNNING, project__deleted_at=None)


def tell(*, webhook_id: int, clock: Clock, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Read and call, if nobody else is at it; returns how many messages were taken. Never raises for the other side."""
    now = clock()
    if not _running(now).filter(pk=webhook_id).update(epoch=F("epoch") + 1, lease_until=now + _LEASE):
        return 0
    turn = _Turn(Webhook.objects.select_related("project").get(pk=webhook_id), clock, should_stop)
    with contextlib.suppress(LeaseLost):
        turn.run()
    return turn.taken


class _Turn:
    def __init__(self, webhook: Webhook, clock: Clock, should_stop: Callable[[], bool]) -> None:
        self._webhook = webhook
        self._clock = clock
        self._should_stop = should_stop
        self._mine = Webhook.objects.filter(pk=webhook.pk, epoch=webhook.epoch, lease_until__isnull=False)
        self.taken = 0

    def run(self) -> None:
        """Raises ``LeaseLost``."""
        self._read()
        try:
            secret = secretbox.unseal(self._webhook.sealed_secret)
        except InvalidToken:
            now = self._clock()
            said = "the secret can't be opened any more: replace it"
            self._write(lease_until=None, not_before=now + _LONGEST_PAUSE, last_error=said, last_error_at=now)
            return
        ends_at = self._clock() + _TURN
        while not self._should_stop() and self._clock() < ends_at:
            some = self._due()
            if not some or not self._call(some, secret):
                break
        self._mine.update(lease_until=None)

    # -- what happened

    def _read(self) -> None:
        """Deliveries of new events of the chosen types."""
        project, position = self._webhook.project, self._webhook.position
        chosen = {kind for kind, name in names_of(project_id=project.pk).items() if name in self._webhook.types}
        settled = settled_position()
        while position < settled and not self._should_stop():
            if self._deliveries().filter(state=_S.WAITING)[:WAITING_LIMIT].count() >= WAITING_LIMIT:
                return
            span = events_after(project_id=project.pk, after=position, settled=settled, limit=_READ)
            now = self._clock()
            made = [
                WebhookDelivery(
                    webhook=self._webhook, event_id=event.id, occurred_at=event.occurred_at, kind=event.kind, next_attempt_at=now,
                    created_at=now,
                )
                for event in span.events
                if event.kind in chosen
            ]  # fmt: skip
            with transaction.atomic():
                self._write(position=span.until)
                WebhookDelivery.objects.bulk_create(made, ignore_conflicts=True)
            position = span.until

    # -- the calls

    def _deliveries(self) -> QuerySet[WebhookDelivery]:
        return WebhookDelivery.objects.filter(webhook=self._webhook)

    def _due(self) -> list[WebhookDelivery]:
        """One alone as long as the other side took nothing the last time."""
        count = 1 if self._webhook.failures else _AT_ONCE
        waiting = self._deliveries().filter(state=_S.WAITING, next_attempt_at__lte=self._clock())
        return list(waiting.order_by("next_attempt_at", "pk")[:count])

    def _call(self, some: Sequence[WebhookDelivery], secret: str) -> bool:
        """Call about each, and write what came of it; False: not now any more. Raises ``LeaseLost``."""
        told = messages(project=self._webhook.project, deliveries=some)

        def call(message: Message) -> Answer:
            return post(url=self._webhook.url, secret=secret, message=message, now=self._clock())

        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            answers = dict(zip(told, pool.map(call, told.values()), strict=True))
        with transaction.atomic():
            is_good = self._note(list(answers.values()))
            self._deliveries().filter(pk__in=[one.pk for one in some if one.pk not in answers]).delete()
            for one in some:
                if one.pk in answers:
                    _outcome(one, answers[one.pk], self._clock())
        self.taken += sum(not answer.error for answer in answers.values())
        return is_good

    def _note(self, answers: Sequence[Answer]) -> bool:
        """How the webhook is doing. Raises ``LeaseLost``."""
        now, webhook = self._clock(), self._webhook
        taken = sum(not answer.error for answer in answers)
        changes: dict[str, Any] = {}
        if taken:
            changes = {"delivered": F("delivered") + taken, "delivered_at": now}
        failed = [answer for answer in answers if answer.error]
        if failed:
            changes |= {"last_error": failed[-1].error[:500], "last_error_at": now}
        if taken or not answers:
            webhook.failures = 0
            self._write(failures=0, failing_since=None, not_before=None, **changes)
            return True
        since = webhook.failing_since or now
        pause = min(_FIRST_PAUSE * 2 ** min(webhook.failures, 10), _LONGEST_PAUSE)
        if any(answer.is_gone for answer in failed) or now - since > DISABLED_AFTER:
            self._write(state=Webhook.State.DISABLED, disabled_at=now, lease_until=None, failing_since=since, **changes)
            webhooks.note_disabled(webhook=webhook, now=now)
            _log.warning("the webhook %s is disabled: %s", webhook, failed[-1].error)
        else:
            self._write(failures=F("failures") + 1, failing_since=since, not_before=now + pause, **changes)
        return False

    def _write(self, **changes: Any) -> None:
        """Raises ``LeaseLost``."""
        if not self._mine.update(**{"lease_until": self._clock() + _LEASE} | changes):
            raise LeaseLost


def _outcome(delivery: WebhookDelivery, answer: Answer, now: datetime.datetime) -> None:
    attempts = delivery.attempts + 1
    changes: dict[str, Any] = {
        "attempts": attempts, "attempted_at": now, "status": answer.status, "error": answer.error[:200], "next_attempt_at": None,
    }  # fmt: skip
    if not answer.error:
        changes["state"] = _S.DELIVERED
    elif attempts > len(PAUSES):
        changes["state"] = _S.FAILED
    else:
        changes["next_attempt_at"] = now + PAUSES[attempts - 1]
    WebhookDelivery.objects.filter(pk=delivery.pk, state=_S.WAITING).update(**changes)


def drop_old(*, now: datetime.datetime) -> int:
    """Forget deliveries that are over since two weeks."""
    old = WebhookDelivery.objects.filter(created_at__lt=now - KEPT).exclude(state=_S.WAITING)
    return old.filter(Q(attempted_at=None) | Q(attempted_at__lt=now - KEPT)).delete()[0]
