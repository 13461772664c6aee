"""A test: the message as it stands, to given addresses, with a chosen member's values. No run, no events."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from campaigns import template_use
from campaigns.models import Campaign
from campaigns.sending.message import content_of, signer_of
from campaigns.services.drafts import CampaignRefused
from messaging import queries as messaging_queries
from messaging.delivery import DeliveryStatus, OutgoingMessage, TransportDown, transport_for
from messaging.rendering import MimeBuilder, compile_content, render
from messaging.rendering.mime import ascii_address
from projects.models import User
from projects.services import audit


def send_test(
    *, campaign: Campaign, actor: User, addresses: Sequence[str], document: dict[str, Any], now: datetime.datetime
) -> None:
    """Send to these addresses with the values of ``document`` (an endpoint's). Raises ``CampaignRefused``, ``TemplateGone`` or
    ``TemplateError``."""
    campaign = template_use.with_message(campaign)
    message = campaign.document.get("MessageConfiguration", {}).get("EmailMessage", {})
    content = content_of({"Message": message, "Pabal": campaign.document.get("Pabal", {})})
    if not content.from_address:
        raise CampaignRefused(_("Choose a sender."))
    if not messaging_queries.may_send_from(project=campaign.project, address=content.from_address):
        raise CampaignRefused(_("The sender %(address)s is not verified.") % {"address": content.from_address})
    program = compile_content(content, allow_unescaped=campaign.project.allows_raw_values)
    signer = signer_of(project=campaign.project, address=content.from_address)
    builder = MimeBuilder(content=content, project_id=campaign.project.public_id, signer=signer)
    rendered = render(program, document=document)
    outgoing = [
        OutgoingMessage(
            endpoint_id=number, recipient=address, envelope_from=ascii_address(content.from_address),
            data=builder.build(rendered=rendered, recipient=address, message_id=uuid.uuid4().hex, now=now),
        )
        for number, address in enumerate(addresses)
    ]  # fmt: skip
    transport = transport_for(project=campaign.project, sender=content.from_address)
    try:
        deliveries = transport.send_batch(outgoing)
    except TransportDown as down:
        raise CampaignRefused(_("The mail server can't be reached (%(reason)s).") % {"reason": down}) from down
    finally:
        transport.close()
    failed = [delivery for delivery in deliveries if delivery.status != DeliveryStatus.SUCCESS]
    audit.record(project=campaign.project, actor=actor, verb="campaign.tested", target=campaign, now=now, count=len(addresses))
    if failed:
        raise CampaignRefused(_("The mail server refused it: %(reply)s") % {"reply": failed[0].reply or failed[0].code})
