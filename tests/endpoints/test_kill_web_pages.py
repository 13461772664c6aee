"""SIGKILL to the web, the consumer, Redis and PostgreSQL while web pages send; and a database that is away for a while."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.analytics.test_kill_hits import Crowd, Web, wait_until
from tests.endpoints.web_page import SHOP

pytestmark = pytest.mark.crash

IS_LONG = bool(os.environ.get("PABAL_SOAK"))
BATCHES, KILLS = (40_000, 24) if IS_LONG else (3_000, 8)
_EVENTS = 3  # of a batch


class Shop(Web):
    """Whose pages send: what is asked for is a visitor's number, and its batch is the same at each attempt."""

    token = ""

    def ask_for(self, path: str) -> int:
        """The status of the answer. Raises ``OSError`` when there is none, or when it says to try again."""
        at = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
        if (behind := datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)) > at:
            at = behind.replace(minute=0, second=0, microsecond=0)
        events = {f"e-{one}": {"EventType": "cart.viewed", "Timestamp": at.isoformat()} for one in range(_EVENTS)}
        body = json.dumps({"Visitor": path, "Endpoint": {"Demographic": {"Platform": "Web"}}, "Events": events})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", f"/w/{self.token}/1/put", body, {"Origin": SHOP, "User-Agent": "Mozilla/5.0 (X11; Linux)"})
            status = connection.getresponse().status
        except http.client.HTTPException as broken:
            raise OSError(str(broken)) from broken
        finally:
            connection.close()
        if status in (429, 503):
            raise OSError(str(status))
        return status


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, {"WEB_REQUESTS_PER_ADDRESS": "100000"})
    yield made
    made.close()


def begin(shop: Shop) -> list[str]:
    shop.start("redis")
    shop.run("manage.py", "migrate", "--verbosity", "0")
    shop.token = shop.run("-m", "tests.endpoints.key_script").strip()
    shop.start("web", "beat", "ticks")
    wait_until(lambda: is_up(shop), shop)
    return [f"{number:032x}" for number in range(1, BATCHES + 1)]


def is_up(shop: Shop) -> bool:
    try:
        return shop.ask_for("not a number") == 400
    except OSError:
        return False


def check(shop: Shop, batches: int) -> None:
    """Each event of each answered batch is there once; each visitor is; the numbers are those of the events."""

    def recorded() -> int:
        return int(str((shop.ask("SELECT count(*) FROM analytics_event") or [(0,)])[0][0]))

    wait_until(lambda: recorded() >= _EVENTS * batches, shop)
    ((events, ids, visitors),) = shop.ask("SELECT count(*), count(DISTINCT id), count(DISTINCT endpoint_id) FROM analytics_event")
    ((endpoints,),) = shop.ask('SELECT count(*) FROM endpoints_endpoint WHERE demographic = \'{"Platform": "Web"}\'')
    ((counted,),) = shop.ask("SELECT sum(total) FROM analytics_counter")
    assert events == ids == counted == _EVENTS * batches
    assert visitors == endpoints == batches


@pytest.mark.timeout(1800)
def test_killed_at_random_moments_no_answered_batch_is_lost_and_none_counts_twice(shop: Shop) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd = Crowd(shop, begin(shop))
    kinds = [
        ["ticks"],
        ["redis"],
        ["postgres"],
        ["web"],
        ["connection"],
        ["postgres", "redis"],
        ["ticks", "web"],
        ["beat", "redis"],
    ]
    for number in range(KILLS):
        moment = BATCHES * number // (KILLS + 1) + chance.randrange(1, BATCHES // (KILLS + 1))
        wait_until(lambda moment=moment: len(crowd.answered) >= moment, shop)  # type: ignore[misc]
        for name in kinds[number % len(kinds)]:
            shop.kill(name)

    wait_until(crowd.is_through, shop)
    assert set(crowd.answered.values()) == {202}
    assert max(crowd.attempts.values()) > 1, "the web was not killed while they asked"
    check(shop, BATCHES)


@pytest.mark.timeout(600)
def test_while_the_database_is_away_batches_are_answered_and_written_afterwards(shop: Shop) -> None:
    numbers = begin(shop)[:400]
    shop.ask_for(numbers[0])
    shop.stop_database()
    shop.kill("web")  # who begins while the database is away knows the keys, too
    wait_until(lambda: is_up(shop), shop)
    crowd = Crowd(shop, numbers)
    wait_until(crowd.is_through, shop)
    assert set(crowd.answered.values()) == {202}
    assert set(crowd.attempts.values()) == {1}

    shop.start_database()
    check(shop, len(numbers))
