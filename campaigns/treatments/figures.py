"""What came of each treatment: from outcomes and reach, as everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from django.db.models import Sum

from analytics import queries as analytics_queries
from analytics.models import EventKind
from analytics.services.event_types import known_kind
from campaigns.models import Campaign, Outcome, Run, SliceOutcome, WinnerTest
from campaigns.treatments import bayes
from campaigns.treatments.definition import names, numbers, winner
from core.audience import Audience
from endpoints.queries import of_same_users

_REACTIONS = {"OPEN": EventKind.EMAIL_OPEN, "CLICK": EventKind.EMAIL_CLICK}


@dataclass(frozen=True, slots=True)
class Counted:
    """A treatment's figures, and the probability that it is the best by them."""

    figures: bayes.Figures
    chance: float


@dataclass(frozen=True, slots=True)
class Rate:
    """In percent, with the ends of its 95 % interval; and where these lie in a picture a hundred wide that holds all treatments."""

    people: int
    percent: float
    low: float
    high: float
    at: float
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class TreatmentLine:
    """A treatment on the campaign's page, over all its runs but the one to the rest. ``chance`` of being the best: by the metric."""

    number: int
    name: str
    targeted: int
    sent: int
    opened: Rate
    clicked: Rate
    converted: Rate | None  # of a test by conversions, in its latest test; afterwards as it was when the winner was chosen
    chance_percent: float | None


def of_test(*, test: WinnerTest) -> list[Counted]:
    """Each treatment's figures in the test."""
    said = winner(test.campaign.document)
    assert said is not None  # it made the test
    runs = Run.objects.filter(campaign_id=test.campaign_id, occurrence_at=test.occurrence_at, is_rest=False)
    runs = runs.defer("audience", "content")
    if said.metric == "CONVERSION":
        found = _conversions(test.campaign, list(runs), said.event)
    else:
        found = _figures(test.campaign, runs, _REACTIONS[said.metric])
    chances = bayes.probabilities(found)
    return [Counted(one, chance) for one, chance in zip(found, chances, strict=True)]


def lines(*, campaign: Campaign) -> list[TreatmentLine]:
    """Side by side; empty for a campaign of one treatment."""
    if len(numbers(campaign.document)) == 1:
        return []
    runs = list(campaign.runs.filter(is_rest=False).defer("audience", "content"))
    opened, clicked = (_figures(campaign, runs, kind) for kind in (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK))
    said = winner(campaign.document)
    by = opened if said is not None and said.metric == "OPEN" else clicked
    conversions: list[Rate] = []
    if said is not None and said.metric == "CONVERSION":
        by = _of_latest_test(campaign)
        conversions = _rates(by)
    chances = [round(100 * one, 1) for one in bayes.probabilities(by)] if any(one.reacted for one in by) else []
    targeted = {number: sum(run.targeted for run in runs if run.treatment == number) for number in numbers(campaign.document)}
    opens, clicks = _rates(opened), _rates(clicked)
    return [
        TreatmentLine(
            number=number, name=name, targeted=targeted[number], sent=opened[number].sent, opened=opens[number],
            clicked=clicks[number], converted=conversions[number] if conversions else None,
            chance_percent=chances[number] if chances else None,
        )
        for number, name in enumerate(names(campaign.document))
    ]  # fmt: skip


def _of_latest_test(campaign: Campaign) -> list[bayes.Figures]:
    test = campaign.winner_tests.order_by("-occurrence_at").first()
    if test is None:
        return []
    if test.state == WinnerTest.State.CHOSEN:
        return [bayes.Figures(sent=one["sent"], reacted=one["reacted"]) for one in test.figures]
    test.campaign = campaign
    return [one.figures for one in of_test(test=test)]


def _rates(figures: list[bayes.Figures]) -> list[Rate]:
    ends = [bayes.interval(one) if one.sent else (0.0, 0.0) for one in figures]
    widest = max((high for _low, high in ends), default=0.0) or 1.0
    return [
        Rate(
            people=one.reacted, percent=round(100 * one.rate, 1), low=round(100 * low, 1), high=round(100 * high, 1),
            at=round(100 * one.rate / widest, 1), start=round(100 * low / widest, 1), width=round(100 * (high - low) / widest, 1),
        )
        for one, (low, high) in zip(figures, ends, strict=True)
    ]  # fmt: skip


def _figures(campaign: Campaign, runs: Iterable[Run], reaction: EventKind) -> list[bayes.Figures]:
    by_treatment: dict[int, list[int]] = {number: [] for number in numbers(campaign.document)}
    for run in runs:
        by_treatment[run.treatment].append(run.pk)
    every = [pk for some in by_treatment.values() for pk in some]
    rows = SliceOutcome.objects.filter(run__in=every, outcome=Outcome.SUCCESS).values_list("run_id").annotate(sum=Sum("total"))
    sent: dict[int, int] = dict(rows)
    counts = analytics_queries.run_counts(project_id=campaign.project_id, run_ids=every)
    unique = {pk: one.unique_opens if reaction == EventKind.EMAIL_OPEN else one.unique_clicks for pk, one in counts.items()}
    return [
        bayes.Figures(sent=sum(sent.get(pk, 0) for pk in some), reacted=sum(unique[pk] for pk in some))
        for some in by_treatment.values()
    ]


def _conversions(campaign: Campaign, runs: list[Run], event: str) -> list[bayes.Figures]:
    """Who got it and has done the event since the run began, by any endpoint of the same user."""
    sent: dict[int, Audience] = {number: Audience() for number in numbers(campaign.document)}
    of_run = {run.pk: run for run in runs}
    for row in SliceOutcome.objects.filter(run__in=of_run, outcome=Outcome.SUCCESS):
        sent[of_run[row.run_id].treatment] |= cast(Audience, row.members)
    kind = known_kind(project_id=campaign.project_id, name=event)
    did = Audience()
    if kind is not None and runs:
        began = min(run.due_at for run in runs)
        who = analytics_queries.did_after(project_id=campaign.project_id, kind=kind, since=began)
        did = of_same_users(project_id=campaign.project_id, ids=who)
    return [bayes.Figures(sent=len(some), reacted=len(some & did)) for some in sent.values()]
