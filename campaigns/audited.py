"""What the audit trail says of campaigns, in words."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from campaigns.models import Campaign, CampaignState
from projects.models import Project
from projects.ports import Thing

SENTENCES = {
    "campaign.created": _("%(who)s created the campaign %(what)s."),
    "campaign.tested": _("%(who)s sent a test of the campaign %(what)s to %(count)s addresses."),
    "campaign.approval_asked": _("%(who)s asked for approval of the campaign %(what)s."),
    "campaign.approval_withdrawn": _("%(who)s took the request for approval of the campaign %(what)s back."),
    "campaign.sent_back": _("%(who)s sent the campaign %(what)s back to its author."),
    "campaign.approved": _("%(who)s approved the campaign %(what)s."),
    "campaign.launched": _("%(who)s launched the campaign %(what)s."),
    "campaign.paused": _("%(who)s paused the campaign %(what)s."),
    "campaign.stopped": _("The campaign %(what)s was paused by itself: its mail server takes no messages."),
    "campaign.resumed": _("%(who)s resumed the campaign %(what)s."),
    "campaign.restored": _("%(what)s is held: it comes from a backup of %(since)s."),
    "campaign.restored_without": _("%(who)s let %(what)s go on after the restore, without those who may have got it."),
    "campaign.restored_with": _("%(who)s let %(what)s go on after the restore, to those who may have got it, too."),
    "campaign.tagged": _("%(who)s changed the tags of the campaign %(what)s."),
    "campaign.deleted": _("%(who)s deleted the campaign %(what)s."),
    "campaign.winner_chosen": _("%(who)s chose “%(treatment)s” as the winner of the campaign %(what)s."),
    "campaign.freeze_taken_over": _("%(who)s took the computing of an audience of the campaign %(what)s from the worker at it."),
    "slice.lease_ended": _("%(who)s took a slice of a campaign from the worker that held it."),
}


def things(project: Project, label: str, ids: Collection[str]) -> dict[str, Thing]:
    if label != "campaigns.campaign":
        return {}
    rows = Campaign.objects.filter(project=project, public_id__in=ids).values_list("public_id", "name", "state")
    return {
        found: Thing(
            name, "" if state == CampaignState.DELETED else reverse("campaigns:show-campaign", args=[project.public_id, found])
        )
        for found, name, state in rows
    }
