"""Campaigns side by side, each with the numbers of its own page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from analytics import queries as analytics_queries
from analytics.hit_classes import COUNTED
from campaigns import channels
from campaigns.models import Campaign, Outcome, Run, RunState, SliceOutcome
from campaigns.numbers import MailNumbers, mail_numbers

FEWEST, MOST = 2, 10  # campaigns that one page compares


@dataclass(frozen=True, slots=True)
class Compared:
    """A campaign's numbers over all its runs; ``mail`` is None for one that sends no mails."""

    campaign: Campaign
    targeted: int
    sent: int
    mail: MailNumbers | None


def compared(*, campaigns: Sequence[Campaign], classes: Collection[int] = COUNTED) -> list[Compared]:
    """In the order that is given; all are of one project. Four queries."""
    if not campaigns:
        return []
    ids = [one.pk for one in campaigns]
    runs = Run.objects.filter(campaign__in=ids).exclude(state=RunState.PENDING, frozen=0)
    targeted = dict(runs.values_list("campaign").annotate(sum=Sum("targeted")))
    outcomes = SliceOutcome.objects.filter(run__campaign__in=ids, outcome=Outcome.SUCCESS)
    sent: dict[int, int] = defaultdict(int) | dict(outcomes.values_list("run__campaign").annotate(sum=Sum("total")))
    counts = analytics_queries.counts_of_campaigns(project_id=campaigns[0].project_id, campaign_ids=ids, classes=classes)
    return [
        Compared(
            campaign=one, targeted=targeted.get(one.pk, 0), sent=sent[one.pk],
            mail=None if channels.is_custom(one.document) else mail_numbers(sent=sent[one.pk], counts=[counts[one.pk].total]),
        )
        for one in campaigns
    ]  # fmt: skip
