"""Deleting the campaigns whose segment is deleted."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction

from campaigns import queries
from campaigns.services import launch
from projects.models import User
from segments.ports import SegmentPin


def end_with_segment(
    project_id: int, pins: Collection[SegmentPin], keys: Collection[str], actor: User | None, now: datetime.datetime
) -> None:
    """Delete those of the campaigns ``keys`` (public ids) that use one of the segments and may still send."""
    with transaction.atomic():
        using = queries.using_segments(project_id=project_id, pins=pins).filter(public_id__in=keys, state__in=queries.MAY_SEND)
        for campaign in using.select_related("project").select_for_update(of=("self",)).order_by("pk"):
            launch.delete_campaign(campaign=campaign, actor=actor, now=now, segment=str(campaign.document["SegmentId"]))
