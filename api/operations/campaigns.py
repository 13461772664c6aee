"""Campaigns, their versions and activities (reference, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.operations import paging
from api.operations.contract import Call, Document, Entry, not_found, reads, writes, writes_and_sends
from campaigns import lifecycle, queries
from campaigns.activities import Activity, activities
from campaigns.models import Campaign, CampaignVersion
from campaigns.services import definitions, launch
from messaging import queries as messaging_queries

TITLE = "Campaigns"
_TREATMENT = (
    "CustomDeliveryConfiguration", "MessageConfiguration", "Schedule", "SizePercent", "TemplateConfiguration", "TreatmentDescription",
    "TreatmentName",
)  # fmt: skip


def create_campaign(call: Call) -> Document:
    """Make a campaign and launch it; with `IsPaused` it is a draft. Where approval is needed, it is asked for."""
    made = definitions.create_from_request(
        project=call.project, actor=call.actor, request=call.params["WriteCampaignRequest"], now=call.now,
        default_sender=messaging_queries.default_sender(project=call.project),
    )  # fmt: skip
    return _newest(call, made)


def get_campaign(call: Call) -> Document:
    return _newest(call, found_campaign(call))


def get_campaigns(call: Call) -> Document:
    """Drafts and those of the pages too, newest first."""
    size, before = paging.page_size(call.params), paging.after(call.params)
    rows = queries.campaigns(project=call.project)
    rows = rows.filter(pk__lt=before) if before is not None else rows
    page, token = paging.cut(list(rows[: size + 1]), size, lambda one: one.pk)
    newest = queries.segment_versions_of(campaigns=page)
    return {"Item": [_document(call, one, one.name, one.document, one.version, newest) for one in page], "NextToken": token}


def update_campaign(call: Call) -> Document:
    """Change what is given, before it has begun; `IsPaused` pauses and resumes at any time."""
    campaign = definitions.update_from_request(
        campaign=found_campaign(call), actor=call.actor, request=call.params["WriteCampaignRequest"], now=call.now,
        default_sender=messaging_queries.default_sender(project=call.project),
    )  # fmt: skip
    return _newest(call, campaign)


def delete_campaign(call: Call) -> Document:
    """Nothing more is sent; its numbers stay."""
    campaign = found_campaign(call)
    launch.delete_campaign(campaign=campaign, actor=call.actor, now=call.now)
    campaign.refresh_from_db()
    return _newest(call, campaign)


def get_campaign_version(call: Call) -> Document:
    campaign = found_campaign(call)
    version = paging.version_number(call.params["Version"])
    found = CampaignVersion.objects.filter(campaign=campaign, version=version).first()
    if found is None:
        raise not_found("Campaign version")
    return _version(call, campaign, found)


def get_campaign_versions(call: Call) -> Document:
    """Newest first."""
    campaign = found_campaign(call)
    size, before = paging.page_size(call.params), paging.after(call.params)
    rows = CampaignVersion.objects.filter(campaign=campaign).order_by("-version")
    rows = rows.filter(version__lt=before) if before is not None else rows
    page, token = paging.cut(list(rows[: size + 1]), size, lambda one: one.version)
    return {"Item": [_version(call, campaign, one) for one in page], "NextToken": token}


def get_campaign_activities(call: Call) -> Document:
    """Its runs, newest first: a treatment's occurrence is one, or one for each time zone."""
    campaign = found_campaign(call, with_deleted=True)
    size, before = paging.page_size(call.params), paging.after(call.params)
    found = activities(campaign=campaign, before=before, limit=size + 1, now=call.now)
    page, token = paging.cut(found, size, lambda one: one.run.pk)
    return {"Item": [_activity(call, campaign, one) for one in page], "NextToken": token}


def found_campaign(call: Call, *, with_deleted: bool = False) -> Campaign:
    """``with_deleted``: numbers outlive the campaign. Raises ``NotFound``."""
    try:
        return queries.get_campaign(project=call.project, campaign_id=call.params["CampaignId"], with_deleted=with_deleted)
    except Campaign.DoesNotExist:
        raise not_found("Campaign") from None


def _newest(call: Call, campaign: Campaign) -> Document:
    newest = queries.segment_versions_of(campaigns=[campaign])
    return _document(call, campaign, campaign.name, campaign.document, campaign.version, newest)


def _version(call: Call, campaign: Campaign, version: CampaignVersion) -> Document:
    newest = queries.segment_versions_of(campaigns=[campaign])
    document = _document(call, campaign, version.name, version.document, version.version, newest)
    return {**document, "LastModifiedDate": version.created_at}


def _document(
    call: Call, campaign: Campaign, name: str, document: Mapping[str, Any], version: int, newest: Mapping[str, int]
) -> Document:
    state = {"CampaignStatus": lifecycle.API_STATES[campaign.state]}
    own = document.get("AdditionalTreatments") or []
    segment_id = document.get("SegmentId", "")
    return {
        "HoldoutPercent": 0, "Limits": {}, "MessageConfiguration": {}, "Schedule": None, "tags": {},
        **{member: value for member, value in document.items() if member != "Pabal"},
        "ApplicationId": call.project.public_id, "Arn": call.arn("campaigns", campaign.public_id), "Id": campaign.public_id,
        "Name": name, "Version": version, "CreationDate": campaign.created_at, "LastModifiedDate": campaign.updated_at,
        "Description": document.get("Pabal", {}).get("Description") or None,
        "SegmentId": segment_id, "SegmentVersion": document.get("SegmentVersion") or newest.get(segment_id, 0),
        "State": state, "DefaultState": state if own else None, "IsPaused": campaign.is_editable or campaign.is_paused,
        "AdditionalTreatments": [
            {"Id": str(number), "State": state, **{member: one[member] for member in _TREATMENT if member in one}}
            for number, one in enumerate(own, start=1)
        ],
    }  # fmt: skip


def _activity(call: Call, campaign: Campaign, activity: Activity) -> Document:
    run = activity.run
    return {
        "ApplicationId": call.project.public_id, "CampaignId": campaign.public_id, "Id": run.public_id, "State": activity.state,
        "Result": activity.result, "ScheduledStart": run.due_at, "Start": run.started_at, "End": run.completed_at,
        "TreatmentId": str(run.treatment), "TotalEndpointCount": run.frozen, "SuccessfulEndpointCount": activity.sent,
        "TimezonesTotalCount": activity.zones if run.zone_wave else 1,
        "TimezonesCompletedCount": activity.zones_done if run.zone_wave else int(activity.result is not None),
        "ExecutionMetrics": activity.metrics,
    }  # fmt: skip


TABLE: dict[str, Entry] = {
    "CreateCampaign": writes_and_sends(create_campaign),
    "GetCampaign": reads(get_campaign),
    "GetCampaigns": reads(get_campaigns),
    "UpdateCampaign": writes_and_sends(update_campaign),
    "DeleteCampaign": writes(delete_campaign),
    "GetCampaignActivities": reads(get_campaign_activities),
    "GetCampaignVersion": reads(get_campaign_version),
    "GetCampaignVersions": reads(get_campaign_versions),
}
