"""The figures of a project's overview, and its campaigns that send or will."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, F, Min, Q, Sum
from django.utils.translation import gettext as _

from campaigns.colours import COLOURS
from campaigns.models import NOT_LAUNCHED, Campaign, CampaignState, Run, RunState, SliceOutcome
from endpoints import eligibility
from messaging.models import Sender
from projects.models import Project
from segments.models import Segment


@dataclass(frozen=True, slots=True)
class Step:
    """A step to the first campaign; ``page``: where it is done."""

    label: str
    hint: str
    page: str
    is_done: bool
    is_next: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of a project, and how far it is on the way to its first campaign."""

    endpoints: int
    reachable: int
    segments: int
    campaigns: int
    has_sender: bool
    has_launched: bool

    @property
    def steps(self) -> list[Step]:
        told = [
            (_("Add a sender"), _("The name and address that your messages come from."), "messaging:list-senders", self.has_sender),
            (
                _("Import your members"), _("A file, or a folder on S3. Your app or web pages may send them, too."),
                "segments:create-import", bool(self.endpoints),
            ),
            (
                _("Narrow them to a segment"), _("Whoever an import brought is a segment already; filters make more of them."),
                "segments:create-segment", bool(self.segments),
            ),
            (
                _("Write a message and launch it"), _("In practice mode everything lands in the mailbox of this project."),
                "campaigns:create-campaign", self.has_launched,
            ),
        ]  # fmt: skip
        left = [number for number, one in enumerate(told) if not one[3]]
        return [Step(*one, is_next=number == left[0]) if left else Step(*one, is_next=False) for number, one in enumerate(told)]


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign under way: of ``frozen`` members in the runs that are sending so many are ``attempted``."""

    campaign: Campaign
    colour: str
    next_run_at: datetime.datetime | None
    frozen: int = 0
    attempted: int = 0


_UNDER_WAY = ("EXECUTING", "STOPPING", "PAUSED", "PENDING_NEXT_RUN", "SCHEDULED")
_MOST_LINES = 8


def under_way(*, project: Project) -> tuple[list[CampaignLine], int]:
    """The project's campaigns that send (first), are paused or wait for their time, the soonest first; and how many there are.

    Two queries, and two more while something is being sent.
    """
    found = Campaign.objects.filter(project=project, state__in=_UNDER_WAY)
    first = found.annotate(next=Min("treatments__next_run_at")).only("public_id", "name", "state", "project_id")
    rows = list(
        first.annotate(sends=Q(state="EXECUTING")).order_by("-sends", F("next").asc(nulls_last=True), "-pk")[:_MOST_LINES]
    )
    sending = [one.pk for one in rows if one.state == CampaignState.EXECUTING]
    frozen, attempted = _progress(sending) if sending else ({}, {})
    lines = [
        CampaignLine(one, COLOURS[one.state], one.next, frozen.get(one.pk, 0), attempted.get(one.pk, 0)) for one in rows
    ]  # fmt: skip
    return lines, found.count() if len(rows) == _MOST_LINES else len(rows)


def _progress(campaigns: Collection[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Of the runs that are sending: members to be attempted, and those that were."""
    runs = Run.objects.filter(campaign__in=campaigns, state=RunState.RUNNING)
    outcomes = SliceOutcome.objects.filter(run__campaign__in=campaigns, run__state=RunState.RUNNING)
    return (
        dict(runs.values_list("campaign").annotate(sum=Sum("frozen"))),
        dict(outcomes.values_list("run__campaign").annotate(sum=Sum("total"))),
    )


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
