"""The end of a request for approval. Whoever calls has the campaign locked."""

from __future__ import annotations

import datetime

from campaigns import approval, lifecycle
from campaigns.models import ApprovalRequest, Campaign, CampaignState
from projects.models import User
from projects.services import audit


def close_open(
    *, held: Campaign, to: ApprovalRequest.State, actor: User | None, now: datetime.datetime, answer: str = ""
) -> ApprovalRequest | None:
    """Close the campaign's open request; None when there is none."""
    found = approval.open_request(campaign=held)
    if found is not None:
        found.state, found.decided_by, found.decided_at, found.answer = to, actor, now, answer
        found.save(update_fields=["state", "decided_by", "decided_at", "answer"])
    return found


def withdraw_open(*, held: Campaign, actor: User | None, now: datetime.datetime, why: str) -> None:
    """Make a campaign that waits for approval a draft again. ``why``: for the audit trail."""
    if not held.is_pending_approval:
        return
    close_open(held=held, to=ApprovalRequest.State.WITHDRAWN, actor=actor, now=now)
    lifecycle.move(campaign_id=held.pk, to=CampaignState.DRAFT)
    held.state = CampaignState.DRAFT
    audit.record(project=held.project, actor=actor, verb="campaign.approval_withdrawn", target=held, now=now, why=why)
