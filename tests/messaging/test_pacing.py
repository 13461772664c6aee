"""Limits that many workers keep together."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from messaging.delivery.pacing import Rate, Slot


def test_places_are_given_out_one_after_the_other_whoever_asks(clean_redis: Any) -> None:
    waits: list[float] = []
    threads = [
        threading.Thread(target=lambda: waits.extend(Rate(name="x", per_second=10).reserve(1) for _ in range(10)))
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(waits) == 40
    assert max(waits) == pytest.approx(3.9, abs=0.6)  # the last of forty, less what the asking took
    assert Rate(name="x", per_second=10).reserve(1) == pytest.approx(4.0, abs=0.6)
    assert Rate(name="other", per_second=10).reserve(1) == 0.0


@pytest.mark.parametrize(("per_second", "piece"), [(0.5, 1), (1, 1), (14, 1), (50, 5), (1000, 100)])
def test_a_piece_is_a_tenth_of_a_second(per_second: float, piece: int) -> None:
    assert Rate(name="x", per_second=per_second).piece == piece


def test_a_slow_rate_is_kept_to_the_fraction(clean_redis: Any) -> None:
    rate = Rate(name="x", per_second=0.25)
    assert rate.reserve(2) == 0.0
    assert rate.reserve(1) == pytest.approx(8.0, abs=0.2)


def test_no_more_slots_than_the_limit_and_a_dead_ones_comes_back(clean_redis: Any) -> None:
    held = [Slot(name="x", limit=2) for _ in range(3)]

    assert [slot.take() for slot in held] == [True, True, False]
    assert held[0].take()  # renewed
    held[1].give_back()
    assert held[2].take()
    assert not held[1].take()
    (key,) = clean_redis.keys("pabal:connections:*")
    clean_redis.zadd(key, dict.fromkeys(clean_redis.zrange(key, 0, -1), 1))  # long ago: their workers died
    assert held[1].take()
