"""Taking a slice, or the freeze of an audience, from a worker that hangs."""

from __future__ import annotations

import datetime

from django.db import transaction

from campaigns.models import Run, RunState, Slice
from campaigns.services import launch
from core import leases
from projects.models import User
from projects.services import audit


def end_lease(*, slice_id: int, actor: User, now: datetime.datetime) -> None:
    """Let another worker claim a slice at once: the small batch that was out ends as UNKNOWN, as after a crash."""
    with transaction.atomic():
        held = Slice.objects.select_related("run__project").select_for_update(of=("self",)).get(pk=slice_id)
        leases.end_lease(rows=Slice.objects.filter(pk=slice_id, state=Slice.State.OPEN))
        Slice.objects.filter(pk=slice_id).update(lease_owner="")
        audit.record(project=held.run.project, actor=actor, verb="slice.lease_ended", target=held, now=now)
        transaction.on_commit(launch.dispatch_runs)


def end_freeze_lease(*, run: Run, actor: User, now: datetime.datetime) -> None:
    """Let another worker compute a run's audience at once. Nothing of a freeze that was cut off is kept."""
    with transaction.atomic():
        leases.end_lease(rows=Run.objects.filter(pk=run.pk, state=RunState.FREEZING))
        audit.record(
            project=run.project, actor=actor, verb="campaign.freeze_taken_over", target=run.campaign, now=now, run=run.public_id
        )
        transaction.on_commit(launch.dispatch_runs)
