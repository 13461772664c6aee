"""Runs as Pinpoint's activities: how each stands, how many it reached, and why others were left out."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from campaigns import execution_metrics
from campaigns.models import Campaign, Outcome, Run, RunState, SliceOutcome

_STATES = {
    RunState.PENDING: "PENDING", RunState.FREEZING: "INITIALIZING", RunState.RUNNING: "RUNNING", RunState.CANCELLED: "CANCELLED",
    RunState.COMPLETED: "COMPLETED", RunState.FAILED: "COMPLETED",
}  # fmt: skip
_OVER = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Activity:
    """``sent`` went out; ``zones`` and ``zones_done`` are waves of the whole occurrence; ``metrics`` as ``execution_metrics`` has them."""

    run: Run
    sent: int
    zones: int
    zones_done: int
    metrics: dict[str, str]

    @property
    def state(self) -> str:
        is_held = self.run.campaign.is_paused and self.run.state in (RunState.PENDING, RunState.RUNNING)
        return "PAUSED" if is_held else _STATES[RunState(self.run.state)]

    @property
    def result(self) -> str | None:
        if self.run.state == RunState.COMPLETED:
            return "SUCCESS"
        return "FAIL" if self.run.state == RunState.FAILED else None


def activities(*, campaign: Campaign, before: int | None, limit: int, now: datetime.datetime) -> list[Activity]:
    """Newest first; ``before`` is a run's row id. Four queries, however many there are."""
    found = campaign.runs.select_related("campaign").defer("audience", "triggered", "content", "links").order_by("-pk")
    runs = list(found.filter(pk__lt=before)[:limit] if before is not None else found[:limit])
    metrics = execution_metrics.of_runs(runs=runs, now=now)
    sent, waves = _sent(runs), _waves(campaign, runs)
    return [
        Activity(run, sent.get(run.pk, 0), *waves.get((run.treatment, run.occurrence_at), (1, 0)), metrics[run.pk].metrics)
        for run in runs
    ]


def _sent(runs: Sequence[Run]) -> dict[int, int]:
    rows = SliceOutcome.objects.filter(run__in=runs, outcome=Outcome.SUCCESS).values("run_id")
    return dict(rows.annotate(sum=Sum("total")).values_list("run_id", "sum"))


def _waves(campaign: Campaign, runs: Sequence[Run]) -> dict[tuple[int, datetime.datetime], tuple[int, int]]:
    """Of each occurrence: its waves, and those that are over."""
    wanted = {run.occurrence_at for run in runs}
    done = Count("pk", filter=Q(state__in=_OVER))
    rows = campaign.runs.filter(occurrence_at__in=wanted, is_rest=False).values("treatment", "occurrence_at")
    counted = rows.annotate(all=Count("pk"), done=done).order_by()
    return {(row["treatment"], row["occurrence_at"]): (row["all"], row["done"]) for row in counted}
