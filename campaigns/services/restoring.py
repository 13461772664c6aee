"""A database that was restored from a backup is noticed, and everything that may send is held until somebody decides (``restored``).

A backup knows what was sent until it was made. What was sent between then and the loss is nowhere. Until the restore is noticed no
slice can be claimed (``sending.slices`` states the place of the database), so there is no moment in between.
"""

from __future__ import annotations

import datetime

from django.db import connection, transaction

from campaigns import lifecycle, queries
from campaigns.models import Campaign, CampaignState
from endpoints.facets import folding
from projects import place
from projects.models import User
from projects.services import audit, installation

_LEAP = 1_000_000_000  # ids that were given out after the backup stand in links that people hold: nobody else may get them
_LEAPING = ("projects_project", "campaigns_campaign", "campaigns_run", "endpoints_endpoint")


def hold_if_restored(*, now: datetime.datetime) -> bool:
    """Whether the database was found to be a restored one, by this call.

    Each tick and each worker asks before it sends anything. Two at once: one of them holds, the other finds it done.
    """
    if place.is_known():
        return False
    with transaction.atomic():
        since = installation.settle(now=now)
        if since is None:
            return False  # a new installation, or another process was first
        hold_everything(since=since, actor=None, now=now)
    return True


def hold_everything(*, since: datetime.datetime, actor: User | None, now: datetime.datetime) -> int:
    """Hold every campaign that may send; returns how many. ``since``: what was done after this instant is not in the database."""
    with transaction.atomic():
        held = list(Campaign.objects.filter(state__in=queries.MAY_SEND).select_for_update(no_key=True).order_by("pk"))
        for campaign in held:
            if not campaign.is_paused:
                lifecycle.move(campaign_id=campaign.pk, to=CampaignState.PAUSED, updated_at=now)
            audit.record(
                project=campaign.project, actor=actor, verb="campaign.restored", target=campaign, now=now, since=since.isoformat()
            )
        Campaign.objects.filter(pk__in=[campaign.pk for campaign in held]).update(restored_from=since)
        installation.note_restored(since=since, actor=actor, now=now)
        _leap()
        folding.leap()
    return len(held)


def _leap() -> None:
    with connection.cursor() as cursor:
        for table in _LEAPING:
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            (name,) = cursor.fetchone()
            cursor.execute(f"SELECT setval(%s, (SELECT last_value FROM {name}) + %s)", [name, _LEAP])
