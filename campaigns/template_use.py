"""Campaigns whose message is a stored template: which use one, and what they send."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignState
from core.errors import Refusal
from messaging import queries as messaging_queries
from messaging.models import TemplateType
from messaging.ports import TemplateUser
from messaging.services import templates
from projects.models import Project

MEMBERS = {
    TemplateType.EMAIL: "EmailTemplate", TemplateType.SMS: "SMSTemplate", TemplateType.PUSH: "PushTemplate",
    TemplateType.INAPP: "InAppTemplate", TemplateType.VOICE: "VoiceTemplate",
}  # fmt: skip
_OVER = (CampaignState.COMPLETED, CampaignState.INVALID, CampaignState.DELETED)


class TemplateGone(Refusal):
    """The campaign's template can't be sent: it was deleted, or the pinned version was."""


def template_users(template_type: str, names: Collection[str]) -> list[TemplateUser]:
    """The campaigns, not over yet, that send one of these templates in any of their treatments."""
    member = MEMBERS[TemplateType(template_type)]
    use = Q(**{f"document__TemplateConfiguration__{member}__Name__in": list(names)})
    for name in names:
        use |= Q(document__AdditionalTreatments__contains=[{"TemplateConfiguration": {member: {"Name": name}}}])
    found = []
    for campaign in Campaign.objects.exclude(state__in=_OVER).filter(use).select_related("project").order_by("pk"):
        parts = [campaign.document, *campaign.document.get("AdditionalTreatments", [])]
        for chosen in (part.get("TemplateConfiguration", {}).get(member) for part in parts):
            if chosen and chosen.get("Name") in names:
                found.append(_user(campaign, chosen))
    return found


def _user(campaign: Campaign, chosen: Mapping[str, Any]) -> TemplateUser:
    return TemplateUser(
        template=chosen["Name"],
        version=int(chosen["Version"]) if str(chosen.get("Version", "")).isdecimal() else None,
        project_id=campaign.project_id,
        key=campaign.public_id,
        name=campaign.name,
        kind=_("Campaign"),
        state=str(CampaignState(campaign.state).label),
        url=reverse("campaigns:show-campaign", args=[campaign.project.public_id, campaign.public_id]),
        is_launched=not campaign.is_editable,
        is_finished=False,
    )


def chosen_template(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The ``{Name, Version?}`` of the e-mail template that a campaign (or a treatment) sends, if it sends one."""
    found: Mapping[str, Any] | None = document.get("TemplateConfiguration", {}).get(MEMBERS[TemplateType.EMAIL])
    return found or None


def resolved(*, project: Project, document: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with its templates' messages written out, those of other treatments as well: what would be sent now.

    Raises ``TemplateGone``. A definition without templates stays as it is.
    """
    sender = document.get("MessageConfiguration", {}).get("EmailMessage", {}).get("FromAddress", "")
    found = _written_out(project, document, sender)
    others = [_of_treatment(project, document, one, sender) for one in document.get("AdditionalTreatments", [])]
    return found | ({"AdditionalTreatments": others} if others else {})


def _of_treatment(project: Project, document: Mapping[str, Any], own: Mapping[str, Any], sender: str) -> dict[str, Any]:
    if chosen_template(own) is not None:
        return _written_out(project, own, sender)
    if chosen_template(document) is None or not own.get("MessageConfiguration"):
        return dict(own)
    said = document.get("Pabal", {})  # a message of its own must not take the template's defaults for its missing ones
    pabal = {"Preheader": said.get("Preheader", ""), "DefaultSubstitutions": said.get("DefaultSubstitutions", {})}
    return {**own, "Pabal": pabal | own.get("Pabal", {})}


def fingerprint(*, campaign: Campaign) -> str:
    """A short text that changes with what the campaign's templates say; empty for a campaign without. Raises ``TemplateGone``."""
    parts = (campaign.document, *campaign.document.get("AdditionalTreatments", []))
    if all(chosen_template(part) is None for part in parts):
        return ""
    said = json.dumps(resolved(project=campaign.project, document=campaign.document), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def with_message(campaign: Campaign) -> Campaign:
    """The campaign as it would be sent now; never to be saved. Raises ``TemplateGone``."""
    seen = copy.copy(campaign)
    seen.document = resolved(project=campaign.project, document=campaign.document)
    return seen


def pinned(*, project: Project, document: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with the versions of its templates that are active now written into it. Raises ``TemplateGone``."""
    found = _pinned(project, document)
    others = [_pinned(project, one) for one in document.get("AdditionalTreatments", [])]
    return found | ({"AdditionalTreatments": others} if others else {})


def _pinned(project: Project, part: Mapping[str, Any]) -> dict[str, Any]:
    chosen = chosen_template(part)
    if chosen is None or chosen.get("Version"):
        return dict(part)
    version = str(_written_out(project, part)["Pabal"]["Template"]["Version"])
    configuration = dict(part["TemplateConfiguration"]) | {MEMBERS[TemplateType.EMAIL]: {**chosen, "Version": version}}
    return dict(part) | {"TemplateConfiguration": configuration}


def _written_out(project: Project, document: Mapping[str, Any], sender: str = "") -> dict[str, Any]:
    chosen = chosen_template(document)
    if chosen is None:
        return dict(document)
    found = messaging_queries.email_template(project=project, name=chosen["Name"], version=chosen.get("Version"))
    if found is None:
        given = {"name": chosen["Name"], "version": chosen.get("Version")}
        if chosen.get("Version"):
            raise TemplateGone(_("There is no version %(version)s of the template “%(name)s” any more. Choose another.") % given)
        raise TemplateGone(_("The template “%(name)s” was deleted. Choose another one.") % given)
    version, template = found
    own = document.get("MessageConfiguration", {}).get("EmailMessage", {})
    message = {
        "FromAddress": own.get("FromAddress") or sender,
        "Title": template.subject,
        "HtmlBody": template.html,
        "Body": template.text,
        "Headers": [{"Name": name, "Value": value} for name, value in template.headers],
    }
    pabal = dict(document.get("Pabal", {})) | {
        "Preheader": template.preheader, "DefaultSubstitutions": template.defaults,
        "Template": {"Name": chosen["Name"], "Version": version},
    }  # fmt: skip
    configuration = dict(document.get("MessageConfiguration", {})) | {"EmailMessage": message}
    return dict(document) | {"MessageConfiguration": configuration, "Pabal": pabal}


def hold(*, project: Project, document: Mapping[str, Any]) -> None:
    """Keep the definition's templates from being deleted or changed until the transaction ends. Raises ``TemplateGone``."""
    chosen = [chosen_template(part) for part in (document, *document.get("AdditionalTreatments", []))]
    for name in sorted({one["Name"] for one in chosen if one is not None}):
        if templates.hold_template(project=project, template_type=TemplateType.EMAIL, name=name) is None:
            raise TemplateGone(_("The template “%(name)s” was deleted. Choose another one.") % {"name": name})
