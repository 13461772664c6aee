"""What becomes of a campaign that is held since a restore (``restoring``).

``leave_out`` counts whoever may have got it already as ``UNKNOWN``; ``send_again`` goes on as the backup stood.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from campaigns import lifecycle, schedule, treatments
from campaigns.models import Campaign, EventTrigger, Run, RunState, Slice, Treatment, WinnerTest
from campaigns.services import launch, occurrences
from campaigns.services.drafts import CampaignRefused
from projects.models import Installation, User
from projects.services import audit


def leave_out(*, campaign: Campaign, actor: User | None, now: datetime.datetime) -> None:
    """Go on without those who may have got it already: they end as UNKNOWN, and an occurrence that came due meanwhile is skipped."""
    with transaction.atomic():
        held, restored_at = _held(campaign)
        _end_in_doubt(held, restored_at, now)
        _give_up_tests(held, now)
        EventTrigger.objects.filter(campaign=held).delete()  # their messages may have gone out
        for treatment in Treatment.objects.filter(campaign=held, next_run_at__lte=now).order_by("pk"):
            document = treatments.definition(held.document, treatment.number)
            plan = occurrences.schedule_of(campaign=held, document=document, launched_at=held.launched_at or now)
            later = schedule.first_due(plan, now=now) if plan.event else schedule.following(plan, after=now)
            at = later.at if later else None
            Treatment.objects.filter(pk=treatment.pk).update(next_run_at=at, next_occurrence_at=at)
        _go_on(held, "campaign.restored_without", actor, now)
    campaign.refresh_from_db()


def send_again(*, campaign: Campaign, actor: User | None, now: datetime.datetime) -> None:
    """Go on as the backup stood: for who knows that nothing was sent after it, or wants it sent twice rather than not at all."""
    with transaction.atomic():
        held, _restored_at = _held(campaign)
        _go_on(held, "campaign.restored_with", actor, now)
    campaign.refresh_from_db()


def _held(campaign: Campaign) -> tuple[Campaign, datetime.datetime]:
    """The campaign, locked, and when the restore was noticed: until then anything due may have been sent, and nothing since."""
    held = lifecycle.hold(campaign_id=campaign.pk)
    if not held.is_restored or not held.is_paused:
        raise CampaignRefused(_("This campaign does not wait for a choice after a restore."))
    restored_at = Installation.objects.values_list("restored_at", flat=True).get(singleton=True)
    assert restored_at is not None  # written before any campaign is held
    return held, restored_at


def _end_in_doubt(held: Campaign, restored_at: datetime.datetime, now: datetime.datetime) -> None:
    """Put the intent over everybody who may have been sent to: the send protocol then ends them as UNKNOWN, as after a crash."""
    runs = Run.objects.filter(campaign=held)
    begun = list(
        runs.filter(Q(state=RunState.RUNNING) | Q(state=RunState.PENDING, due_at__lte=restored_at))
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    runs.filter(pk__in=begun).update(state=RunState.RUNNING)
    in_doubt = Q(not_before=None) | Q(not_before__lte=restored_at)
    for pk in begun:
        Slice.objects.filter(in_doubt, run_id=pk, state=Slice.State.OPEN).update(
            intent_cursor=F("size"), epoch=F("epoch") + 1, lease_until=None, lease_owner=""
        )
    # Whom it went to is not known at all; frozen again it might go to them twice.
    runs.filter(state=RunState.FREEZING).update(
        state=RunState.FAILED,
        failure={"code": "restored", "params": {}},
        completed_at=now,
        lease_until=None,
        epoch=F("epoch") + 1,
    )


def _give_up_tests(held: Campaign, now: datetime.datetime) -> None:
    """A winner that waited to be chosen may have been, by hand at any time, and sent to the rest."""
    held.winner_tests.filter(state=WinnerTest.State.WAITING).update(
        state=WinnerTest.State.CHOSEN, winner=0, why=WinnerTest.Why.LOST, chosen_at=now
    )


def _go_on(held: Campaign, verb: str, actor: User | None, now: datetime.datetime) -> None:
    is_due = Treatment.objects.filter(campaign=held, next_run_at__isnull=False).exists()
    launch.set_going(held=held, is_due=is_due, now=now, restored_from=None)
    audit.record(project=held.project, actor=actor, verb=verb, target=held, now=now)
    transaction.on_commit(launch.dispatch_runs)
