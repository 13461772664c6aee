"""Campaigns with their versions, and the numbers that Pinpoint had of them. None is launched (``campaigns.services.moving``)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from campaigns.models import Campaign, CampaignPast
from campaigns.services import moving
from campaigns.services.definitions import ChannelNotSent
from campaigns.services.moving import OVER, MovedVersion
from console.moving.fields import FAULTS, Left, Unfit, as_request, instant, public_id, text, without_empty
from console.moving.inventory import Saved
from console.moving.kinds import Document
from console.moving.move import Move
from console.moving.report import Fate
from messaging import queries as messaging_queries
from messaging.models import MessageTemplate, TemplateType
from projects.models import Project
from segments.models import SegmentVersion

_STATES = {
    "SCHEDULED": "it waited for its time in Pinpoint, and is a draft here: read it, and launch it when Pinpoint sends no more.",
    "EXECUTING": "it was being sent when it was saved, and is a draft here: whoever got it from Pinpoint gets it again when you launch.",
    "PENDING_NEXT_RUN": "it recurred in Pinpoint, and is a draft here: launch it when Pinpoint sends no more.",
    "PAUSED": "it was paused in Pinpoint, and is a draft here.",
}


def take_campaigns(move: Move) -> None:
    for campaign_id, versions in move.found.campaigns.items():
        newest = versions[max(versions)]
        try:
            fate, why = _campaign(move, campaign_id, versions)
        except (Left, ChannelNotSent):
            fate, why = Fate.LEFT, "this version sends e-mails and calls custom channels only. Its document stays in your file."
        except FAULTS as fault:
            fate, why = Fate.FAULT, str(fault)
        name, app_id = str(newest.document.get("Name") or ""), str(newest.document.get("ApplicationId") or "")
        move.report.add(fate, "campaign", campaign_id, name=name, project=app_id, where=newest.where, why=why)
    for campaign_id in dict.fromkeys([*move.found.figures, *move.found.activities]):
        _keep_past(move, campaign_id)


def _campaign(move: Move, campaign_id: str, versions: Mapping[int, Saved]) -> tuple[Fate, str]:
    number = max(versions)
    document = versions[number].document
    project = move.project(public_id(document, "ApplicationId"))
    there = Campaign.objects.filter(public_id=campaign_id).first()
    if there is not None:
        if there.project_id != project.pk:
            raise Unfit("another project has a campaign with this id.")
        return Fate.THERE, ""
    state = _state(document)
    if _is_in_app(document):
        raise Left
    now = move.clock()
    made_at = instant(document, "CreationDate") or now
    taken, looks = [], list(_looks(project, document, state))
    for one in sorted(versions):
        try:
            taken.append(_version(project, one, versions[one].document, made_at))
        except Unfit:
            if one == number:
                raise
            looks.append(f"its older version {one} can't be read here.")
    moving.take_campaign(
        project=project, actor=move.actor, public_id=campaign_id, state=state, versions=taken, created_at=made_at,
        launched_at=_launched_at(move, campaign_id) or made_at, now=now,
        default_sender=messaging_queries.default_sender(project=project),
    )  # fmt: skip
    return Fate.TAKEN, " ".join(looks)


def _state(document: Document) -> str:
    state = document.get("State")
    said = state.get("CampaignStatus") if isinstance(state, dict) else None
    if said not in _STATES and said not in OVER:
        raise Unfit("State.CampaignStatus: it is missing, or none of Pinpoint's.")
    return str(said)


def _is_in_app(document: Document) -> bool:
    schedule = document.get("Schedule")
    return isinstance(schedule, dict) and schedule.get("Frequency") == "IN_APP_EVENT"


def _looks(project: Project, document: Document, state: str) -> Iterator[str]:
    """What somebody should look at before a draft is launched."""
    if state in OVER:
        return
    yield _STATES[state]
    versions = SegmentVersion.objects.filter(segment__project=project, segment__public_id=str(document.get("SegmentId") or ""))
    if not versions.exists():
        yield "Its segment is not here: choose another one."
    elif document.get("SegmentVersion") and not versions.filter(version=_pinned(document)).exists():
        yield "The version of its segment is not here: it goes to the newest one."
    templates = document.get("TemplateConfiguration")
    template = templates.get("EmailTemplate") if isinstance(templates, dict) else None
    if isinstance(template, dict) and not _has_template(template):
        yield f"Its template “{str(template.get('Name'))[:128]}” is not here: choose another message."


def _has_template(template: Document) -> bool:
    name = str(template.get("Name") or "").rpartition("/")[2]
    return MessageTemplate.objects.filter(template_type=TemplateType.EMAIL, name=name).exists()


def _pinned(document: Document) -> int:
    version = document.get("SegmentVersion")
    return version if type(version) is int and 0 < version < 2**31 else 0


def _version(project: Project, number: int, document: Document, made_at: datetime.datetime) -> MovedVersion:
    said = without_empty(document)
    treatments = said.get("AdditionalTreatments")
    if isinstance(treatments, list):
        said["AdditionalTreatments"] = [
            as_request("WriteTreatmentResource", without_empty(one)) if isinstance(one, dict) else one for one in treatments
        ]
    request = as_request("WriteCampaignRequest", said)
    held = SegmentVersion.objects.filter(
        segment__project=project, segment__public_id=request.get("SegmentId", ""), version=_pinned(request)
    )
    if not held.exists():
        request.pop("SegmentVersion", None)
    name = request.get("Name")
    if not name:
        raise Unfit("Name: it is missing.")
    changed_at = instant(document, "LastModifiedDate") or made_at
    return MovedVersion(version=number, name=name, document=request, created_at=changed_at)


def _launched_at(move: Move, campaign_id: str) -> datetime.datetime | None:
    saved = move.found.activities.get(campaign_id, [])
    starts = [at for one in saved if (at := instant(one.document, "ScheduledStart") or instant(one.document, "Start"))]
    return min(starts, default=None)


# -- what Pinpoint counted ----------------------------------------------------------------------------------------------


def _keep_past(move: Move, campaign_id: str) -> None:
    saved = [*move.found.figures.get(campaign_id, []), *move.found.activities.get(campaign_id, [])]
    where = saved[0].where
    campaign = Campaign.objects.filter(public_id=campaign_id).first()
    if campaign is None:
        why = "their campaign is neither in the folder nor here. Save it: aws pinpoint get-campaigns."
        move.report.add(Fate.FAULT, "campaign figures", campaign_id, where=where, why=why)
        return
    if not CampaignPast.objects.filter(campaign=campaign).exists():
        why = "the campaign of this id was made here, not in Pinpoint."
        move.report.add(Fate.FAULT, "campaign figures", campaign_id, where=where, why=why)
        return
    figures = _all_fit(move, campaign_id, move.found.figures.get(campaign_id, []), _figures)
    runs = _all_fit(move, campaign_id, move.found.activities.get(campaign_id, []), _run)
    is_new = moving.keep_past(campaign=campaign, figures=figures, runs=runs)
    fate = Fate.TAKEN if is_new else Fate.THERE
    move.report.add(fate, "campaign figures", campaign_id, name=campaign.name, where=where)


def _all_fit(move: Move, campaign_id: str, some: list[Saved], read: Any) -> list[Document]:
    found = []
    for saved in some:
        try:
            found.append(read(saved.document))
        except Unfit as fault:
            move.report.add(Fate.FAULT, "campaign figures", campaign_id, where=saved.where, why=str(fault))
    return found


def _figures(document: Document) -> Document:
    """CampaignDateRangeKpiResponse, without whose it is."""
    result = document.get("KpiResult")
    if not isinstance(result, dict):
        raise Unfit("KpiResult: it is missing.")
    start, end = instant(document, "StartTime"), instant(document, "EndTime")
    if start is None or end is None or start > end:
        raise Unfit("StartTime, EndTime: they are no period.")
    rows = as_request("BaseKpiResult", result).get("Rows", [])
    return {"KpiName": text(document, "KpiName")[:100], "StartTime": start.isoformat(), "EndTime": end.isoformat(), "Rows": rows}


def _run(document: Document) -> Document:
    public_id(document)
    return as_request("ActivityResponse", document)
