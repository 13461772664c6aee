"""Making and changing a campaign before it is launched. Each save is a version."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignState, CampaignVersion
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit


class CampaignRefused(Refusal):
    """The campaign was not changed."""


def create_campaign(
    *, project: Project, actor: User | None, name: str, document: dict[str, Any], now: datetime.datetime
) -> Campaign:
    """Make a draft."""
    with transaction.atomic():
        campaign = Campaign.objects.create(
            project=project, name=name, document=document, created_by=actor, created_at=now, updated_at=now
        )
        _keep_version(campaign, actor, now)
        audit.record(project=project, actor=actor, verb="campaign.created", target=campaign, now=now, name=name)
    return campaign


def save_draft(
    *, campaign: Campaign, actor: User | None, document: dict[str, Any], now: datetime.datetime, name: str | None = None
) -> Campaign:
    """Save a draft's definition; raises ``CampaignRefused`` once it is launched."""
    with transaction.atomic():
        changes = {"document": document, "updated_at": now, "version": F("version") + 1}
        if name is not None:
            changes["name"] = name
        if not Campaign.objects.filter(pk=campaign.pk, state=CampaignState.DRAFT).update(**changes):
            raise CampaignRefused(_("This campaign was launched and can't be changed any more. Duplicate it instead."))
        campaign.refresh_from_db()
        _keep_version(campaign, actor, now)
    return campaign


def duplicate_campaign(*, campaign: Campaign, actor: User, now: datetime.datetime) -> Campaign:
    """A new draft with the same definition."""
    name = _("Copy of %(name)s") % {"name": campaign.name}
    return create_campaign(project=campaign.project, actor=actor, name=name[:128], document=campaign.document, now=now)


def _keep_version(campaign: Campaign, actor: User | None, now: datetime.datetime) -> None:
    CampaignVersion.objects.create(
        campaign=campaign,
        version=campaign.version,
        name=campaign.name,
        document=campaign.document,
        created_by=actor,
        created_at=now,
    )
