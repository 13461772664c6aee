"""Writing campaigns as Pinpoint's API does: a WriteCampaignRequest is a campaign, and it is launched, unless it says ``IsPaused``.

A campaign that was launched and has not run yet is taken back, changed and launched again; one that has run keeps what it says, and can
be paused and resumed. Where somebody else has to approve, that is asked for instead of launching.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import lifecycle
from campaigns.models import Campaign, CampaignState, EventListener, Treatment
from campaigns.services import approvals, drafts, launch, requests
from campaigns.services.drafts import CampaignRefused
from projects.models import Project, User
from segments.models import SegmentVersion

_SENT = ("EmailMessage", "CustomMessage")  # what a campaign can send
_GOING = (CampaignState.SCHEDULED, CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN)


class ChannelNotSent(CampaignRefused):
    """The campaign is for a channel that this version does not send."""


def create_from_request(
    *, project: Project, actor: User, request: Mapping[str, Any], now: datetime.datetime, default_sender: str = ""
) -> Campaign:
    """CreateCampaign. ``default_sender``: who sends a message that names nobody.

    Raises ``CampaignRefused`` (with every finding that forbids the launch), and nothing is made then.
    """
    if not request.get("Name"):
        raise CampaignRefused(_("Give the campaign a name."))
    document = stored_document({}, request, default_sender)
    with transaction.atomic():
        _check_segment_version(project, document)
        made = drafts.create_campaign(project=project, actor=actor, name=request["Name"], document=document, now=now)
        if not request.get("IsPaused"):
            _launch(made, actor, now)
    made.refresh_from_db()
    return made


def update_from_request(
    *, campaign: Campaign, actor: User, request: Mapping[str, Any], now: datetime.datetime, default_sender: str = ""
) -> Campaign:
    """UpdateCampaign: members that are not given stay, tags are not changed. Raises ``CampaignRefused`` and ``TransitionRefused``."""
    wants_pause: bool | None = request.get("IsPaused")
    with transaction.atomic():
        held = Campaign.objects.select_for_update(of=("self",)).select_related("project").get(pk=campaign.pk)
        name, document = request.get("Name") or held.name, stored_document(held.document, request, default_sender)
        if (name, document) == (held.name, held.document):
            _pause_or_go_on(held, actor, wants_pause, now)
        else:
            launches = wants_pause is False or (held.state == CampaignState.SCHEDULED and wants_pause is None)
            _check_segment_version(held.project, document)
            _take_back(held)
            _write(held, name, document, actor, now)
            if launches:
                _launch(held, actor, now)
    campaign.refresh_from_db()
    return campaign


def stored_document(stored: Mapping[str, Any], request: Mapping[str, Any], default_sender: str) -> dict[str, Any]:
    """What is stored with what is given in its place; an empty member is taken away. Raises ``CampaignRefused``."""
    given = {name: value for name, value in request.items() if name not in ("Name", "IsPaused", "Description")}
    if stored:
        given.pop("tags", None)
    if "SegmentId" in given and given["SegmentId"] != stored.get("SegmentId"):
        given.setdefault("SegmentVersion", None)  # of the segment that was, as what the wizard keeps of it
        given["Pabal"] = {
            name: one for name, one in stored.get("Pabal", {}).items() if name not in ("SegmentIds", "FilterVersion")
        }
    if "Limits" in given:
        given["Limits"] = {name: value for name, value in given["Limits"].items() if value != 0}  # Pinpoint's "no limit"
    document = {name: value for name, value in {**stored, **given}.items() if value not in (None, "", 0, {}, [])}
    if "Description" in request:
        document["Pabal"] = {**document.get("Pabal", {}), "Description": request["Description"]}
    _check_sendable(document)
    return _with_sender(document, default_sender)


def _check_sendable(document: Mapping[str, Any]) -> None:
    for part in (document, *document.get("AdditionalTreatments", [])):
        messages, template = part.get("MessageConfiguration") or {}, part.get("TemplateConfiguration") or {}
        if (messages or template) and not (any(messages.get(name) for name in _SENT) or template.get("EmailTemplate")):
            raise ChannelNotSent(
                _("A campaign sends e-mails or calls a custom channel: give EmailMessage, CustomMessage or EmailTemplate.")
            )


def _with_sender(document: dict[str, Any], sender: str) -> dict[str, Any]:
    messages = document.get("MessageConfiguration") or {}
    mail = messages.get("EmailMessage")
    if (
        not sender
        or (mail or {}).get("FromAddress")
        or not (mail or (document.get("TemplateConfiguration") or {}).get("EmailTemplate"))
    ):
        return document
    return document | {"MessageConfiguration": messages | {"EmailMessage": {**(mail or {}), "FromAddress": sender}}}


def _check_segment_version(project: Project, document: Mapping[str, Any]) -> None:
    version = document.get("SegmentVersion")
    if not version:
        return
    versions = SegmentVersion.objects.filter(segment__project=project, segment__public_id=document.get("SegmentId", ""))
    if not versions.filter(version=version).exists():
        raise CampaignRefused(_("The segment has no version %(version)s.") % {"version": version})


def _launch(campaign: Campaign, actor: User, now: datetime.datetime) -> None:
    try:
        launch.launch_campaign(campaign=campaign, actor=actor, now=now)
    except launch.ApprovalNeeded:
        approvals.ask(campaign=campaign, actor=actor, now=now)


def _pause_or_go_on(held: Campaign, actor: User, wants_pause: bool | None, now: datetime.datetime) -> None:
    if wants_pause and held.state in _GOING:
        launch.pause_campaign(campaign=held, actor=actor, now=now)
    elif wants_pause is False and held.is_paused:
        launch.resume_campaign(campaign=held, actor=actor, now=now)
    elif wants_pause is False and held.is_draft:
        _launch(held, actor, now)


def _take_back(held: Campaign) -> None:
    """Make a launched campaign that has not run a draft again; the caller has locked it, so no tick claims it meanwhile."""
    if held.is_editable:
        return
    if held.state not in (CampaignState.SCHEDULED, CampaignState.PAUSED) or held.runs.exists():
        raise CampaignRefused(_("This campaign has begun and can't be changed any more. Make a new one instead."))
    lifecycle.move(campaign_id=held.pk, to=CampaignState.DRAFT, launched_at=None)
    Treatment.objects.filter(campaign=held).delete()
    EventListener.objects.filter(campaign=held).delete()
    held.state, held.launched_at = CampaignState.DRAFT, None


def _write(held: Campaign, name: str, document: dict[str, Any], actor: User, now: datetime.datetime) -> None:
    requests.withdraw_open(held=held, actor=actor, now=now, why="changed")
    held.name, held.document, held.updated_at = name, document, now
    held.version += 1
    held.save(update_fields=["name", "document", "version", "updated_at"])
    drafts.keep_version(campaign=held, actor=actor, now=now)
