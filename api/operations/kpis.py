"""Indicators of projects and campaigns (reference, section 10)."""

from __future__ import annotations

from api.operations.contract import Entry, Unserved

TITLE = "Analytics"
_LATER = Unserved("indicators are not served by the API yet; they have pages.")

TABLE: dict[str, Entry] = {
    "GetApplicationDateRangeKpi": _LATER,
    "GetCampaignDateRangeKpi": _LATER,
}
