"""The links of a message with their clicks, the most clicked first."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from analytics import queries as analytics_queries
from analytics.hit_classes import COUNTED
from campaigns.clicks import messages
from campaigns.clicks.messages import SentMessage
from campaigns.models import Campaign

HOTTEST = 5


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A link: ``people`` clicked it at least once, ``clicks`` times together. ``share`` in percent of those who clicked any link of the
    message; ``heat`` 0 (nobody) … 5, by the most clicked one. ``what`` names the people."""

    rank: int
    number: int
    what: str
    address: str
    people: int
    clicks: int
    share: float
    heat: int


@dataclass(frozen=True, slots=True)
class Clicks:
    """``people`` clicked any link."""

    lines: list[LinkLine]
    people: int
    clicks: int
    unsubscribed: int

    def of(self, number: int | None) -> LinkLine | None:
        return next((line for line in self.lines if line.number == number), None)


def clicks_of(*, campaign: Campaign, message: SentMessage, links: Sequence[str], classes: Collection[int] = COUNTED) -> Clicks:
    """``links``: the targets as written, by their numbers. Three queries."""
    run_ids = messages.run_ids(campaign=campaign, message=message)
    found = analytics_queries.link_counts(
        project_id=campaign.project_id, campaign_id=campaign.pk, run_ids=run_ids, classes=classes
    )
    most = max(found.people_of.values(), default=0)
    numbers = sorted(range(len(links)), key=lambda one: (-found.people_of.get(one, 0), -found.clicks.get(one, 0), one))
    lines = []
    for rank, number in enumerate(numbers, 1):
        people = found.people_of.get(number, 0)
        share = 100 * people / found.people if found.people else 0.0
        lines.append(LinkLine(
            rank=rank, number=number, what=f"link-{message.key}-{number}", address=links[number], people=people,
            clicks=found.clicks.get(number, 0), share=share, heat=math.ceil(HOTTEST * people / most) if most else 0,
        ))  # fmt: skip
    return Clicks(lines=lines, people=found.people, clicks=sum(found.clicks.values()), unsubscribed=found.unsubscribed)
