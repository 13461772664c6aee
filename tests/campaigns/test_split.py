from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import treatments
from campaigns.treatments.split import places
from core.audience import Audience

KEYS = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def percents(draw: st.DrawFn) -> list[int]:
    """A holdout and up to five treatments of at least one percent each, 100 together."""
    held = draw(st.integers(0, 90))
    count = draw(st.integers(1, 5))
    ends = sorted(draw(st.lists(st.integers(1, 99 - held), min_size=count - 1, max_size=count - 1, unique=True)))
    return [held, *np.diff([0, *ends, 100 - held]).tolist()]


@st.composite
def crowds(draw: st.DrawFn, count: int = 100_000) -> Audience:
    """So many ids: all in a row, every so many, or here and there."""
    start, step = draw(st.integers(0, 1 << 40)), draw(st.sampled_from([1, 2, 3, 64, 100, 1000]))
    ids = np.arange(start, start + count * step, step, dtype=np.uint64)
    if draw(st.booleans()):
        seed = draw(st.integers(0, 1 << 32))
        ids = np.random.default_rng(seed).choice(np.arange(start, start + 10 * count, dtype=np.uint64), count, replace=False)
    return Audience(ids.tolist())


@settings(max_examples=25, deadline=None)
@given(crowd=crowds(), shares=percents(), key=KEYS)
def test_a_hundred_thousand_are_divided_within_half_a_percent(crowd: Audience, shares: list[int], key: str) -> None:
    parts = treatments.divided(crowd, key=key, cut=treatments.cut(crowd, key=key, shares=shares))

    assert [abs(len(part) / len(crowd) * 100 - share) <= 0.5 for part, share in zip(parts, shares, strict=True)] == [True] * len(
        shares
    )
    assert sum(map(len, parts)) == len(crowd)  # with the next line: everybody is in exactly one
    assert Audience.union(parts) == crowd


@settings(max_examples=50, deadline=None)
@given(
    here=st.sets(st.integers(0, 1 << 50), max_size=400), later=st.sets(st.integers(0, 1 << 50), max_size=400),
    shares=percents(), key=KEYS,
)  # fmt: skip
def test_whoever_stays_keeps_the_treatment_when_others_come_and_go(
    here: set[int], later: set[int], shares: list[int], key: str
) -> None:
    made = treatments.cut(Audience(here), key=key, shares=shares)
    before = treatments.divided(Audience(here), key=key, cut=made)
    after = treatments.divided(Audience(here | later), key=key, cut=made)
    alone = [treatments.divided(Audience([one]), key=key, cut=made) for one in sorted(here)[:20]]

    assert [part & Audience(here) for part in after] == before
    for one, parts in zip(sorted(here)[:20], alone, strict=True):
        assert [one in part for part in parts] == [one in part for part in before]


def test_those_who_come_later_are_divided_as_the_shares_say_even_after_a_small_first_audience() -> None:
    made = treatments.cut(Audience(range(1, 8)), key="a" * 32, shares=[0, 50, 50])

    parts = treatments.divided(Audience(range(10, 100_010)), key="a" * 32, cut=made)

    assert [abs(len(part) - 50_000) < 1_200 for part in parts[1:]] == [True, True]


def test_the_splits_of_two_campaigns_know_nothing_of_each_other() -> None:
    ids = np.arange(100_000, dtype=np.uint64)
    halves = [places(ids, key=key) < np.uint64(1 << 52) for key in ("0" * 32, "0" * 31 + "1", "f" * 32)]

    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = int(np.count_nonzero(halves[first] & halves[second]))
        assert abs(both - 25_000) < 600  # four standard deviations


@pytest.mark.parametrize(("number", "line"), [(0, [10.0, 30.0, 60.0, 0.0]), (20, [10.0, 6.0, 12.0, 72.0])])
def test_the_line_is_holdout_treatments_and_whoever_waits(number: int, line: list[float]) -> None:
    document = {"HoldoutPercent": 10, "AdditionalTreatments": [{"SizePercent": 60}], "Pabal": {}}
    if number:
        document["Pabal"] = {"Winner": {"TestPercent": number, "WaitHours": 4, "Metric": "OPEN"}}

    assert treatments.line(document) == pytest.approx(line)
