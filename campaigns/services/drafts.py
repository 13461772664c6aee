"""Making a campaign, from nothing or from another one. Each save is a version."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import limits, queries
from campaigns.models import Campaign, CampaignVersion
from core import tags as tags_of
from core.errors import Refusal
from projects.models import Project, User
from projects.services import audit
from segments.services import segments


class CampaignRefused(Refusal):
    """The campaign was not changed."""


def create_campaign(
    *,
    project: Project,
    actor: User | None,
    name: str,
    document: dict[str, Any],
    now: datetime.datetime,
    original: CampaignVersion | None = None,
) -> Campaign:
    """Make a draft. The project's default limits are written into it, unless it is a copy, which says what the original said."""
    with transaction.atomic():
        if original is None:
            document = limits.with_defaults(document, project=project)
        campaign = Campaign.objects.create(
            project=project, name=name, document=document, created_by=actor, created_at=now, updated_at=now, copied_from=original
        )
        keep_version(campaign=campaign, actor=actor, now=now)
        audit.record(project=project, actor=actor, verb="campaign.created", target=campaign, now=now, name=name)
    return campaign


def change_tags(
    *, campaign: Campaign, actor: User | None, add: Mapping[str, str], remove: Collection[str], now: datetime.datetime
) -> None:
    """Tags stand in the document, but say nothing of what is sent: no version is made, whatever the state. Raises ``TagsRefused``."""
    with transaction.atomic():
        held = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("project").get(pk=campaign.pk)
        tags = tags_of.changed(held.document.get("tags", {}), add=add, remove=remove)
        held.document = held.document | {"tags": tags}
        held.save(update_fields=["document"])
        newest = CampaignVersion.objects.get(campaign=held, version=held.version)
        newest.document = newest.document | {"tags": tags}
        newest.save(update_fields=["document"])
        audit.record(project=held.project, actor=actor, verb="campaign.tagged", target=held, now=now, tags=tags)


def duplicate_campaign(*, campaign: Campaign, actor: User, now: datetime.datetime) -> Campaign:
    """A new draft with the same definition, as it is stored now. What was filtered in its wizard becomes a segment of the copy's own.

    A listed segment is meant in its newest version, as in every draft, whichever one the original was launched with.
    """
    with transaction.atomic():  # the campaign first: that is the order of locks
        held = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("project").get(pk=campaign.pk)
        name = (_("Copy of %(name)s") % {"name": held.name})[:128]
        document = {key: value for key, value in held.document.items() if key != "SegmentVersion"}
        document |= _own_segment(held, name, actor, now)
        original = CampaignVersion.objects.get(campaign=held, version=held.version)
        return create_campaign(project=held.project, actor=actor, name=name, document=document, now=now, original=original)


def _own_segment(held: Campaign, name: str, actor: User, now: datetime.datetime) -> dict[str, Any]:
    """What a copy's definition says instead of the original's unlisted segment: a new one with what the original goes to."""
    pabal = held.document.get("Pabal", {})
    unlisted = queries.unlisted_segment(campaign=held)
    if unlisted is None:
        return {}
    version = held.document.get("SegmentVersion") or pabal.get("FilterVersion")
    made = segments.copy_unlisted_segment(segment=unlisted, version=version, name=name, actor=actor, now=now)
    return {"SegmentId": made.public_id, "Pabal": pabal | ({"FilterVersion": made.version} if "FilterVersion" in pabal else {})}


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
