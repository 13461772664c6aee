"""A campaign with a rate beside a big one, on real Celery workers over real SMTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from campaigns.limits import rate
from campaigns.models import Campaign, Run, RunState
from campaigns.services import launch
from core import clock
from core.audience import Audience
from projects.models import Project
from tests.campaigns.test_kill_workers import Crew, crew, wait_until  # noqa: F401 (a fixture)
from tests.campaigns.test_rate import windows
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project
from tests.messaging.smtp_server import ScriptedServer

PER_SECOND, PACED, BIG = 80, 560, 4_000


class Timed(list[tuple[str, bytes]]):
    """What arrived, with when."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[tuple[float, str]] = []

    def append(self, one: tuple[str, bytes]) -> None:
        self.at.append((time.time(), one[0]))
        super().append(one)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer(seconds_each=0.003)
    made.bodies = Timed()
    yield made
    made.close()


def launched(project: Project, ids: list[int], **document: Any) -> Campaign:
    segment = make_import_segment(project=project, members=Audience(ids))
    campaign = make_campaign(project=project, document=campaign_document(segment=segment) | document)
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())
    return campaign


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_two_workers_keep_a_rate_beside_a_big_campaign_and_hold_it_up_by_nothing(server: ScriptedServer, crew: Crew) -> None:  # noqa: F811
    project = make_project(mode="LIVE")
    make_sender(project=project)
    paced = [make_endpoint(project=project, address=f"paced{number}@example.com").pk for number in range(PACED)]
    campaigns = [
        launched(project, make_members(project=project, count=BIG)),
        launched(project, paced, Limits={"MessagesPerSecond": PER_SECOND}),
    ]
    for name in ("beat", "ticks", "sends-1", "sends-2"):
        crew.start(name)

    runs = Run.objects.filter(campaign__in=campaigns, state=RunState.COMPLETED)
    wait_until(lambda: runs.count() == 2, seconds=150, crew=crew)

    assert isinstance(server.bodies, Timed)
    at = [moment for moment, recipient in server.bodies.at if recipient.startswith("paced")]
    paced_run = runs.get(campaign=campaigns[1])
    assert paced_run.started_at is not None
    # No token is taken before the run begins; the first message may arrive late, over a new connection, and the last one not.
    seconds = at[-1] - paced_run.started_at.timestamp()
    print(f"{PACED} at {PER_SECOND} a second took {seconds:.1f} s, all {server.bodies.at[-1][0] - server.bodies.at[0][0]:.1f} s")
    assert len(at) == len({recipient for _moment, recipient in server.bodies.at}) - BIG == PACED
    assert max(windows(at, 5.0)) <= PER_SECOND * (5 + rate._DEPTH) * 1.1  # a message is on its way for some time
    assert seconds >= (PACED - PER_SECOND * rate._DEPTH) / PER_SECOND * 0.95
