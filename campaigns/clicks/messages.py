"""The messages that a campaign sent, and their links. Of two messages the second link of one is not the second of the other."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Min

from campaigns import channels, template_use, treatments
from campaigns.models import Campaign
from campaigns.sending.message import content_of
from messaging.rendering import MessageContent, TemplateError, compile_content
from segments.ports import CampaignLink

_KEY = 12  # characters of a message's key in an address


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What a treatment sent in some of its runs: one message, unless it follows a template that changed.

    ``runs`` are their ids, ``newest`` the last of them.
    """

    treatment: int
    message_key: str
    name: str  # the treatment's, where there are several
    first_at: datetime.datetime
    last_at: datetime.datetime
    count: int
    newest: int

    @property
    def key(self) -> str:
        """How addresses of pages name it."""
        return f"{self.treatment}-{self.message_key[:_KEY]}"


def sent_messages(*, campaign: Campaign) -> list[SentMessage]:
    """By treatment, the newest first. One query, that reads no message."""
    rows = (
        campaign.runs.exclude(message_key="")
        .values("treatment", "message_key")
        .annotate(first=Min("occurrence_at"), last=Max("occurrence_at"), runs=Count("pk"), newest=Max("pk"))
        .order_by("treatment", "-newest")
    )
    names = treatments.names(campaign.document)
    return [
        SentMessage(
            treatment=row["treatment"], message_key=row["message_key"], name=names[row["treatment"]] if len(names) > 1 else "",
            first_at=row["first"], last_at=row["last"], count=row["runs"], newest=row["newest"],
        )
        for row in rows
    ]  # fmt: skip


def run_ids(*, campaign: Campaign, message: SentMessage) -> list[int]:
    runs = campaign.runs.filter(treatment=message.treatment, message_key=message.message_key)
    return list(runs.values_list("pk", flat=True))


def content_of_message(*, campaign: Campaign, message: SentMessage) -> MessageContent:
    return content_of(campaign.runs.values_list("content", flat=True).get(pk=message.newest))


def campaign_links(project_id: int, public_ids: Collection[str]) -> dict[str, list[CampaignLink]]:
    """Public id → the links that a filter may name. A message that can't be compiled has none.

    A launched campaign's message never changes, so its runs numbered them so; of one that follows a template it is the newest run's.
    Of a test of messages each treatment's links are listed.
    """
    found: dict[str, list[CampaignLink]] = {}
    for campaign in Campaign.objects.filter(project_id=project_id, public_id__in=public_ids).select_related("project"):
        if channels.is_custom(campaign.document):
            continue
        names = treatments.names(campaign.document)
        is_test = len(names) > 1 and treatments.variation(campaign.document) is treatments.Variation.MESSAGE
        for number, name in enumerate(names if is_test else names[:1]):
            try:
                program = compile_content(content_of(_newest_content(campaign, number, is_test)), allow_unescaped=True)
            except (TemplateError, template_use.TemplateGone):
                continue
            links = found.setdefault(campaign.public_id, [])
            for link, address in enumerate(program.links):
                links.append(CampaignLink(link, address, number, name) if is_test else CampaignLink(link, address))
    return found


def _newest_content(campaign: Campaign, treatment: int, is_test: bool) -> dict[str, Any]:
    """What was sent last, where it follows a template, else what the campaign says. Raises ``TemplateGone``."""
    if template_use.chosen_template(treatments.definition(campaign.document, treatment)) is not None:
        runs = campaign.runs.filter(treatment=treatment) if is_test else campaign.runs
        newest = runs.exclude(message_key="").order_by("-pk").values_list("content", flat=True).first()
        if newest:
            return dict(newest)
    document = template_use.resolved(project=campaign.project, document=campaign.document)
    document = treatments.definition(document, treatment)
    message = document.get("MessageConfiguration", {}).get("EmailMessage", {})
    return {"Message": message, "Pabal": document.get("Pabal", {})}
