"""The automatic winner: a part is tested, the rest waits, the best goes to the rest, once."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, SourceKind
from analytics.services.event_types import kinds_of
from analytics.services.record import record_events
from campaigns.models import Campaign, CampaignState, Run, RunState, Slice, WinnerTest
from campaigns.sending import freezing, worker
from campaigns.services import launch, winners
from campaigns.services.drafts import CampaignRefused
from campaigns.treatments import bayes, figures
from campaigns.treatments.bayes import Figures
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import AuditEntry, Project
from tests.campaigns.test_sending import NOW, Clock, RecordingTransport
from tests.campaigns.test_treatments import email, with_treatments, work
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

WINNER = {"Channel": "EMAIL", "Kind": "AB", "Varies": "MESSAGE", "TimeZone": "Asia/Seoul"} | {
    "Winner": {"TestPercent": 20, "WaitHours": 4, "Metric": "OPEN"}
}


@pytest.fixture
def shop() -> Project:
    project = make_project()
    make_sender(project=project)
    return project


def launched(shop: Project, *, count: int = 1_000, **document: Any) -> Campaign:
    members = Audience(make_members(project=shop, count=count))
    second = {"SizePercent": 50, "MessageConfiguration": email("둘째")}
    return with_treatments(project=shop, members=members, **({"AdditionalTreatments": [second], "Pabal": WINNER} | document))


def react(run: Run, ids: Iterable[int], kind: EventKind = EventKind.EMAIL_OPEN) -> None:
    record_events(
        events=[
            EventRow(
                id=uuid.uuid4(), occurred_at=NOW, project_id=run.project_id, endpoint_id=one, kind=kind, hit_class=HitClass.PERSON,
                source_kind=SourceKind.CAMPAIGN, source_id=run.campaign_id, run_id=run.pk, treatment=run.treatment, data=None,
            )
            for one in ids
        ]
    )  # fmt: skip


def choose(clock: Clock, transport: RecordingTransport) -> list[int]:
    made = winners.choose_due(now=clock())
    for run_id in made:
        freezing.freeze_run(run_id=run_id, clock=clock)
        worker.send_run(run_id=run_id, owner="w", clock=clock, transport=transport)
    return made


@pytest.mark.django_db
def test_the_best_treatment_goes_to_the_rest_after_the_wait(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    campaign = launched(shop)
    Campaign.objects.filter(pk=campaign.pk).update(split={"shares": [0.0, 10.0, 10.0, 80.0], "ends": _even(campaign, each=100)})
    work(clock=clock, transport=transport)
    tests = {run.treatment: run for run in Run.objects.all()}
    assert {number: run.frozen for number, run in tests.items()} == {0: 100, 1: 100}
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.PENDING_NEXT_RUN
    react(tests[0], list(tests[0].audience)[:10])
    react(tests[1], list(tests[1].audience)[:40])

    clock.pass_(hours=3, minutes=59)
    assert choose(clock, transport) == []
    clock.pass_(minutes=1)
    (rest_id,) = choose(clock, transport)
    assert choose(clock, transport) == []

    rest = Run.objects.get(pk=rest_id)
    assert (rest.treatment, rest.is_rest, rest.content["Message"]["Title"]) == (1, True, "둘째")
    assert set(transport.sent.values()) == {1}
    assert (len(transport.sent), sum(Run.objects.values_list("targeted", flat=True))) == (1_000, 1_000)
    test = WinnerTest.objects.get()
    assert (test.state, test.winner, test.why, test.chosen_by) == ("CHOSEN", 1, "BEST", None)
    assert [one["reacted"] for one in test.figures] == [10, 40]
    assert test.figures[1]["chance"] > 0.999
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.COMPLETED
    assert AuditEntry.objects.filter(verb="campaign.winner_chosen", data__why="BEST").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("reactions", "why"), [((0, 0), "NO_DATA"), ((20, 20), "TIE")])
def test_without_a_difference_the_default_one_is_taken_and_that_is_said(
    shop: Project, reactions: tuple[int, int], why: str
) -> None:
    clock, transport = Clock(), RecordingTransport()
    campaign = launched(shop, count=2_000)
    Campaign.objects.filter(pk=campaign.pk).update(split={"shares": [0.0, 10.0, 10.0, 80.0], "ends": _even(campaign, each=200)})
    work(clock=clock, transport=transport)
    for run, some in zip(Run.objects.order_by("treatment"), reactions, strict=True):
        react(run, list(run.audience)[:some])

    clock.pass_(hours=4)
    choose(clock, transport)

    test = WinnerTest.objects.get()
    assert (test.winner, test.why) == (0, why)
    assert len(transport.sent) == 2_000


def _even(campaign: Campaign, *, each: int) -> list[int]:
    """Cuts that put the same number into both treatments, however small the crowd."""
    import numpy as np

    from campaigns.treatments.split import LINE, places
    from segments.models import SegmentVersion

    ids = np.array(sorted(SegmentVersion.objects.get().members), dtype=np.uint64)
    line = np.sort(places(ids, key=campaign.public_id))
    return [0, int(line[each]), int(line[2 * each]), LINE]


@pytest.mark.django_db
def test_somebody_may_choose_before_the_wait_is_over(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    campaign = launched(shop)
    with pytest.raises(CampaignRefused):
        winners.choose_by_hand(campaign=campaign, actor=shop.created_by, winner=1, now=clock())
    work(clock=clock, transport=transport)
    campaign.refresh_from_db()

    with pytest.raises(CampaignRefused):
        winners.choose_by_hand(campaign=campaign, actor=shop.created_by, winner=2, now=clock())
    run = winners.choose_by_hand(campaign=campaign, actor=shop.created_by, winner=1, now=clock())
    with pytest.raises(CampaignRefused):
        winners.choose_by_hand(campaign=campaign, actor=shop.created_by, winner=0, now=clock())
    clock.pass_(hours=5)
    assert choose(clock, transport) == []

    freezing.freeze_run(run_id=run.pk, clock=clock)
    worker.send_run(run_id=run.pk, owner="w", clock=clock, transport=transport)
    assert (len(transport.sent), set(transport.sent.values())) == (1_000, {1})
    entry = AuditEntry.objects.get(verb="campaign.winner_chosen")
    assert (entry.actor, entry.data["why"]) == (shop.created_by, "BY_HAND")


@pytest.mark.django_db
def test_nothing_is_chosen_while_the_test_is_being_sent_or_the_campaign_is_paused(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    campaign = launched(shop)
    work(clock=clock, transport=transport)
    clock.pass_(hours=5)
    one = Slice.objects.first()
    Slice.objects.filter(pk=one.pk).update(state="OPEN")
    assert choose(clock, transport) == []
    Slice.objects.filter(pk=one.pk).update(state="DONE")
    campaign.refresh_from_db()
    launch.pause_campaign(campaign=campaign, actor=shop.created_by, now=clock())
    assert choose(clock, transport) == []

    launch.resume_campaign(campaign=campaign, actor=shop.created_by, now=clock())
    assert campaign.state == CampaignState.PENDING_NEXT_RUN
    assert len(choose(clock, transport)) == 1


@pytest.mark.django_db
def test_those_who_join_during_the_wait_get_the_winner_too(shop: Project) -> None:
    from segments.models import SegmentVersion

    clock, transport = Clock(), RecordingTransport()
    launched(shop)
    work(clock=clock, transport=transport)
    version = SegmentVersion.objects.get()
    SegmentVersion.objects.update(members=version.members | Audience(make_members(project=shop, count=100)))

    clock.pass_(hours=4)
    choose(clock, transport)

    assert (len(transport.sent), set(transport.sent.values())) == (1_100, {1})
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.COMPLETED}


def exact(first: Figures, second: Figures) -> Fraction:
    """P(second > first) for two Beta posteriors with whole parameters, in closed form."""
    a1, b1 = 1 + first.reacted, 1 + first.sent - first.reacted
    a2, b2 = 1 + second.reacted, 1 + second.sent - second.reacted

    def beta(a: int, b: int) -> Fraction:
        return Fraction(1, comb(a + b - 2, a - 1) * (a + b - 1))

    return sum((beta(a1 + i, b1 + b2) / ((b2 + i) * beta(1 + i, b2) * beta(a1, b1)) for i in range(a2)), Fraction(0))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=2))
def test_the_probability_is_the_exact_one(pairs: list[tuple[int, int]]) -> None:
    first, second = (Figures(sent=sent, reacted=min(sent, reacted)) for sent, reacted in pairs)

    found = bayes.probabilities([first, second])

    assert found[1] == pytest.approx(float(exact(first, second)), abs=1e-5)
    assert sum(found) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1_000_000), st.floats(0, 1)), min_size=1, max_size=5))
def test_probabilities_of_any_figures_add_up_and_follow_the_rates(pairs: list[tuple[int, float]]) -> None:
    figures = [Figures(sent=sent, reacted=int(sent * share)) for sent, share in pairs]

    found = bayes.probabilities(figures)

    assert sum(found) == pytest.approx(1)
    assert all(0 <= one <= 1 for one in found)
    assert all(bayes.interval(one)[0] <= one.rate <= bayes.interval(one)[1] for one in figures if one.sent)


def test_wilsons_interval_of_known_figures() -> None:
    assert bayes.interval(Figures(sent=100, reacted=20)) == pytest.approx((0.13337, 0.28883), abs=1e-5)


def buy(project: Project, ids: Iterable[int], at: datetime.datetime) -> None:
    kind = kinds_of(project_id=project.pk, names=["order.placed"])["order.placed"]
    record_events(
        events=[EventRow(id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=one, kind=kind) for one in ids]
    )


@pytest.mark.django_db
def test_a_winner_by_conversions_counts_people_who_did_it_since_with_any_endpoint(shop: Project) -> None:
    clock, transport = Clock(), RecordingTransport()
    said = WINNER | {"Winner": WINNER["Winner"] | {"Metric": "CONVERSION", "Event": "order.placed"}}
    campaign = launched(shop, Pabal=said)
    Campaign.objects.filter(pk=campaign.pk).update(split={"shares": [0.0, 10.0, 10.0, 80.0], "ends": _even(campaign, each=100)})
    work(clock=clock, transport=transport)
    tests = {run.treatment: list(run.audience) for run in Run.objects.all()}
    telephone = make_endpoint(project=shop, address="0" * 64, channel_type="GCM", user_id="kim")
    Endpoint.objects.filter(pk=tests[1][0]).update(user=telephone.user)
    buy(shop, tests[0][:60], NOW - datetime.timedelta(minutes=1))  # before the test: that is not the message's doing
    buy(shop, tests[0][:5], NOW + datetime.timedelta(hours=1))
    buy(shop, [telephone.pk, *tests[1][1:30], *tests[1][1:30]], NOW + datetime.timedelta(hours=1))

    clock.pass_(hours=4)
    campaign.refresh_from_db()
    shown = [(one.converted.people, one.sent) for one in figures.lines(campaign=campaign) if one.converted]
    (rest_id,) = choose(clock, transport)
    buy(shop, tests[0][5:90], NOW + datetime.timedelta(hours=5))

    assert shown == [(5, 100), (30, 100)]
    assert Run.objects.get(pk=rest_id).treatment == 1
    assert [one["reacted"] for one in WinnerTest.objects.get().figures] == [5, 30]
    assert [one.converted.people for one in figures.lines(campaign=campaign) if one.converted] == [5, 30]
