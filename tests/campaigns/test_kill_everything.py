"""SIGKILL to everything that sends: workers, beat, the broker, PostgreSQL and single connections of it, while real SMTP is spoken.

``make soak`` sends to a hundred thousand, with two workers and with four.
"""

from __future__ import annotations

import collections
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campaigns.sending.worker import SMALL_BATCH
from console.embedded import servers
from core.audience import Audience
from tests.installation import Installation
from tests.messaging.smtp_server import ScriptedServer

IS_LONG = bool(os.environ.get("PABAL_SOAK"))
RECIPIENTS, KILLS = (100_000, 20) if IS_LONG else (2_500, 7)
_PATIENCE = 300.0 if IS_LONG else 90.0  # seconds


class Sending(Installation):
    """With the processes that send."""

    def __init__(self, folder: Path, *, senders: int, mail_port: int) -> None:
        self.senders = [f"sends-{number}" for number in range(1, senders + 1)]
        commands = {
            "beat": servers.celery_beat(),
            "ticks": servers.celery_worker("ticks"),
            **{name: self._sender(name) for name in self.senders},
        }
        environment = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "SEND_LEASE_SECONDS": "5",
            "SEND_COME_BACK_SECONDS": "5",
        }
        super().__init__(folder, commands=commands, environment=environment)

    @staticmethod
    def _sender(name: str) -> list[str]:
        command = servers.celery_worker("sends-1")
        return [f"{name}@%h" if word == "sends-1@%h" else word for word in command]

    def is_completed(self) -> bool:
        return self.ask("SELECT state FROM campaigns_run") == [("COMPLETED",)]

    def state(self) -> str:
        found = [
            str(self.ask("SELECT state, frozen, server_failures, server_said, not_before, now() FROM campaigns_run")),
            str(
                self.ask(
                    "SELECT number, epoch, lease_owner, lease_until, not_before, intent_cursor, done_cursor FROM campaigns_slice"
                    " WHERE state = 'OPEN' ORDER BY number LIMIT 5"
                )
            ),
        ]
        return "\n".join([*found, super().state()])


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer(seconds_each=0.001)
    yield made
    made.close()


@pytest.fixture(params=[2, 4] if IS_LONG else [2])
def installation(tmp_path: Path, server: ScriptedServer, request: pytest.FixtureRequest) -> Iterator[Sending]:
    made = Sending(tmp_path, senders=request.param, mail_port=server.port)
    yield made
    made.close()


def wait_until(condition: Callable[[], bool], installation: Sending) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, installation.state()
        installation.watch()
        time.sleep(0.01)


def begin(installation: Sending) -> None:
    installation.start("redis")
    installation.run("manage.py", "migrate", "--verbosity", "0")
    installation.run("-m", "tests.campaigns.sending_script", "prepare", str(RECIPIENTS))
    installation.start("beat", "ticks", *installation.senders)


def unknown(installation: Sending, server: ScriptedServer) -> int:
    """Waits for the end, and checks it: nobody got two, everybody has one outcome, and each SUCCESS was received. How many UNKNOWN."""
    wait_until(installation.is_completed, installation)
    received = collections.Counter(recipient for recipient, _body in server.bodies)
    assert set(received.values()) == {1}, "somebody got it twice"
    ((audience, failure),) = installation.ask("SELECT audience, failure FROM campaigns_run")
    assert failure is None
    outcomes: collections.Counter[int] = collections.Counter()
    by_outcome: dict[str, set[int]] = collections.defaultdict(set)
    for outcome, members in installation.ask("SELECT outcome, members FROM campaigns_sliceoutcome"):
        ids = list(Audience.from_bytes(bytes(members)))  # type: ignore[call-overload]
        outcomes.update(ids)
        by_outcome[str(outcome)] |= set(ids)
    assert set(outcomes) == set(Audience.from_bytes(bytes(audience)))  # type: ignore[call-overload]
    assert set(outcomes.values()) == {1}
    assert set(by_outcome) <= {"SUCCESS", "UNKNOWN"}
    addresses = dict(installation.ask("SELECT id, address FROM endpoints_endpoint"))  # type: ignore[arg-type]
    got = {addresses[pk] for pk in by_outcome["SUCCESS"]}
    assert got <= set(received), "the console says sent, the server has nothing"
    assert set(received) - got <= {addresses[pk] for pk in by_outcome["UNKNOWN"]}
    assert installation.ask("SELECT sum(total) FROM analytics_counter WHERE kind = 10") == [(len(got),)]
    return len(by_outcome["UNKNOWN"])


def at_random_moments(chance: random.Random, server: ScriptedServer, installation: Sending) -> Iterator[None]:
    """While the messages go out: about every so many of them, and somewhere in what is then being done."""
    for number in range(KILLS):
        moment = RECIPIENTS * number // (KILLS + 1) + chance.randrange(1, RECIPIENTS // (KILLS + 1))
        wait_until(lambda moment=moment: len(server.bodies) >= moment, installation)  # type: ignore[misc]
        yield


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_killed_at_random_moments_nobody_gets_two_and_only_dead_workers_leave_doubt(
    installation: Sending, server: ScriptedServer
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    begin(installation)
    one, all_ = installation.senders[:1], installation.senders
    kinds: list[list[str]] = [
        ["postgres"],
        ["connection"],
        ["redis"],
        ["beat"],
        one,
        all_,
        ["postgres", "redis", "beat", "ticks"],
    ]
    chance.shuffle(kinds)

    killed: collections.Counter[str] = collections.Counter()
    for number, _moment in enumerate(at_random_moments(chance, server, installation)):
        for name in kinds[number % len(kinds)]:
            installation.kill(name)
            killed[name] += 1

    in_doubt = unknown(installation, server)
    dead = sum(killed[name] for name in installation.senders)
    assert in_doubt <= dead * SMALL_BATCH
    print(f"{dict(killed)} killed, {in_doubt} unknown")


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_what_is_not_a_worker_leaves_no_doubt_when_it_dies(installation: Sending, server: ScriptedServer) -> None:
    chance = random.Random(random.randrange(10**6))
    begin(installation)

    for number, _moment in enumerate(at_random_moments(chance, server, installation)):
        installation.kill(("postgres", "connection", "redis", "ticks")[number % 4])

    assert unknown(installation, server) == 0


@pytest.mark.crash
@pytest.mark.timeout(1800)
def test_a_deploy_leaves_no_doubt(installation: Sending, server: ScriptedServer) -> None:
    chance = random.Random(random.randrange(10**6))
    begin(installation)

    for _moment in at_random_moments(chance, server, installation):
        for name in installation.senders:
            installation.stop(name)

    assert unknown(installation, server) == 0
