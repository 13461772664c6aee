"""The figures of a project's overview."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from campaigns.models import NOT_LAUNCHED, Campaign, CampaignState
from endpoints import eligibility
from messaging.models import Sender
from projects.models import Project
from segments.models import Segment


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of a project; the ``has_…`` are the steps to the first campaign."""

    endpoints: int
    reachable: int
    segments: int
    campaigns: int
    has_sender: bool
    has_launched: bool


def figures(*, project: Project) -> Figures:
    """As many queries, however many endpoints there are."""
    counted = eligibility.totals(project_id=project.pk)
    campaigns = Campaign.objects.filter(project=project).exclude(state=CampaignState.DELETED)
    states = campaigns.aggregate(all=Count("pk"), launched=Count("pk", filter=~Q(state__in=NOT_LAUNCHED)))
    return Figures(
        endpoints=counted.endpoints,
        reachable=counted.reachable,
        segments=Segment.objects.filter(project=project, deleted_at=None, is_listed=True).count(),
        campaigns=states["all"],
        has_sender=Sender.objects.filter(project=project).exists(),
        has_launched=states["launched"] > 0,
    )
