"""Execution metrics: of a run or a campaign, how many it was to go to and how many it left out, by reason (reference, section 10.4).

Computed when they are asked for, from what the freeze of each run wrote: targeted = ENDPOINT_PRODUCED + all that are left out.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from campaigns.models import Campaign, Run, RunExclusion, RunState

PRODUCED = "ENDPOINT_PRODUCED"


@dataclass(frozen=True, slots=True)
class ExecutionMetric:
    """A name in the answer. ``why_never``: said of Pinpoint's names that nothing can be counted under here; such a name is in no answer."""

    name: str
    meaning: str
    is_ours: bool = False
    why_never: str = ""


METRICS: Sequence[ExecutionMetric] = (
    ExecutionMetric(PRODUCED, "members that the run set out to send to"),
    ExecutionMetric("ENDPOINT_OPT_OUT", "had opted out (`OptOut` is `ALL`)"),
    ExecutionMetric("ENDPOINT_INACTIVE", "their `EndpointStatus` was not `ACTIVE`"),
    ExecutionMetric("ENDPOINT_MISSING_ADDRESS", "had no address"),
    ExecutionMetric("ENDPOINT_CHANNEL_MISMATCH", "were of another channel than the campaign"),
    ExecutionMetric("ENDPOINT_SUPPRESSED", "stood on the suppression list", is_ours=True),
    ExecutionMetric("ENDPOINT_MISSING_TIMEZONE", "had no time zone, in a campaign of local time"),
    ExecutionMetric("DUPLICATE_ENDPOINT", "shared an address with a member that stayed"),
    ExecutionMetric("TREATMENT_HOLDOUT", "were in the holdout"),
    ExecutionMetric("FILTERED_OUT_BY_SEGMENT", "were deleted between the segment and the freeze"),
    ExecutionMetric("ENDPOINTS_FROM_USER", "", why_never="a segment's members are endpoints; none is found through its user"),
    ExecutionMetric("ENDPOINT_MISSING_CHANNEL", "", why_never="an endpoint without a channel is `ENDPOINT_CHANNEL_MISMATCH`"),
    ExecutionMetric("ENDPOINT_TIMEZONE_MISMATCH", "", why_never="each zone is a wave of its own"),
    ExecutionMetric("DUPLICATE_USER", "", why_never="one message an address, not one a user"),
)
COUNTED = tuple(one.name for one in METRICS if not one.why_never)


@dataclass(frozen=True, slots=True)
class ExecutionMetrics:
    """``metrics``: name → number, both texts, as Pinpoint answers; empty before anything was frozen. ``evaluated_at``: when."""

    metrics: dict[str, str]
    evaluated_at: datetime.datetime


def of_run(*, run: Run, now: datetime.datetime) -> ExecutionMetrics:
    return of_runs(runs=[run], now=now)[run.pk]


def of_runs(*, runs: Collection[Run], now: datetime.datetime) -> dict[int, ExecutionMetrics]:
    """Of each of these (run's id → metrics). One query."""
    left_out: dict[int, dict[str, int]] = defaultdict(dict)
    rows = RunExclusion.objects.filter(run__in=[run.pk for run in runs]).values_list("run_id", "reason", "total")
    for run_id, reason, total in rows:
        left_out[run_id][reason] = total
    return {
        run.pk: ExecutionMetrics(_texts(run.frozen, left_out[run.pk]) if _is_frozen(run) else {}, now) for run in runs
    }  # fmt: skip


def of_campaign(*, campaign: Campaign, now: datetime.datetime, treatment: int | None = None) -> ExecutionMetrics:
    """Of all its runs together, or those of one treatment. Two queries."""
    runs = Run.objects.filter(campaign=campaign).exclude(state__in=_NOT_YET)
    if treatment is not None:
        runs = runs.filter(treatment=treatment)
    produced = runs.aggregate(sum=Sum("frozen"))["sum"]
    if produced is None:
        return ExecutionMetrics({}, now)
    rows = RunExclusion.objects.filter(run__in=runs).values_list("reason").annotate(sum=Sum("total"))
    return ExecutionMetrics(_texts(produced, dict(rows)), now)


_NOT_YET = (RunState.PENDING, RunState.FREEZING)


def _is_frozen(run: Run) -> bool:
    return run.state not in _NOT_YET


def _texts(produced: int, left_out: dict[str, int]) -> dict[str, str]:
    unknown = left_out.keys() - set(COUNTED)
    assert not unknown, f"{unknown} has no declaration"
    return {name: str(produced if name == PRODUCED else left_out.get(name, 0)) for name in COUNTED}


def document() -> str:
    """The declarations as a part of ``docs/metrics.md``."""
    lines = [
        "\n## Execution metrics of runs and campaigns\n\n",
        "How many members a run was to go to, and why others were left out. Computed when asked for;\n",
        "a run that is not frozen yet has none. Targeted = `ENDPOINT_PRODUCED` + all others.\n\n",
        "| name | counts members that |\n|---|---|\n",
    ]
    for one in METRICS:
        said = f"never: {one.why_never}" if one.why_never else one.meaning
        lines.append(f"| `{one.name}`{' (ours)' if one.is_ours else ''} | {said} |\n")
    return "".join(lines)
