"""SIGKILL to real Celery workers while they send over real SMTP."""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.db import connection

from campaigns.models import EventTrigger, Run, RunState, Slice, SliceOutcome
from campaigns.sending.worker import SMALL_BATCH
from campaigns.services import launch
from console.embedded import servers
from core import clock
from core.audience import Audience
from endpoints.models import Endpoint
from segments.services.segments import create_segment
from tests.campaigns.test_event_campaigns import by_event, tell
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

ROOT = Path(__file__).resolve().parent.parent.parent
RECIPIENTS, KILLS = 5_000, 10
SENDERS = ("sends-1", "sends-2")


class Crew:
    """Beat and the workers of an installation, as ``make run`` starts them, on the test's database."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = servers.celery_beat() if name == "beat" else servers.celery_worker(name)
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def state(self) -> str:
        """What an operator would look at: runs, open slices, queues, logs."""
        runs = list(Run.objects.values("state", "frozen", "lease_until"))
        open_slices = list(
            Slice.objects.filter(state="OPEN").values(
                "number", "epoch", "lease_owner", "lease_until", "not_before", "done_cursor"
            )
        )
        broker = redis.from_url(self._environment["REDIS_URL"])
        queues = {name: broker.llen(name) for name in ("ticks", "sends", "events", "imports")}
        alive = {name: process.poll() is None for name, process in self._processes.items()}
        logs = "\n".join(f"== {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self._folder.glob("*.log")))
        return f"{clock.now()} {runs} {open_slices} {queues} {alive}\n{logs}"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer(seconds_each=0.003)
    yield made
    made.close()


@pytest.fixture
def crew(tmp_path: Path, server: ScriptedServer, settings: Any) -> Iterator[Crew]:
    database = urlsplit(os.environ["DATABASE_URL"])
    broker = urlsplit(settings.REDIS_URL)._replace(path="/12")
    environment = {
        "DATABASE_URL": urlunsplit(database._replace(path=f"/{connection.settings_dict['NAME']}")),
        "REDIS_URL": urlunsplit(broker),
        "EMAIL_URL": f"smtp://127.0.0.1:{server.port}",
        "SEND_LEASE_SECONDS": "2",
        "SEND_COME_BACK_SECONDS": "0",
        "PABAL_VAR": str(tmp_path),
    }
    settings.EMAIL_URL = environment["EMAIL_URL"]  # this process launches, and asks whether there is a mail server
    made = Crew(tmp_path, environment)
    yield made
    made.kill_all()
    redis.from_url(urlunsplit(broker)).flushdb()


def wait_until(condition: Callable[[], bool], *, seconds: float, crew: Crew) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, crew.state()
        time.sleep(0.01)


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_killed_at_ten_random_moments_nobody_gets_two_and_everybody_has_one_outcome(server: ScriptedServer, crew: Crew) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    project = make_project(mode="LIVE")
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience(make_members(project=project, count=RECIPIENTS)))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment))
    for name in ("beat", "ticks", *SENDERS):
        crew.start(name)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())

    dead_senders = 0
    for _kill in range(KILLS):
        moment = len(server.bodies) + chance.randrange(1, 200)
        wait_until(lambda moment=moment: len(server.bodies) >= moment, seconds=60, crew=crew)  # type: ignore[misc]
        victims = list(chance.choice([SENDERS, SENDERS[:1], SENDERS[1:], (*SENDERS, "ticks", "beat")]))
        for name in victims:
            crew.kill(name)
        dead_senders += len(set(victims) & set(SENDERS))
        for name in victims:
            crew.start(name)
    wait_until(lambda: Run.objects.filter(state=RunState.COMPLETED).exists(), seconds=90, crew=crew)

    run = Run.objects.get()
    assert run.failure is None
    received = collections.Counter(recipient for recipient, _body in server.bodies)
    assert set(received.values()) == {1}, "somebody got it twice"
    outcomes: collections.Counter[int] = collections.Counter()
    by_outcome: dict[str, set[int]] = collections.defaultdict(set)
    for row in SliceOutcome.objects.filter(run=run):
        outcomes.update(row.members)
        by_outcome[row.outcome] |= set(row.members)
    assert run.audience is not None
    assert set(outcomes) == set(run.audience)
    assert set(outcomes.values()) == {1}
    assert set(by_outcome) <= {"SUCCESS", "UNKNOWN"}
    assert len(by_outcome["UNKNOWN"]) <= dead_senders * SMALL_BATCH
    addresses = dict(project_addresses(project.pk))
    got = {addresses[endpoint_id] for endpoint_id in by_outcome["SUCCESS"]}
    assert got <= set(received), "the console says sent, the server has nothing"
    assert set(received) - got <= {addresses[endpoint_id] for endpoint_id in by_outcome["UNKNOWN"]}
    print(f"{dead_senders} senders killed, {len(by_outcome['UNKNOWN'])} unknown")


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_killed_while_events_start_messages_each_event_is_answered_once(server: ScriptedServer, crew: Crew) -> None:
    """Four waves of events, told as the consumer of hits tells them, while ticks and senders are killed."""
    chance = random.Random(random.randrange(10**6))
    project = make_project(mode="LIVE")
    make_sender(project=project)
    people = make_members(project=project, count=1_200)
    everybody = create_segment(project=project, actor=None, name="모두", document={}, now=clock.now())
    end = clock.now() + datetime.timedelta(hours=1)
    plan = by_event(end=f"{end:%Y-%m-%dT%H:%M:%SZ}")
    campaign = make_campaign(project=project, document=campaign_document(segment=everybody, schedule=plan))
    for name in ("beat", "ticks", *SENDERS):
        crew.start(name)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())

    for wave in range(4):
        for endpoint in Endpoint.objects.filter(pk__in=people[wave * 300 : wave * 300 + 300]):
            tell(endpoint, clock.now())
        moment = len(server.bodies) + chance.randrange(1, 250)  # of those of whom it is not known nothing more comes
        wait_until(lambda moment=moment: len(server.bodies) >= moment, seconds=60, crew=crew)  # type: ignore[misc]
        victims = ("ticks", chance.choice(SENDERS))
        for name in victims:
            crew.kill(name)
        for name in victims:
            crew.start(name)
        wait_until(lambda wave=wave: _ended() >= wave * 300 + 300, seconds=60, crew=crew)  # type: ignore[misc]

    received = collections.Counter(recipient for recipient, _body in server.bodies)
    assert set(received.values()) == {1}, "somebody got it twice"
    ended: collections.Counter[int] = collections.Counter()
    sent: set[int] = set()
    for row in SliceOutcome.objects.all():
        assert row.outcome in ("SUCCESS", "UNKNOWN")
        ended.update(row.members)
        sent |= set(row.members) if row.outcome == "SUCCESS" else set()
    assert set(ended) == set(people)
    assert set(ended.values()) == {1}
    assert len(people) - len(sent) <= 4 * SMALL_BATCH
    addresses = dict(project_addresses(project.pk))
    assert {addresses[endpoint_id] for endpoint_id in sent} <= set(received), "the console says sent, the server has nothing"
    assert not EventTrigger.objects.exists()
    print(f"{Run.objects.count()} runs, {len(people) - len(sent)} unknown")


def _ended() -> int:
    return sum(SliceOutcome.objects.values_list("total", flat=True))


def project_addresses(project_id: int) -> list[tuple[int, str]]:
    return list(Endpoint.objects.filter(project_id=project_id).values_list("pk", "address"))
