"""Who may approve a campaign, whether a request still says what is stored, and what an approval now would launch."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from campaigns import review, schedule, template_use, treatments
from campaigns.models import ApprovalRequest, Campaign, CampaignState, CampaignVersion
from core.errors import Refusal
from projects import queries as project_queries
from projects.models import Project, User
from segments.models import Segment
from segments.services import segments


def authors(*, campaign: Campaign) -> set[int]:
    """The keys of those who changed the campaign since it was last approved, or ask for its approval: they can't approve it.

    A copy says what others wrote: they are its authors as well, unless that was approved.
    """
    asking = ApprovalRequest.objects.filter(campaign=campaign, state=ApprovalRequest.State.OPEN, asked_by__isnull=False)
    found = set(asking.values_list("asked_by_id", flat=True))
    looked_at, version = campaign, campaign.version
    while True:
        approved = _approved(looked_at, version)
        written = CampaignVersion.objects.filter(campaign=looked_at, version__gt=approved, version__lte=version)
        found |= set(written.filter(created_by__isnull=False).values_list("created_by_id", flat=True))
        original = looked_at.copied_from
        if approved or original is None:
            return found
        looked_at, version = original.campaign, original.version


def _approved(campaign: Campaign, version: int) -> int:
    """The newest version, up to ``version``, that was approved; 0 for none."""
    found = ApprovalRequest.objects.filter(campaign=campaign, state=ApprovalRequest.State.APPROVED, version__lte=version)
    return found.aggregate(newest=Max("version"))["newest"] or 0


def approvers(*, campaign: Campaign) -> QuerySet[User]:
    """Who may launch in the project and is no author of the campaign."""
    return project_queries.launchers(project=campaign.project).exclude(pk__in=authors(campaign=campaign))


def open_request(*, campaign: Campaign) -> ApprovalRequest | None:
    found = ApprovalRequest.objects.filter(campaign=campaign, state=ApprovalRequest.State.OPEN)
    return found.select_related("asked_by").first()


def waiting(*, project: Project) -> QuerySet[ApprovalRequest]:
    """The project's open requests, the oldest first."""
    found = ApprovalRequest.objects.filter(
        state=ApprovalRequest.State.OPEN, campaign__project=project, campaign__state=CampaignState.PENDING_APPROVAL
    )
    return found.select_related("campaign", "asked_by").order_by("asked_at", "pk")


def sent_back(*, campaign: Campaign) -> ApprovalRequest | None:
    """The newest request, if it was sent back."""
    newest = ApprovalRequest.objects.filter(campaign=campaign).select_related("decided_by").order_by("-pk").first()
    return newest if newest is not None and newest.state == ApprovalRequest.State.SENT_BACK else None


def outdated(*, campaign: Campaign, request: ApprovalRequest, actor: User | None) -> str:
    """Why the request can't be approved any more: what its segment or its templates say was changed. Empty while it can."""
    try:
        if not campaign.document.get("SegmentVersion"):
            segment = Segment.objects.get(project=campaign.project, public_id=campaign.document["SegmentId"], deleted_at=None)
            segments.check_unchanged(segment=segment, base_version=request.segment_version, actor=actor)
        if request.message != template_use.fingerprint(campaign=campaign):
            return _("The template says something else than when the approval was asked for.")
    except Segment.DoesNotExist:
        return _("The segment was deleted. Choose another one.")
    except Refusal as refusal:
        return str(refusal.message)
    return ""


def as_approved(*, campaign: Campaign, asked_at: datetime.datetime, now: datetime.datetime) -> tuple[Campaign, list[str]]:
    """A copy, never saved, that says what an approval now would launch; and the starts that have passed since it was asked for.

    Those begin at once, as if "Now" had been chosen: what is sent once would otherwise be sent never. What is sent again and again
    goes on with its next regular time.
    """
    made, passed = copy.copy(campaign), []
    for number in treatments.numbers(campaign.document):
        start = _passed(treatments.definition(campaign.document, number), campaign.project.time_zone, asked_at, now)
        if start:
            passed.append(start)
            made.document = _at_once(made.document, number)
    return made, list(dict.fromkeys(passed))


def _passed(document: Mapping[str, Any], zone: str, asked_at: datetime.datetime, now: datetime.datetime) -> str:
    try:
        plan = schedule.parse_schedule(
            schedule=document.get("Schedule", {}), pabal=document.get("Pabal", {}), project_zone=zone, launched_at=now
        )
    except schedule.ScheduleRefused:
        return ""
    was_to_come = schedule.first_due(plan, now=asked_at) is not None
    if plan.is_immediate or plan.frequency != schedule.Frequency.ONCE or not was_to_come or schedule.first_due(plan, now=now):
        return ""
    return f"{plan.start:%Y-%m-%d %H:%M}"


def _at_once(document: Mapping[str, Any], number: int) -> dict[str, Any]:
    if number == 0:
        return {**document, "Schedule": document["Schedule"] | {"StartTime": "IMMEDIATE"}}
    others = list(document["AdditionalTreatments"])
    own = others[number - 1]
    if own.get("Schedule"):
        others[number - 1] = {**own, "Schedule": own["Schedule"] | {"StartTime": "IMMEDIATE"}}
    return {**document, "AdditionalTreatments": others}


def findings(*, campaign: Campaign, request: ApprovalRequest, now: datetime.datetime) -> list[review.Finding]:
    """What there is to say to whoever approves now."""
    made, passed = as_approved(campaign=campaign, asked_at=request.asked_at, now=now)
    late = [
        review.Finding(
            is_error=False,
            code="start_passed",
            message=_("The time when it was to start (%(time)s) has passed. Approved now, it starts at once.") % {"time": start},
            step="schedule",
        )
        for start in passed
    ]
    return [*late, *review.findings(campaign=made, now=now)]
