"""Erasing a person from runs. The numbers stay as they were sent; the sets lose the id.

``targeted``, ``frozen``, ``size`` and every ``total`` are numbers of what was done and stay, so targeted = excluded + outcomes holds
after an erasure as before; a set may then hold fewer ids than its number says, and the difference is the people who were erased.
A slice's cursors are positions among its ids, so a run is only touched when it is over.
"""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_noop

from campaigns.models import DailyUse, EventTrigger, Run, RunExclusion, RunState, Slice, SliceOutcome, TotalUse
from core.audience import Audience
from endpoints.ports import Erased, ErasedPerson

_RUNS = 5  # runs opened at once; each may hold a megabyte


def erase_runs(person: ErasedPerson, after: int) -> Erased:
    """The next runs: audience, exclusions, slices, outcomes. Waits for runs that hold the person, or are being frozen."""
    runs = Run.objects.filter(project_id=person.project_id)
    if runs.filter(state=RunState.FREEZING, started_at__lte=person.asked_at).exists():
        return Erased(waits_for=gettext_noop("a campaign whose audience is being computed"))
    page = list(
        runs.select_for_update(of=("self",)).filter(pk__gt=after).order_by("pk").only("state", "completed_at", "audience")[:_RUNS]
    )
    rows = 0
    for run in page:
        exclusions = [one for one in RunExclusion.objects.filter(run=run).order_by("pk") if one.members & person.ids]
        in_audience = run.audience is not None and bool(run.audience & person.ids)
        if not exclusions and not in_audience:
            continue
        if not (run.completed_at is not None or run.state == RunState.FAILED):
            return Erased(rows=rows, after=run.pk - 1, waits_for=gettext_noop("a campaign that is being sent"))
        for exclusion in exclusions:
            RunExclusion.objects.filter(pk=exclusion.pk).update(members=exclusion.members - person.ids)
        rows += len(exclusions)
        if in_audience and run.audience is not None:
            Run.objects.filter(pk=run.pk).update(audience=run.audience - person.ids)
            rows += 1 + _erase_slices(run, person.ids)
    return Erased(rows=rows, after=page[-1].pk if len(page) == _RUNS else None)


def _erase_slices(run: Run, ids: Audience) -> int:
    slices = [one for one in Slice.objects.filter(run=run).only("ids").order_by("pk").iterator(chunk_size=200) if one.ids & ids]
    for one in slices:
        Slice.objects.filter(pk=one.pk).update(ids=one.ids - ids)
    outcomes = SliceOutcome.objects.filter(Q(run=run) & Q(slice__in=[one.pk for one in slices])).order_by("pk")
    holding = [outcome for outcome in outcomes if outcome.members & ids]
    for outcome in holding:
        SliceOutcome.objects.filter(pk=outcome.pk).update(members=outcome.members - ids)
    return len(slices) + len(holding)


def erase_daily_uses(person: ErasedPerson, _after: int) -> Erased:
    """When the person was sent to."""
    gone = DailyUse.objects.filter(project_id=person.project_id, endpoint_id__in=person.endpoint_ids).delete()
    return Erased(rows=gone[0])


def erase_total_uses(person: ErasedPerson, _after: int) -> Erased:
    """How often campaigns targeted the person."""
    return Erased(rows=TotalUse.objects.filter(endpoint_id__in=person.endpoint_ids).delete()[0])


def erase_event_triggers(person: ErasedPerson, _after: int) -> Erased:
    """Events of the person that were to start a message."""
    return Erased(rows=EventTrigger.objects.filter(endpoint_id__in=person.endpoint_ids).delete()[0])
