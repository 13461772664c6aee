"""The numbers of mails that were sent, made in one place for every page that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.queries import RunCounts


@dataclass(frozen=True, slots=True)
class MailNumbers:
    """``tried``: taken or refused by a server. Opened, clicked and unsubscribed are people, once in each run."""

    sent: int
    tried: int
    delivered: int
    opened: int
    clicked: int
    unsubscribed: int
    bounced: int
    complained: int


def mail_numbers(*, sent: int, counts: Iterable[RunCounts]) -> MailNumbers:
    """``sent``: how many a server took, by the outcomes; ``counts``: what events tell. A later bounce takes from the delivered."""
    found = list(counts)
    tried, bounced = sum(one.sent for one in found), sum(one.bounces for one in found)
    return MailNumbers(
        sent=sent, tried=tried, delivered=min(max(0, tried - bounced), sent), opened=sum(one.unique_opens for one in found),
        clicked=sum(one.unique_clicks for one in found), unsubscribed=sum(one.unique_unsubscribes for one in found),
        bounced=bounced, complained=sum(one.complaints for one in found),
    )  # fmt: skip
