"""SIGKILL to the web, the consumer, Redis and PostgreSQL while clicks arrive; and a database that is away for a while.

``make soak`` makes two hundred thousand clicks.
"""

from __future__ import annotations

import collections
import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from console.embedded import servers
from console.embedded.ports import any_port
from tests.installation import Installation

pytestmark = pytest.mark.crash

IS_LONG = bool(os.environ.get("PABAL_SOAK"))
HITS, KILLS = (200_000, 24) if IS_LONG else (3_000, 8)
_PATIENCE = 1_500.0 if IS_LONG else 120.0  # seconds
_CLIENTS = 8
_PAUSE = 0.0 if IS_LONG else 0.03  # seconds between two hits of a client: they must last longer than a server takes to come back
_PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)"


class Web(Installation):
    def __init__(self, folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        self.port = any_port()
        commands = {"web": servers.web(self.port), "beat": servers.celery_beat(), "ticks": servers.celery_worker("ticks")}
        super().__init__(folder, commands=commands, environment=environment)

    def ask_for(self, path: str) -> int:
        """The status of the answer. Raises ``OSError`` when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"User-Agent": _PHONE})
            return connection.getresponse().status
        except http.client.HTTPException as broken:
            raise OSError(str(broken)) from broken
        finally:
            connection.close()


class Crowd:
    """Clients who ask for each path until it is answered."""

    def __init__(self, web: Web, paths: list[str]) -> None:
        self._web = web
        self._left = list(enumerate(paths, 1))
        self._lock = threading.Lock()
        self.attempts: collections.Counter[int] = collections.Counter()
        self.answered: dict[int, int] = {}
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _client in range(_CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while True:
            with self._lock:
                if not self._left:
                    return
                endpoint_id, path = self._left.pop()
            status = 0
            while not status:
                self.attempts[endpoint_id] += 1  # of this client's alone
                try:
                    status = self._web.ask_for(path)
                except OSError:
                    time.sleep(0.02)
            self.answered[endpoint_id] = status
            time.sleep(_PAUSE)

    def is_through(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.close()


def begin(web: Web) -> list[str]:
    web.start("redis")
    web.run("manage.py", "migrate", "--verbosity", "0")
    paths = web.run("-m", "tests.analytics.hits_script", str(HITS)).split()
    web.start("web", "beat", "ticks")
    wait_until(lambda: is_up(web), web)
    return paths


def is_up(web: Web) -> bool:
    try:
        return web.ask_for("/t/o/x") == 200
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], web: Web) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, web.state()
        web.watch()
        time.sleep(0.02)


def recorded(web: Web) -> dict[int, int]:
    rows = web.ask("SELECT endpoint_id, count(*) FROM analytics_event WHERE project_id = 1 GROUP BY 1")
    return {int(str(endpoint_id)): int(str(total)) for endpoint_id, total in rows}


def check(web: Web, crowd: Crowd) -> None:
    """Each answered hit is an event, and no event is there that nobody asked for; the numbers are those of the events."""
    wait_until(lambda: set(crowd.answered) <= set(recorded(web)), web)
    assert set(crowd.answered.values()) == {200, 302}
    found = recorded(web)
    assert {one: total for one, total in found.items() if total > crowd.attempts[one]} == {}
    ((events, ids),) = web.ask("SELECT count(*), count(DISTINCT id) FROM analytics_event WHERE project_id = 1")
    ((counted,),) = web.ask("SELECT sum(total) FROM analytics_counter WHERE project_id = 1")
    assert events == ids == counted
    once = sum(total == 1 for total in crowd.attempts.values())
    print(f"{len(found)} hits, {events} events, {once} of them answered at the first attempt")


@pytest.mark.timeout(1800)
def test_killed_at_random_moments_no_answered_hit_is_lost_and_none_counts_twice(web: Web) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd = Crowd(web, begin(web))
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
        moment = HITS * number // (KILLS + 1) + chance.randrange(1, HITS // (KILLS + 1))
        wait_until(lambda moment=moment: len(crowd.answered) >= moment, web)  # type: ignore[misc]
        for name in kinds[number % len(kinds)]:
            web.kill(name)

    wait_until(crowd.is_through, web)
    assert max(crowd.attempts.values()) > 1, "the web was not killed while they asked"
    check(web, crowd)


@pytest.mark.timeout(600)
def test_while_the_database_is_away_hits_are_answered_and_counted_afterwards(web: Web) -> None:
    paths = begin(web)
    web.stop_database()
    crowd = Crowd(web, paths[:1_000])
    wait_until(crowd.is_through, web)
    assert set(crowd.attempts.values()) == {1}

    web.start_database()
    check(web, crowd)
