"""The figures of a project's overview."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from campaigns.models import NOT_LAUNCHED, Campaign, CampaignState
from endpoints.models import Endpoint
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
    """Four queries."""
    reachable = Q(status="ACTIVE", opt_out="NONE") & ~Q(address="")
    counted = Endpoint.objects.filter(project=project).aggregate(all=Count("pk"), reachable=Count("pk", filter=reachable))
    campaigns = Campaign.objects.filter(project=project).exclude(state=CampaignState.DELETED)
    states = campaigns.aggregate(all=Count("pk"), launched=Count("pk", filter=~Q(state__in=NOT_LAUNCHED)))
    return Figures(
        endpoints=counted["all"],
        reachable=counted["reachable"],
        segments=Segment.objects.filter(project=project, deleted_at=None, is_listed=True).count(),
        campaigns=states["all"],
        has_sender=Sender.objects.filter(project=project).exists(),
        has_launched=states["launched"] > 0,
    )
