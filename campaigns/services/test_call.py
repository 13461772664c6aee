"""One call of a custom channel with one member, to see that the program understands it."""

from __future__ import annotations

import datetime
import json
from typing import Any

from django.utils.translation import gettext as _

from campaigns.custom import delivery
from campaigns.hooks.calling import CallFailed
from campaigns.models import Campaign
from campaigns.services.drafts import CampaignRefused
from endpoints.queries import EndpointRow
from projects.models import User
from projects.services import audit

_WORDS = 300  # characters shown of an answer


def request(*, campaign: Campaign, row: EndpointRow) -> dict[str, Any]:
    """What a call would say about one member."""
    message = campaign.document.get("MessageConfiguration", {}).get("CustomMessage", {})
    return {
        **delivery.said(message), "ApplicationId": campaign.project.public_id, "CampaignId": campaign.public_id, "TreatmentId": "0",
        "ActivityId": "test", "Endpoints": {row.document["Id"]: row.document},
    }  # fmt: skip


def call_once(*, campaign: Campaign, actor: User, row: EndpointRow | None, now: datetime.datetime) -> str:
    """Call it, practice mode or not: it is one member, and asked for. Returns how its answer begins. Raises ``Refusal``."""
    target = delivery.target_of(campaign.document.get("CustomDeliveryConfiguration", {}))
    if target is None:
        raise CampaignRefused(_("Say which address or function is to be called."))
    if row is None:
        raise CampaignRefused(_("Nobody in the segment has an endpoint of the types that you chose."))
    target.check()
    try:
        answer = target.call(json.dumps(request(campaign=campaign, row=row), ensure_ascii=False).encode())
    except CallFailed as failed:
        raise CampaignRefused(_("The call failed: %(reason)s") % {"reason": failed}) from failed
    audit.record(project=campaign.project, actor=actor, verb="campaign.tested", target=campaign, now=now, count=1)
    return answer[:_WORDS].decode("utf-8", "replace")
