"""Making a campaign, from nothing or from another one. Each save is a version."""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignVersion
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
        keep_version(campaign=campaign, actor=actor, now=now)
        audit.record(project=project, actor=actor, verb="campaign.created", target=campaign, now=now, name=name)
    return campaign


def duplicate_campaign(*, campaign: Campaign, actor: User, now: datetime.datetime) -> Campaign:
    """A new draft with the same definition."""
    name = _("Copy of %(name)s") % {"name": campaign.name}
    return create_campaign(project=campaign.project, actor=actor, name=name[:128], document=campaign.document, now=now)


def keep_version(*, campaign: Campaign, actor: User | None, now: datetime.datetime) -> None:
    """Keep what the campaign says now as its newest version."""
    CampaignVersion.objects.create(
        campaign=campaign,
        version=campaign.version,
        name=campaign.name,
        document=campaign.document,
        created_by=actor,
        created_at=now,
    )
