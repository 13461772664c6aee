"""The end of a run: when no slice is open, and not before; and only if everybody has an outcome."""

from __future__ import annotations

import datetime
import logging

from django.db import transaction
from django.db.models import Sum

from campaigns import lifecycle
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice, SliceOutcome
from campaigns.services import occurrences

_log = logging.getLogger(__name__)


def complete_run(*, run_id: int, now: datetime.datetime) -> bool:
    """Complete a run whose slices are all done; False while one is open. Checks that the audience is the sum of the outcomes."""
    campaign_id = Run.objects.values_list("campaign_id", flat=True).get(pk=run_id)
    with transaction.atomic():
        campaign = lifecycle.hold(campaign_id=campaign_id)  # before the run: that is the order of locks
        run = Run.objects.select_for_update().get(pk=run_id)
        if run.state not in (RunState.RUNNING, RunState.CANCELLED) or run.completed_at is not None:
            return False
        if Slice.objects.filter(run=run, state=Slice.State.OPEN).exists():
            return False
        total = SliceOutcome.objects.filter(run=run).aggregate(total=Sum("total"))["total"] or 0
        if total != run.frozen:
            _log.critical("run %s: %s were to be sent to, but %s have an outcome", run.public_id, run.frozen, total)
            run.failure = {"code": "invariant", "params": {"frozen": run.frozen, "outcomes": total}}
        if run.state == RunState.RUNNING:
            run.state = RunState.COMPLETED
        run.completed_at = now
        run.save(update_fields=["state", "completed_at", "failure"])
        _rest(campaign, now)
    return True


def _rest(campaign: Campaign, now: datetime.datetime) -> None:
    """A campaign without open runs waits for its next one, or is completed."""
    is_open = campaign.runs.filter(state__in=[RunState.PENDING, RunState.FREEZING, RunState.RUNNING]).exists()
    if is_open or campaign.state not in (CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN):
        return
    to = CampaignState.PENDING_NEXT_RUN if occurrences.waits(campaign_id=campaign.pk) else CampaignState.COMPLETED
    lifecycle.move(campaign_id=campaign.pk, to=to, updated_at=now)
