"""Campaigns, their versions and activities (reference, section 6)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Campaigns"
_LATER = Unserved("campaigns are not served by the API yet; they have pages.")

TABLE: dict[str, Entry] = {
    "CreateCampaign": _LATER,
    "GetCampaign": _LATER,
    "GetCampaigns": _LATER,
    "UpdateCampaign": _LATER,
    "DeleteCampaign": _LATER,
    "GetCampaignActivities": _LATER,
    "GetCampaignVersion": _LATER,
    "GetCampaignVersions": _LATER,
}
