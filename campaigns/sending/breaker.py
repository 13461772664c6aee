"""When the mail server is the trouble: the run waits, and after a while its campaign is paused, rather than failing for everybody.

A server that can't be reached costs nobody an outcome; it is tried again every half minute, by one run after another. One that refuses
whoever comes, for reasons that are not theirs, or breaks every connection, is left after ``SEND_REFUSALS`` people in a row.
"""

from __future__ import annotations

import datetime
import logging

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from campaigns import lifecycle
from campaigns.models import CampaignState, Run
from messaging.delivery import Delivery, DeliveryStatus
from messaging.delivery.refusals import RefusalClass, classify
from projects.services import audit

PAUSE = datetime.timedelta(seconds=30)  # before a server that could not be reached is tried again
_WORDS = 300  # characters kept of what the server said

_log = logging.getLogger(__name__)
_OF_THE_PERSON = frozenset({RefusalClass.HARD, RefusalClass.SOFT})


def could_not_reach(*, run: Run, reason: str, now: datetime.datetime) -> None:
    """Note it, and let the run wait; the campaign is paused when it has gone on for long enough."""
    mine = Run.objects.filter(pk=run.pk)
    mine.update(
        server_failures=F("server_failures") + 1, server_failing_since=Coalesce(F("server_failing_since"), now),
        server_said=reason[:_WORDS], not_before=now + PAUSE,
    )  # fmt: skip
    run.refresh_from_db(fields=["server_failures", "server_failing_since", "server_said", "not_before"])
    since = run.server_failing_since
    has_gone_on = since is not None and now - since >= datetime.timedelta(seconds=settings.SEND_FAILING_SECONDS)
    if has_gone_on and run.server_failures >= settings.SEND_FAILURES:
        assert since is not None  # has_gone_on says so
        _pause(
            run, {"code": "unreachable", "since": since.isoformat(), "times": run.server_failures, "said": run.server_said}, now
        )


def reached(*, run: Run) -> None:
    """It takes messages again."""
    if run.server_failures:
        Run.objects.filter(pk=run.pk).update(server_failures=0, server_failing_since=None, server_said="", not_before=None)
        run.server_failures = 0


class Refusals:
    """How many in a row one worker saw refused without a reason of their own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._in_a_row = 0
        self._said = ""

    def note(self, delivery: Delivery) -> None:
        if delivery.status is DeliveryStatus.SUCCESS or (
            delivery.status is DeliveryStatus.FAILURE_PERMANENT and is_about_the_person(delivery)
        ):
            self._in_a_row = 0
        elif delivery.status is not DeliveryStatus.DEFERRED:
            self._in_a_row += 1
            self._said = f"{delivery.code} {delivery.reply}".strip()[:_WORDS]

    def pause_if_many(self, *, now: datetime.datetime) -> bool:
        """Pause the campaign when the server takes nobody; whether it was."""
        if self._in_a_row < settings.SEND_REFUSALS:
            return False
        _pause(self._run, {"code": "refuses", "times": self._in_a_row, "said": self._said}, now)
        return True


def is_about_the_person(delivery: Delivery) -> bool:
    """Whether a refusal for good says something about the recipient alone."""
    return classify(code=delivery.code, reply=delivery.reply) in _OF_THE_PERSON


def _pause(run: Run, reason: dict[str, str | int], now: datetime.datetime) -> None:
    with transaction.atomic():
        held = lifecycle.hold(campaign_id=run.campaign_id)
        if held.state not in (CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN):
            return  # somebody else was first
        lifecycle.move(campaign_id=held.pk, to=CampaignState.PAUSED, updated_at=now, pause_reason=reason)
        audit.record(project=held.project, actor=None, verb="campaign.stopped", target=held, now=now, **reason)
    _log.error("run %s: the campaign is paused, its mail server %s: %s", run.public_id, reason["code"], reason["said"])
