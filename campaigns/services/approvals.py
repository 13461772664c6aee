"""Approval by a second person: asked for, withdrawn, sent back, given. What is approved is launched with it (ADR 19)."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import approval, lifecycle, template_use
from campaigns.models import ApprovalRequest, Campaign, CampaignState
from campaigns.services import launch, requests
from campaigns.services.drafts import CampaignRefused
from projects import queries as project_queries
from projects.models import User
from projects.services import audit
from segments.models import Segment
from segments.services import segments

State = ApprovalRequest.State


class ApprovalRefused(CampaignRefused):
    """The request was not made, or not decided."""


def ask(
    *,
    campaign: Campaign,
    actor: User,
    now: datetime.datetime,
    note: str = "",
    base_version: int | None = None,
    segment_version: int | None = None,
    base_message: str | None = None,
) -> ApprovalRequest:
    """Ask that somebody else launches what was reviewed; the last three are what ``launch.launch_campaign`` takes.

    A request that its segment or template has overtaken is replaced by the new one. Raises as a launch does.
    """
    with transaction.atomic():
        held = _held(campaign)
        if not held.is_editable:
            raise ApprovalRefused(_("This campaign was launched already."))
        if not held.project.needs_approval:
            raise ApprovalRefused(_("Campaigns of this project need no approval. Launch it."))
        launch.check_launchable(held=held, actor=actor, now=now, base_version=base_version)
        segment = _segment(held, segment_version, actor)
        template_use.hold(project=held.project, document=held.document)
        message = template_use.fingerprint(campaign=held)
        if base_message is not None and base_message != message:
            raise launch.CampaignChanged(_("The template says something else since this page was loaded."))
        before = approval.open_request(campaign=held)
        if before is not None and (before.version, before.segment_version, before.message) == (
            held.version, segment.version, message,
        ):  # fmt: skip
            raise ApprovalRefused(_("It waits for approval already, since %(at)s.") % {"at": _shown(before.asked_at)})
        requests.close_open(held=held, to=State.WITHDRAWN, actor=actor, now=now)
        made = ApprovalRequest.objects.create(
            campaign=held, version=held.version, segment_version=segment.version, message=message, note=note, asked_by=actor,
            asked_at=now,
        )  # fmt: skip
        lifecycle.move(campaign_id=held.pk, to=CampaignState.PENDING_APPROVAL)
        audit.record(project=held.project, actor=actor, verb="campaign.approval_asked", target=held, now=now)
        transaction.on_commit(lambda: _mail(made.pk))
    campaign.refresh_from_db()
    return made


def withdraw(*, campaign: Campaign, actor: User | None, now: datetime.datetime) -> None:
    """Make it a draft again."""
    with transaction.atomic():
        held = _held(campaign)
        if not held.is_pending_approval:
            raise ApprovalRefused(_("This campaign does not wait for approval any more."))
        requests.withdraw_open(held=held, actor=actor, now=now, why="asked")
    campaign.refresh_from_db()


def send_back(*, campaign: Campaign, actor: User | None, request_id: int, answer: str, now: datetime.datetime) -> None:
    """Make it a draft again, and say what is to be mended. Raises ``ApprovalRefused``."""
    with transaction.atomic():
        held = _held(campaign)
        _check_may_decide(held, request_id, actor)
        if not answer.strip():
            raise ApprovalRefused(_("Write what is to be mended."))
        request = requests.close_open(held=held, to=State.SENT_BACK, actor=actor, now=now, answer=answer.strip())
        assert request is not None  # checked above, and the campaign is locked
        lifecycle.move(campaign_id=held.pk, to=CampaignState.DRAFT)
        audit.record(project=held.project, actor=actor, verb="campaign.sent_back", target=held, now=now)
        transaction.on_commit(lambda: _mail(request.pk))
    campaign.refresh_from_db()


def approve(*, campaign: Campaign, actor: User | None, request_id: int, now: datetime.datetime) -> None:
    """Launch what the request says. Raises ``ApprovalRefused``, or what a launch raises when something says something else by now."""
    with transaction.atomic():
        held = _held(campaign)
        request = _check_may_decide(held, request_id, actor)
        held, _passed = approval.as_approved(campaign=held, asked_at=request.asked_at, now=now)
        requests.close_open(held=held, to=State.APPROVED, actor=actor, now=now)
        audit.record(project=held.project, actor=actor, verb="campaign.approved", target=held, now=now)
        launch.launch_held(
            held=held, actor=actor, now=now, base_version=request.version, segment_version=request.segment_version,
            base_message=request.message, pins_templates=True,
        )  # fmt: skip
        transaction.on_commit(lambda: _mail(request.pk))
    campaign.refresh_from_db()


def _held(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).select_related("project").get(pk=campaign.pk)


def _segment(held: Campaign, base_version: int | None, actor: User) -> Segment:
    """What it goes to, kept from being changed until the transaction ends."""
    base = None if held.document.get("SegmentVersion") else base_version
    try:
        return segments.hold_segment(project=held.project, segment_id=held.document["SegmentId"], base_version=base, actor=actor)
    except Segment.DoesNotExist:  # deleted since the review
        raise CampaignRefused(_("The segment was deleted. Choose another one.")) from None


def _check_may_decide(held: Campaign, request_id: int, actor: User | None) -> ApprovalRequest:
    """The open request, if it is the one that ``actor`` looked at and not the actor's own."""
    request = approval.open_request(campaign=held)
    if request is None or not held.is_pending_approval:
        raise ApprovalRefused(_("This campaign does not wait for approval any more."))
    if request.pk != request_id:
        raise ApprovalRefused(_("The approval was asked for anew since this page was loaded. Look the campaign over once more."))
    if actor is None or not project_queries.launchers(project=held.project).filter(pk=actor.pk).exists():
        raise ApprovalRefused(_("Only an owner or a marketer of the project can decide this."))
    if actor.pk in approval.authors(campaign=held):
        raise ApprovalRefused(_("You changed this campaign or asked for its approval, so somebody else must approve it."))
    return request


def _shown(at: datetime.datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def _mail(request_id: int) -> None:
    from campaigns.tasks import mail_approval

    mail_approval.delay(request_id)
