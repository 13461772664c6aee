"""What happened to a person, newest first: messages and their events, and the runs that left the person out."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics import queries as analytics_queries
from campaigns import wording
from campaigns.models import Campaign, ExclusionReason, Run, RunExclusion
from projects.models import Project

EXCLUSION_RUNS = 30  # newest runs whose sets of excluded members are opened for one page


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One thing that happened. ``campaign`` is None for what no campaign did."""

    at: datetime.datetime
    label: str
    note: str
    address: str
    campaign: Campaign | None


@dataclass(frozen=True, slots=True)
class History:
    """A page of lines; ``next_before`` is the instant and event after which the next page begins."""

    lines: list[HistoryLine]
    next_before: str


def history(*, project: Project, endpoints: dict[int, str], before: str = "", limit: int = 50) -> History:
    """``endpoints``: id → address as the page writes it. Four queries, one fewer on later pages."""
    events, next_before = analytics_queries.timeline(
        project_id=project.pk, endpoint_ids=list(endpoints), before=before, limit=limit
    )
    excluded = _exclusions(project, list(endpoints)) if not before else []
    campaigns = Campaign.objects.in_bulk(
        {event.campaign_id for event in events if event.campaign_id} | {run.campaign_id for run, _reason, _id in excluded}
    )
    lines = [
        HistoryLine(
            at=event.at, label=wording.event(event.kind, event.event_type),
            note=wording.event_note(event.kind, event.hit_class, event.data), address=endpoints[event.endpoint_id],
            campaign=_own(project, campaigns.get(event.campaign_id or 0)),
        )
        for event in events
    ]  # fmt: skip
    lines += [
        HistoryLine(
            at=run.started_at or run.due_at, label=_("Left out"), note=str(ExclusionReason(reason).label),
            address=endpoints[endpoint_id], campaign=_own(project, campaigns.get(run.campaign_id)),
        )
        for run, reason, endpoint_id in excluded
    ]  # fmt: skip
    return History(lines=sorted(lines, key=lambda line: line.at, reverse=True), next_before=next_before)


def _own(project: Project, campaign: Campaign | None) -> Campaign | None:
    return campaign if campaign is not None and campaign.project_id == project.pk else None


def _exclusions(project: Project, ids: Sequence[int]) -> list[tuple[Run, str, int]]:
    runs = {
        run.pk: run for run in Run.objects.filter(project=project).defer("audience", "content").order_by("-pk")[:EXCLUSION_RUNS]
    }
    found = []
    for exclusion in RunExclusion.objects.filter(run__in=list(runs)).iterator(chunk_size=20):
        found += [(runs[exclusion.run_id], exclusion.reason, one) for one in ids if one in exclusion.members]
    return found
