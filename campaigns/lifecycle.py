"""A campaign's states: which steps are allowed from which, and what the API calls them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, CampaignState
from core.transitions import transition

S = CampaignState
# to → from
_ALLOWED: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset({S.SCHEDULED, S.PENDING_APPROVAL, S.PAUSED}),  # the launched ones only while they have not run
    S.PENDING_APPROVAL: frozenset({S.DRAFT, S.PENDING_APPROVAL}),
    S.SCHEDULED: frozenset({S.DRAFT, S.PENDING_APPROVAL, S.PAUSED}),
    S.EXECUTING: frozenset({S.SCHEDULED, S.PENDING_NEXT_RUN, S.EXECUTING, S.PAUSED}),
    S.PENDING_NEXT_RUN: frozenset({S.EXECUTING, S.PAUSED, S.SCHEDULED, S.PENDING_NEXT_RUN}),
    S.PAUSED: frozenset({S.SCHEDULED, S.EXECUTING, S.PENDING_NEXT_RUN}),
    S.COMPLETED: frozenset({S.EXECUTING, S.PENDING_NEXT_RUN, S.SCHEDULED, S.PAUSED}),
    S.INVALID: frozenset({S.SCHEDULED, S.EXECUTING, S.PENDING_NEXT_RUN}),
    S.DELETED: frozenset(set(S.values) - {S.DELETED}),
}
_REFUSALS: dict[str, Any] = {
    S.DRAFT: _("Only a campaign that is scheduled and has not run can be edited."),
    S.SCHEDULED: _("This campaign was launched already."),
    S.PAUSED: _("Only a campaign that is scheduled or sending can be paused."),
    S.DELETED: _("This campaign was deleted already."),
}
# What Pinpoint's API answers for a state that it does not know.
API_STATES: dict[str, str] = {
    **{state: state for state in ("SCHEDULED", "EXECUTING", "PENDING_NEXT_RUN", "COMPLETED", "PAUSED", "DELETED", "INVALID")},
    S.DRAFT: "PAUSED",
    S.PENDING_APPROVAL: "PAUSED",
    S.STOPPING: "EXECUTING",
}


def move(*, campaign_id: int, to: CampaignState, **changes: Any) -> None:
    """Move a campaign by the table; raises ``core.transitions.TransitionRefused``."""
    transition(
        queryset=Campaign.objects.filter(pk=campaign_id),
        table=_ALLOWED,
        to=to,
        refusal=_REFUSALS.get(to, _("The campaign is in another state by now. Load the page again.")),
        **changes,
    )


def hold(*, campaign_id: int) -> Campaign:
    """The campaign, locked until the transaction ends: whoever changes its treatments or runs and then its state takes this first."""
    return Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign_id)


def can(*, campaign: Campaign, to: CampaignState) -> bool:
    """Whether the step is allowed from the campaign's present state."""
    return campaign.state in _ALLOWED[to]
