from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import queries
from campaigns.funnel import funnel
from campaigns.models import ExclusionReason, Outcome
from tests.campaigns.test_sending import Clock, RecordingTransport, launched, send

REASONS = st.dictionaries(st.sampled_from(ExclusionReason.values), st.integers(0, 10**7))
OUTCOMES = st.dictionaries(st.sampled_from(Outcome.values), st.integers(0, 10**7))


@given(excluded=REASONS, outcomes=OUTCOMES, waiting=st.integers(0, 10**7))
def test_everybody_is_in_the_funnel_once(excluded: dict[str, int], outcomes: dict[str, int], waiting: int) -> None:
    frozen = sum(outcomes.values()) + waiting
    targeted = frozen + sum(excluded.values())

    made = funnel(targeted=targeted, frozen=frozen, excluded=excluded, outcomes=outcomes)

    sent = made.stages[-1]
    assert sent.what == "outcome-SUCCESS"
    assert targeted == sent.total + sum(one.total for one in made.stages if one.is_loss)
    shown = sum(1 for one in made.stages if one.is_loss and one.what != "waiting")
    assert shown + len(made.unused) == len(ExclusionReason) + len(Outcome) - 1


@pytest.mark.django_db
def test_each_number_of_the_funnel_opens_its_people() -> None:
    clock, transport = Clock(), RecordingTransport()
    run = launched(60, clock=clock, HoldoutPercent=20)
    before = queries.campaign_summary(campaign=run.campaign).funnel
    for stage in before.stages:
        found = queries.people_behind(campaign=run.campaign, what=stage.what)
        assert found is not None
        assert len(found[1]) == stage.total
    assert [one.what for one in before.stages] == [
        "targeted",
        "excluded-TREATMENT_HOLDOUT",
        "frozen",
        "waiting",
        "outcome-SUCCESS",
    ]

    send(run, transport, clock)

    after = queries.campaign_summary(campaign=run.campaign).funnel
    assert [one.what for one in after.stages] == ["targeted", "excluded-TREATMENT_HOLDOUT", "frozen", "outcome-SUCCESS"]
    assert after.stages[-1].total == len(transport.sent)
