"""One call of a custom channel with one member, to see that the program understands it."""

from __future__ import annotations

import datetime
import json
from typing import Any

from django.utils.translation import gettext as _

from campaigns import channels
from campaigns.custom import delivery
from campaigns.hooks import payload
from campaigns.models import Campaign
from campaigns.services.drafts import CampaignRefused
from core.calling import CallFailed
from endpoints.queries import EndpointRow
from projects.models import User
from projects.services import audit

_WORDS = 300  # characters shown of an answer


def request(*, campaign: Campaign, row: EndpointRow, now: datetime.datetime) -> dict[str, Any]:
    """What a call would say about one member."""
    return {
        **payload.about(project=campaign.project, campaign=campaign, treatment=0, activity="test", due_at=now),
        **delivery.said(channels.custom_of(campaign.document).data),
        "Endpoints": {row.document["Id"]: row.document},
    }


def call_once(*, campaign: Campaign, actor: User, row: EndpointRow | None, now: datetime.datetime) -> str:
    """Call it, practice mode or not: it is one member, and asked for. Returns how its answer begins. Raises ``Refusal``."""
    target = delivery.target_of(channels.custom_of(campaign.document).uri)
    if target is None:
        raise CampaignRefused(_("Say which address or function is to be called."))
    if row is None:
        raise CampaignRefused(_("Nobody in the segment has an endpoint of the types that you chose."))
    target.check()
    try:
        answer = target.call(json.dumps(request(campaign=campaign, row=row, now=now), ensure_ascii=False).encode())
    except CallFailed as failed:
        raise CampaignRefused(_("The call failed: %(reason)s") % {"reason": failed}) from failed
    audit.record(project=campaign.project, actor=actor, verb="campaign.tested", target=campaign, now=now, count=1)
    return answer[:_WORDS].decode("utf-8", "replace")
