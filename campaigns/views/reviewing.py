"""What a review shows: of a draft before it is launched, and of one that waits for approval."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from campaigns import approval, channels, checklist, limits, past, queries, review, schedule, template_use, wording
from campaigns.models import Campaign
from campaigns.sending.message import content_of
from campaigns.views import treatments as treatment_pages
from core import clock
from core.audience import Audience
from core.errors import Refusal
from messaging.rendering import MessageContent
from projects.access import Access
from segments import evaluation
from segments import queries as segment_queries
from segments import wording as segment_wording
from segments.models import Segment


def review_context(
    *, access: Access, campaign: Campaign, findings: Sequence[review.Finding], said_by: Campaign
) -> dict[str, Any]:
    """What ``campaigns/_reviewed.html`` shows. ``said_by``: the campaign, or a copy with the times that it would be launched with."""
    is_custom = channels.is_custom(campaign.document)
    listed = [] if is_custom else checklist.checklist(findings=findings, is_practice=access.project.is_practice)
    segment = Segment.objects.filter(project=access.project, public_id=campaign.document.get("SegmentId", "")).first()
    counted = counts(campaign)
    context = {
        "findings": findings,
        "checklist": listed,
        "others": checklist.outside(findings=findings, listed=listed),
        "has_errors": any(finding.is_error for finding in findings),
        "counts": counted,
        "segment": segment,
        "is_by_events": queries.is_by_events(campaign.document),
        "past": past.past_of(campaign=campaign),
        "content": _reviewed_content(campaign),
        "custom": channels.custom_of(campaign.document) if is_custom else None,
        "template": template_use.chosen_template(campaign.document),
        "treatments": treatment_pages.review_lines(said_by),
        "winner": treatment_pages.winner_sentence(campaign),
        "limits": limits.sentences(
            campaign.document, project=access.project, now=clock.now(), people=counted.eligible if counted else None
        ),
        "reviewed": {
            "base": campaign.version,
            "segment_version": segment.version if segment else "",
            "message": _message_fingerprint(campaign),
        },
        **coming(said_by.document, access.project.time_zone),
    }
    if segment is not None and segment.segment_type == "DIMENSIONAL":
        try:
            document = segment_queries.segment_version(segment=segment).document
            context["who"] = segment_wording.sentence(project=access.project, document=document)
        except Refusal as refusal:
            context["who"] = refusal.message
    return context


def approval_context(*, access: Access, campaign: Campaign) -> dict[str, Any]:
    """Who may approve the campaign, if the project demands it, and what was said when it was sent back."""
    if not access.project.needs_approval:
        return {}
    people = approval.approvers(campaign=campaign).exclude(pk=access.user.pk)  # who asks becomes an author
    return {"approvers": list(people), "sent_back": approval.sent_back(campaign=campaign)}


def counts(campaign: Campaign) -> segment_queries.Counts | None:
    if not campaign.document.get("SegmentId"):
        return None
    try:
        segment = segment_queries.get_segment(project=campaign.project, segment_id=campaign.document["SegmentId"])
        types = channels.endpoint_types(campaign.document)
        return segment_queries.segment_counts(
            project=campaign.project, segment=segment, version=campaign.document.get("SegmentVersion"), now=clock.now(), channels=types
        )  # fmt: skip
    except (Segment.DoesNotExist, Refusal):
        return None


def audience(campaign: Campaign) -> Audience | None:
    """The segment's members as it stands; None without one, or when it can't be evaluated."""
    if not campaign.document.get("SegmentId"):
        return None
    try:
        return evaluation.evaluate_segment(
            project_id=campaign.project_id, segment_id=campaign.document["SegmentId"], version=campaign.document.get("SegmentVersion"),
            now=clock.now(),
        )  # fmt: skip
    except Refusal:
        return None


def content(campaign: Campaign) -> MessageContent:
    """What would be sent now. Raises ``TemplateGone``."""
    return written(template_use.with_message(campaign))


def written(campaign: Campaign) -> MessageContent:
    """What is written in the campaign itself."""
    message = campaign.document.get("MessageConfiguration", {}).get("EmailMessage", {})
    return content_of({"Message": message, "Pabal": campaign.document.get("Pabal", {})})


def plan(document: dict[str, Any], project_zone: str, now: datetime.datetime) -> schedule.Schedule:
    return schedule.parse_schedule(
        schedule=document["Schedule"], pabal=document.get("Pabal", {}), project_zone=project_zone, launched_at=now
    )


def coming(document: dict[str, Any], project_zone: str) -> dict[str, Any]:
    if not document.get("Schedule", {}).get("StartTime"):
        return {}
    now = clock.now()
    try:
        found = plan(document, project_zone, now)
    except schedule.ScheduleRefused as refusal:
        return {"refusal": refusal.message}
    error = review.schedule_error(plan=found, now=now)
    if error is not None:
        return {"sentence": wording.sentence(found), "refusal": error.message}
    return {"sentence": wording.sentence(found), "moments": wording.moments(found, now=now)}


def _message_fingerprint(campaign: Campaign) -> str:
    try:
        return template_use.fingerprint(campaign=campaign)
    except template_use.TemplateGone:
        return ""  # it can't be launched anyway


def _reviewed_content(campaign: Campaign) -> MessageContent:
    """What would be sent; of a template that is gone only what the campaign itself says (the findings say that it is)."""
    try:
        return content(campaign)
    except template_use.TemplateGone:
        return written(campaign)
