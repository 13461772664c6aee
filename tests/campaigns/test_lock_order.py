"""Campaign → treatment → run → slice: two that change the same campaign wait for each other, and neither is thrown out."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns import lifecycle
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice, Treatment
from campaigns.sending.completion import complete_run
from campaigns.services import launch, occurrences
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport, launched, send
from tests.waiting import somebody_waits, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held_by_another(campaign: Campaign, act: Callable[[], Any]) -> Any:
    """Inside, this connection has the campaign, and ``act``, on a connection of its own, waits for it."""

    def in_thread() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lifecycle.hold(campaign_id=campaign.pk)
            waiting: Future[Any] = pool.submit(in_thread)
            wait_until(lambda: somebody_waits() or waiting.done())
            assert not waiting.done(), "it did not wait for the campaign"
            yield
        waiting.result(20)


def test_a_run_is_completed_while_its_campaign_is_deleted() -> None:
    run = launched(20, clock=Clock())
    send(run, RecordingTransport(), Clock(), should_stop=lambda: True)
    Slice.objects.filter(run=run).delete()
    Run.objects.filter(pk=run.pk).update(frozen=0)

    with held_by_another(run.campaign, lambda: complete_run(run_id=run.pk, now=NOW)):
        launch.delete_campaign(campaign=run.campaign, actor=None, now=NOW)

    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.completed_at is not None
    assert Campaign.objects.get(pk=run.campaign_id).state == CampaignState.DELETED


def test_an_occurrence_is_claimed_while_its_campaign_is_deleted() -> None:
    run = launched(1, clock=Clock())
    Treatment.objects.filter(campaign=run.campaign).update(next_run_at=NOW)
    before = Run.objects.count()

    with held_by_another(run.campaign, lambda: occurrences.claim_due(now=NOW + datetime.timedelta(seconds=1))):
        launch.delete_campaign(campaign=run.campaign, actor=None, now=NOW)

    assert Run.objects.count() == before
    assert Treatment.objects.get(campaign=run.campaign).next_run_at is None
