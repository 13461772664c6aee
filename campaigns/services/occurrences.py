"""A due occurrence becomes a run: claimed once, whatever the number of workers."""

from __future__ import annotations

import contextlib
import datetime
import logging
from typing import Any

from django.db import transaction

from campaigns import lifecycle, schedule, treatments
from campaigns.models import Campaign, CampaignState, EventTrigger, Run, RunState, Treatment, WinnerTest
from campaigns.services import restoring
from core.transitions import TransitionRefused
from projects.models import Installation

_LIVE = [CampaignState.SCHEDULED, CampaignState.PENDING_NEXT_RUN, CampaignState.EXECUTING]

_log = logging.getLogger(__name__)


def schedule_of(*, campaign: Campaign, document: dict[str, Any], launched_at: datetime.datetime) -> schedule.Schedule:
    """The schedule of a document: a campaign's, or one treatment's ``treatments.definition``. Raises ``ScheduleRefused``."""
    return schedule.parse_schedule(
        schedule=document.get("Schedule", {}),
        pabal=document.get("Pabal", {}),
        project_zone=campaign.project.time_zone,
        launched_at=launched_at,
    )


def claim_due(*, now: datetime.datetime) -> list[int]:
    """Make the runs that are due; returns their ids. Two ticks at once: each treatment is claimed by one of them."""
    restoring.hold_if_restored(now=now)
    if Installation.objects.filter(sending_paused_at__isnull=False).exists():
        return []
    made = []
    due = Treatment.objects.filter(next_run_at__lte=now, campaign__state__in=_LIVE, campaign__project__deleted_at=None)
    for treatment in due.select_related("campaign", "campaign__project").order_by("next_run_at")[:100]:
        try:
            run = _claim(treatment, now)
        except TransitionRefused:
            continue  # paused or deleted since it was read; nothing of the claim is kept
        except schedule.ScheduleRefused as refusal:
            _give_up(treatment, refusal, now)  # one that can't be read must not stand in the others' way
            continue
        if run is not None:
            made.append(run.pk)
    return made


def _give_up(treatment: Treatment, refusal: schedule.ScheduleRefused, now: datetime.datetime) -> None:
    _log.error("campaign %s can't be scheduled any more: %s", treatment.campaign.public_id, refusal.message)
    with transaction.atomic(), contextlib.suppress(TransitionRefused):
        lifecycle.hold(campaign_id=treatment.campaign_id)
        Treatment.objects.filter(pk=treatment.pk).update(next_run_at=None, next_occurrence_at=None)
        lifecycle.move(campaign_id=treatment.campaign_id, to=CampaignState.INVALID, updated_at=now)


def _claim(treatment: Treatment, now: datetime.datetime) -> Run | None:
    campaign = treatment.campaign
    document = treatments.definition(campaign.document, treatment.number)
    plan = schedule_of(campaign=campaign, document=document, launched_at=campaign.launched_at or now)
    assert treatment.next_run_at is not None  # the queryset asked for it
    if plan.event is not None:
        _listen(treatment, plan, now)
        return None
    due = schedule.claim(plan, due_at=treatment.next_run_at, now=now)
    occurrence, next_at = due.occurrence, due.next_at
    with transaction.atomic():
        lifecycle.hold(campaign_id=campaign.pk)  # before the treatment: that is the order of locks
        mine = Treatment.objects.filter(pk=treatment.pk, next_run_at=treatment.next_run_at)
        if not mine.update(next_run_at=next_at, next_occurrence_at=next_at):
            return None  # another tick has it
        if occurrence is None:  # it ended while nobody was there to run it
            if not may_go_on(campaign_id=campaign.pk):
                lifecycle.move(campaign_id=campaign.pk, to=CampaignState.COMPLETED, updated_at=now)
            return None
        lifecycle.move(campaign_id=campaign.pk, to=CampaignState.EXECUTING, updated_at=now)
        run, _made = Run.objects.get_or_create(
            campaign=campaign,
            treatment=treatment.number,
            occurrence_at=occurrence.at,
            zone_wave="",
            is_rest=False,
            defaults={
                "project": campaign.project,
                "state": RunState.FREEZING,
                "due_at": occurrence.at,
                "campaign_version": campaign.version,
                "created_at": now,
            },
        )
        test = treatments.winner(campaign.document)
        if test is not None:
            decide_at = now + datetime.timedelta(hours=test.wait_hours)
            WinnerTest.objects.get_or_create(campaign=campaign, occurrence_at=occurrence.at, defaults={"decide_at": decide_at})
    return run


def _listen(treatment: Treatment, plan: schedule.Schedule, now: datetime.datetime) -> None:
    """A campaign by events begins to listen, until its end: then it is looked at again, and completed."""
    ends_at = schedule.listens_until(plan)
    next_at = ends_at if ends_at is not None and now < ends_at else None
    with transaction.atomic():
        held = lifecycle.hold(campaign_id=treatment.campaign_id)  # before the treatment: that is the order of locks
        mine = Treatment.objects.filter(pk=treatment.pk, next_run_at=treatment.next_run_at)
        if not mine.update(next_run_at=next_at, next_occurrence_at=next_at):
            return  # another tick has it
        if next_at is not None and held.state == CampaignState.SCHEDULED:
            lifecycle.move(campaign_id=held.pk, to=CampaignState.PENDING_NEXT_RUN, updated_at=now)
        elif next_at is None and not may_go_on(campaign_id=held.pk):
            lifecycle.move(campaign_id=held.pk, to=CampaignState.COMPLETED, updated_at=now)


def may_go_on(*, campaign_id: int) -> bool:
    """Whether anything of a campaign is still to come: a run that is open, one that is due some day, or the choice of a winner."""
    is_open = Run.objects.filter(
        campaign_id=campaign_id, state__in=[RunState.PENDING, RunState.FREEZING, RunState.RUNNING]
    ).exists()
    return is_open or waits(campaign_id=campaign_id)


def waits(*, campaign_id: int) -> bool:
    """Whether a campaign is to have another run."""
    is_due = Treatment.objects.filter(campaign_id=campaign_id, next_run_at__isnull=False).exists()
    is_due = is_due or EventTrigger.objects.filter(campaign_id=campaign_id).exists()
    return is_due or WinnerTest.objects.filter(campaign_id=campaign_id, state=WinnerTest.State.WAITING).exists()
