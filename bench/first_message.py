"""From the button to the first message: real beat and workers, the way through ticks, broker, freeze and SMTP."""

from __future__ import annotations

import contextlib
import datetime
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from bench import mail_servers
from bench.report import Figure, Report
from campaigns.models import Campaign, Run
from campaigns.services import launch
from console.celery import app
from console.embedded import servers
from console.health import pulse
from core import clock

_ROOT = Path(__file__).resolve().parent.parent
_WORKERS = ("ticks", "sends-1", "sends-2")
_READY_SECONDS = 60


def measure(*, report: Report, campaign: Campaign) -> None:
    with mail_servers.far_sink(0) as (port, sink), _processes(port):
        begun = time.perf_counter()
        launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())
        assert sink.stdout is not None
        sink.stdout.readline()
        seconds = time.perf_counter() - begun
        campaign.refresh_from_db()
        owner = campaign.project.created_by
        assert owner is not None
        launch.pause_campaign(campaign=campaign, actor=owner, now=clock.now())
    targeted = Run.objects.get(campaign=campaign).targeted
    report.add(Figure(figure="launch → first message", value=1000 * seconds, unit="ms", rows=targeted, goal=1_000, floor=3_000))


@contextlib.contextmanager
def _processes(port: int) -> Iterator[None]:
    """Beat and workers of this benchmark's database, which have made their first ticks."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + str(connection.settings_dict["NAME"])).geturl()
    environment = os.environ | {"DATABASE_URL": url, "EMAIL_URL": f"smtp://127.0.0.1:{port}", "LOG_LEVEL": "WARNING"}
    commands = [servers.celery_beat(), *(servers.celery_worker(name) for name in _WORKERS)]
    begun = clock.now()
    running = [subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=subprocess.DEVNULL) for command in commands]
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not _have_worked(since=begun):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no worker did anything within {_READY_SECONDS} s")
            time.sleep(0.1)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _have_worked(*, since: datetime.datetime) -> bool:
    """Every worker answers, and a tick looked for due campaigns."""
    tick = pulse.last_of_tasks().get("campaigns.tick_due")
    return tick is not None and tick.at > since and len(app.control.ping(timeout=0.5) or ()) == len(_WORKERS)
