"""Indicators of projects and campaigns (reference, section 10)."""

from __future__ import annotations

import datetime

from analytics.kpis import KpiResult, Scope, kpi_result
from api.operations.campaigns import found_campaign
from api.operations.contract import Call, Document, Entry, reads
from api.protocol.errors import BadRequest

TITLE = "Analytics"
_LONGEST = datetime.timedelta(days=31)


def get_application_date_range_kpi(call: Call) -> Document:
    """One of the 48 indicators of a project, for at most 31 days, however long ago."""
    return _document(call, _result(call, Scope.APPLICATION))


def get_campaign_date_range_kpi(call: Call) -> Document:
    """One of the 18 indicators of a campaign, for at most 31 days, however long ago."""
    campaign = found_campaign(call, with_deleted=True)
    return {**_document(call, _result(call, Scope.CAMPAIGN, campaign.pk)), "CampaignId": campaign.public_id}


def _result(call: Call, scope: Scope, source_id: int | None = None) -> KpiResult:
    start, end = call.params.get("StartTime"), call.params.get("EndTime")
    last = end or call.now
    if start is not None and last - start > _LONGEST + datetime.timedelta(days=1):  # the last day may be meant to its end
        raise BadRequest("start-time: the range is at most 31 days.")
    return kpi_result(
        project_id=call.project.pk,
        scope=scope,
        name=call.params["KpiName"],
        now=call.now,
        start=start,
        end=end,
        source_id=source_id,
    )


def _document(call: Call, result: KpiResult) -> Document:
    kpi = result.kpi
    rows = [
        {
            "GroupedBys": [{"Key": kpi.grain.key, "Type": "String", "Value": row.group}] if row.group is not None else [],
            "Values": [{"Key": kpi.value_key, "Type": "Double", "Value": str(float(row.value))}],
        }
        for row in result.rows
    ]
    return {
        "ApplicationId": call.project.public_id, "KpiName": kpi.name, "StartTime": result.start, "EndTime": result.end,
        "KpiResult": {"Rows": rows},
    }  # fmt: skip


TABLE: dict[str, Entry] = {
    "GetApplicationDateRangeKpi": reads(get_application_date_range_kpi),
    "GetCampaignDateRangeKpi": reads(get_campaign_date_range_kpi),
}
