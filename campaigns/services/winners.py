"""The choice of a winner: once, by its figures or by hand; then the rest gets it."""

from __future__ import annotations

import dataclasses
import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import lifecycle, treatments
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice, WinnerTest
from campaigns.services.drafts import CampaignRefused
from campaigns.treatments import bayes, figures
from projects.models import Installation, User
from projects.services import audit

_LIVE = [CampaignState.PENDING_NEXT_RUN, CampaignState.EXECUTING]


def choose_due(*, now: datetime.datetime) -> list[int]:
    """Choose where the wait is over and everybody in the test was tried; returns the runs to the rest. Two ticks at once: one chooses."""
    if Installation.objects.filter(sending_paused_at__isnull=False).exists():
        return []
    made = []
    due = WinnerTest.objects.filter(
        state=WinnerTest.State.WAITING, decide_at__lte=now, campaign__state__in=_LIVE, campaign__project__deleted_at=None
    )
    for test in due.select_related("campaign", "campaign__project").order_by("decide_at")[:100]:
        if not _is_sent(test):
            continue
        counted = figures.of_test(test=test)
        chosen = bayes.best([one.chance for one in counted])
        why = WinnerTest.Why.BEST
        if not any(one.figures.reacted for one in counted):
            chosen, why = None, WinnerTest.Why.NO_DATA
        elif chosen is None:
            why = WinnerTest.Why.TIE
        run = _choose(test, winner=chosen or 0, why=why, counted=counted, actor=None, now=now)
        if run is not None:
            made.append(run.pk)
    return made


def choose_by_hand(*, campaign: Campaign, actor: User, winner: int, now: datetime.datetime) -> Run:
    """Choose now instead of waiting. Raises ``CampaignRefused``."""
    if winner not in treatments.numbers(campaign.document):
        raise CampaignRefused(_("The campaign has no such treatment."))
    test = WinnerTest.objects.filter(campaign=campaign, state=WinnerTest.State.WAITING).order_by("occurrence_at").first()
    if test is None:
        raise CampaignRefused(_("The winner was chosen already."))
    if campaign.state not in _LIVE:
        raise CampaignRefused(_("The campaign is not being sent. Resume it first."))
    if not _is_frozen(test):
        raise CampaignRefused(_("The audience of the test is still being computed. Try again in a moment."))
    test.campaign = campaign
    counted = figures.of_test(test=test)
    run = _choose(test, winner=winner, why=WinnerTest.Why.BY_HAND, counted=counted, actor=actor, now=now)
    if run is None:
        raise CampaignRefused(_("The winner was chosen already."))
    return run


def _runs(test: WinnerTest) -> list[Run]:
    runs = Run.objects.filter(campaign_id=test.campaign_id, occurrence_at=test.occurrence_at, is_rest=False)
    return list(runs.defer("audience", "content"))


def _is_frozen(test: WinnerTest) -> bool:
    """Whether it is known who is in the test, and so who is the rest."""
    runs = _runs(test)
    expected = len(treatments.numbers(test.campaign.document))
    return len(runs) == expected and all(run.state in (RunState.RUNNING, RunState.COMPLETED) for run in runs)


def _is_sent(test: WinnerTest) -> bool:
    """Whether everybody in the test was tried once; those whom a server put off are not waited for."""
    runs = [run.pk for run in _runs(test)]
    return _is_frozen(test) and not Slice.objects.filter(run__in=runs, attempt=0, state=Slice.State.OPEN).exists()


def _choose(
    test: WinnerTest,
    *,
    winner: int,
    why: WinnerTest.Why,
    counted: list[figures.Counted],
    actor: User | None,
    now: datetime.datetime,
) -> Run | None:
    """Note the choice and make the run, both or neither; None when another has chosen."""
    campaign = test.campaign
    with transaction.atomic():
        lifecycle.move(
            campaign_id=campaign.pk, to=CampaignState.EXECUTING, updated_at=now
        )  # the campaign first: the order of locks
        mine = WinnerTest.objects.filter(pk=test.pk, state=WinnerTest.State.WAITING)
        if not mine.update(
            state=WinnerTest.State.CHOSEN, winner=winner, why=why, chosen_by=actor, chosen_at=now,
            figures=[dataclasses.asdict(one.figures) | {"chance": round(one.chance, 6)} for one in counted],
        ):  # fmt: skip
            transaction.set_rollback(True)
            return None
        run = Run.objects.create(
            project=campaign.project, campaign=campaign, treatment=winner, occurrence_at=test.occurrence_at, is_rest=True,
            state=RunState.FREEZING, due_at=now, campaign_version=campaign.version, created_at=now,
        )  # fmt: skip
        name = treatments.names(campaign.document)[winner]
        audit.record(
            project=campaign.project,
            actor=actor,
            verb="campaign.winner_chosen",
            target=campaign,
            now=now,
            treatment=name,
            why=why.value,
        )
    return run
