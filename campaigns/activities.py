"""Runs as Pinpoint's activities: how each stands, how many it reached, and why others were left out (reference, section 10.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Q, Sum

from campaigns.models import Campaign, Outcome, Run, RunExclusion, RunState, SliceOutcome

_STATES = {
    RunState.PENDING: "PENDING", RunState.FREEZING: "INITIALIZING", RunState.RUNNING: "RUNNING", RunState.CANCELLED: "CANCELLED",
    RunState.COMPLETED: "COMPLETED", RunState.FAILED: "COMPLETED",
}  # fmt: skip
_OVER = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Activity:
    """``metrics``: those left out by reason and those attempted by outcome; ``zones`` and ``zones_done`` of the whole occurrence."""

    run: Run
    sent: int
    zones: int
    zones_done: int
    metrics: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        is_held = self.run.campaign.is_paused and self.run.state in (RunState.PENDING, RunState.RUNNING)
        return "PAUSED" if is_held else _STATES[RunState(self.run.state)]

    @property
    def result(self) -> str | None:
        if self.run.state == RunState.COMPLETED:
            return "SUCCESS"
        return "FAIL" if self.run.state == RunState.FAILED else None


def activities(*, campaign: Campaign, before: int | None, limit: int) -> list[Activity]:
    """Newest first; ``before`` is a run's row id. Four queries, however many there are."""
    found = campaign.runs.select_related("campaign").defer("audience", "triggered", "content", "links").order_by("-pk")
    runs = list(found.filter(pk__lt=before)[:limit] if before is not None else found[:limit])
    metrics = _metrics(runs)
    waves = _waves(campaign, runs)
    return [
        Activity(
            run, metrics[run.pk].get(Outcome.SUCCESS, 0), *waves.get((run.treatment, run.occurrence_at), (1, 0)), metrics[run.pk]
        )
        for run in runs
    ]


def _metrics(runs: Sequence[Run]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for run, reason, total in RunExclusion.objects.filter(run__in=runs).values_list("run_id", "reason", "total"):
        found[run][reason] = total
    outcomes = SliceOutcome.objects.filter(run__in=runs).values("run_id", "outcome").annotate(sum=Sum("total"))
    for run, outcome, total in outcomes.values_list("run_id", "outcome", "sum"):
        found[run][outcome] = total
    return found


def _waves(campaign: Campaign, runs: Sequence[Run]) -> dict[tuple[int, object], tuple[int, int]]:
    """Of each occurrence: its waves, and those that are over."""
    wanted = {run.occurrence_at for run in runs}
    done = Count("pk", filter=Q(state__in=_OVER))
    rows = campaign.runs.filter(occurrence_at__in=wanted, is_rest=False).values("treatment", "occurrence_at")
    counted = rows.annotate(all=Count("pk"), done=done).order_by()
    return {(row["treatment"], row["occurrence_at"]): (row["all"], row["done"]) for row in counted}
