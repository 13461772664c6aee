"""Opens and clicks through HTTP and into the table, what an event takes there, and the indicators over many of them.

``BENCH_EVENTS`` (5 million) says over how many events the indicators are asked for; they lie in 60 runs of three campaigns over 30 days.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from analytics.events import EventBlock, EventRow
from analytics.hits import drain, queue
from analytics.kpis import KPIS, Scope, kpi_result
from analytics.links import LinkContext, run_links
from analytics.models import Event, EventKind, HitClass, SourceKind
from analytics.services import reach
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from analytics.statistics import activity, daily
from analytics.statistics.funnel import funnel
from bench.report import ENOUGH_ROWS, Figure, Report
from bench.serving import until_it_answers
from campaigns.models import Campaign
from console.embedded import servers
from console.embedded.ports import any_port
from core import clock
from core.redis import client as redis
from projects.models import Project

_ROOT = Path(__file__).resolve().parent.parent
_HITS = 200_000  # that the consumer writes alone
_SECONDS = 15
_CONNECTIONS, _FEW = 32, 8  # of wrk
_PORT = any_port()
_PEOPLE = 1_000_000
_OF_A_FUNNEL = 5_000_000  # events; it reads them, so it has no floor over more
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 16; SM-S938N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
)
_PROJECT = 77_000_001  # no endpoint, campaign or run behind it: events know them by their numbers alone
_PAGES = ("show-overview", "show-statistics", "show-usage", "show-events", "show-revenue")
_WRK = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local at = 0
function setup(thread) thread:set("first", math.random(#paths)) end
function init(_) at = first end
function request()
  at = at %% #paths + 1
  return wrk.format("GET", paths[at], {["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)"})
end
"""


def measure_hits(*, report: Report) -> None:
    """How fast events come in, and what they weigh."""
    ensure_partitions(now=clock.now())
    redis().delete(queue.STREAM)
    _consumer(report)
    _http(report)
    _size(report)


def measure_numbers(*, report: Report, project: Project) -> None:
    """How soon indicators, pictures and pages answer over many events."""
    events = int(os.environ.get("BENCH_EVENTS", "5000000"))
    _indicators(report, project.pk, events)
    _pictures(report, project.pk, events)
    _pages(report, project, events)


def _consumer(report: Report) -> None:
    chance = np.random.default_rng(7)
    ids = chance.integers(1, _PEOPLE, _HITS).tolist()
    for at in range(0, _HITS, 5_000):
        queue.put_events([_hit(number, endpoint_id) for number, endpoint_id in enumerate(ids[at : at + 5_000], at)])
    begun = time.perf_counter()
    written = drain.drain_hits()
    seconds = time.perf_counter() - begun
    assert written == _HITS, f"{written} of {_HITS} were written"
    report.add(Figure(
        figure="events: written by the consumer alone", value=written / seconds, unit="events/s", rows=_HITS, goal=35_000, floor=20_000,
        floor_rows=ENOUGH_ROWS,
    ))  # fmt: skip


def _hit(number: int, endpoint_id: int) -> EventRow:
    is_click = number % 4 == 3
    data = {"ua": _AGENTS[number % 3], "ip": f"203.0.113.{number % 250}"}
    return EventRow(
        id=uuid.uuid4(), occurred_at=clock.now(), project_id=_PROJECT, endpoint_id=endpoint_id,
        kind=EventKind.EMAIL_CLICK if is_click else EventKind.EMAIL_OPEN, hit_class=HitClass.PERSON,
        source_kind=SourceKind.CAMPAIGN, source_id=1, run_id=1 + number % 3, link_number=number % 5 if is_click else None,
        data=data | ({"link": "https://shop.example.com/sale/1?grade=A"} if is_click else {}),
    )  # fmt: skip


def _http(report: Report) -> None:
    """wrk asks for as many as it gets, the consumer writes beside it; what was answered and what is in the table must be the same."""
    wrk = shutil.which("wrk")
    if wrk is None:
        print("events: clicks through HTTP skipped, wrk is not installed (Debian: apt-get install wrk)")
        return
    command = ["bench.web:application" if word == "console.wsgi:application" else word for word in servers.web(_PORT)]
    with _web(command, {"BENCH_DATABASE": str(connection.settings_dict["NAME"])}), _asking(wrk, _CONNECTIONS) as asked:
        begun = time.perf_counter()
        while asked.process.poll() is None:
            drain.drain_hits()
            time.sleep(1)  # as beat does
        recorded = asked.recorded()
        seconds = time.perf_counter() - begun
    report.add(Figure(
        figure="events: clicks and opens through HTTP, all recorded", value=recorded / seconds, unit="hits/s", rows=recorded, goal=4_000,
        floor=2_000,
    ))  # fmt: skip
    nobody = {"DATABASE_URL": f"postgresql://nobody@127.0.0.1:{any_port()}/nothing"}
    with _web(servers.web(_PORT), nobody), _asking(wrk, _FEW) as asked:
        asked.process.wait()
        recorded = asked.recorded()
        slow = asked.percentile(99)
    report.add(Figure(
        figure="events: a click or open while the database is away, p99", value=slow, unit="ms", rows=recorded, goal=25, floor=50,
    ))  # fmt: skip


@contextlib.contextmanager
def _web(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    web = subprocess.Popen(command, cwd=_ROOT, env=os.environ | {"LOG_LEVEL": "WARNING"} | environment)
    try:
        until_it_answers(f"http://127.0.0.1:{_PORT}/t/o/x")
        yield
    finally:
        web.terminate()
        web.wait()


@dataclass
class _Asked:
    """wrk at work, and how many events there were before."""

    process: subprocess.Popen[str]
    connections: int
    before: int
    said: str = ""

    def recorded(self) -> int:
        """Write what waits and compare: each answered hit is an event, and there are no others but those that wrk did not wait for."""
        while drain.drain_hits():
            pass
        assert self.process.stdout is not None
        self.said = self.process.stdout.read()
        answered = int(next(line for line in self.said.splitlines() if " requests in " in line).split()[0])
        recorded = Event.objects.filter(project_id=_PROJECT).count() - self.before
        print("\n".join(line for line in self.said.splitlines() if "%" in line or "Non-2xx" in line))
        late = re.search(r"timeout (\d+)", self.said)
        if not answered <= recorded <= answered + self.connections + int(late[1] if late else 0):
            raise RuntimeError(f"{answered} hits were answered and {recorded} recorded: {self.said}")
        return recorded

    def percentile(self, number: int) -> float:
        """Milliseconds."""
        found = re.search(rf"^ +{number}% +([\d.]+)(us|ms|s)$", self.said, re.MULTILINE)
        assert found is not None, self.said
        return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1_000}[found[2]]


@contextlib.contextmanager
def _asking(wrk: str, connections: int) -> Iterator[_Asked]:
    with tempfile.TemporaryDirectory() as folder:
        paths, script = Path(folder) / "paths.txt", Path(folder) / "hits.lua"
        paths.write_text("\n".join(_paths(20_000)))
        script.write_text(_WRK % paths)
        before = Event.objects.filter(project_id=_PROJECT).count()
        words = [wrk, "-t1", f"-c{connections}", f"-d{_SECONDS}s", "--latency", "-s", str(script), f"http://127.0.0.1:{_PORT}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            yield _Asked(process, connections, before)


def _paths(count: int) -> Iterator[str]:
    links = run_links(context=LinkContext(project_id=_PROJECT, campaign_id=1, run_id=1))
    for number in range(count):
        url = (
            links.open_url(number + 1)
            if number % 2
            else links.click_url(number + 1, number % 5, "https://shop.example.com/sale/1")
        )
        yield "/" + url.split("/", 3)[3]


def _size(report: Report) -> None:
    """Of a campaign: three events a message, an open from every fourth, a click from every twentieth."""
    at, sent = clock.now() - datetime.timedelta(hours=1), 200_000
    ensure_partitions(now=at)
    connection.cursor().execute("VACUUM analytics_event")
    before, rows_before = _bytes(), Event.objects.count()
    given = {"occurred_at": at, "project_id": _PROJECT, "source_kind": SourceKind.CAMPAIGN, "source_id": 2, "run_id": 9}
    for first in range(0, sent, 200):
        ids = list(range(first, first + 200))
        blocks = [
            EventBlock(endpoint_ids=ids, kind=EventKind.CAMPAIGN_SEND, data={"status": "SUCCESS"}, **given),  # type: ignore[arg-type]
            EventBlock(endpoint_ids=ids, kind=EventKind.EMAIL_SEND, **given),  # type: ignore[arg-type]
            EventBlock(endpoint_ids=ids, kind=EventKind.EMAIL_DELIVERED, **given),  # type: ignore[arg-type]
        ]
        hits = [_hit(4 * one + (3 if one % 5 == 0 else 0), one) for one in ids[::4]]
        with transaction.atomic():
            record_events(events=hits, blocks=blocks)
    connection.cursor().execute("VACUUM analytics_event")
    rows = Event.objects.count() - rows_before
    report.add(Figure(
        figure="events: bytes of a hot row with its indexes", value=(_bytes() - before) / rows, unit="bytes", rows=rows, goal=150,
        floor=250,
    ))  # fmt: skip


def _bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('analytics_event') WHERE isleaf")
        return int(cursor.fetchone()[0])


def _indicators(report: Report, project_id: int, events: int) -> None:
    """Each of the 84, over the last 31 days, once before and ten times measured: the 95th of a hundred."""
    _fill(project_id, events)
    now, times = clock.now(), []
    for scope, found in KPIS.items():
        for name in found:
            given: dict[str, Any] = {"project_id": project_id, "scope": scope, "name": name, "now": now}
            given |= {} if scope is Scope.APPLICATION else {"source_id": 1}
            kpi_result(**given)
            for _turn in range(10):
                begun = time.perf_counter()
                kpi_result(**given)
                times.append(1000 * (time.perf_counter() - begun))
    times.sort()
    report.add(Figure(
        figure=f"events: an indicator over {events / 1e6:g} million events, p95", value=times[int(0.95 * len(times))], unit="ms",
        rows=events, goal=50, floor=150,
    ))  # fmt: skip


def _pages(report: Report, project: Project, events: int) -> None:
    """The pages themselves, through all middleware, of 30 days: of each the 95th of a hundred."""
    client = Client()
    client.force_login(project.created_by)
    Campaign.objects.create(
        project=project, name="bench", state="COMPLETED", launched_at=clock.now()
    )  # the first page has pictures then
    times = list[float]()
    for name in _PAGES:
        address = reverse(f"console:{name}", args=[project.public_id])
        client.get(address)
        for _turn in range(20):
            begun = time.perf_counter()
            answer = client.get(address)
            times.append(1000 * (time.perf_counter() - begun))
            assert answer.status_code == 200, f"{address} answers {answer.status_code}"
        print(f"page {name}: {sorted(times[-20:])[10]:.1f} ms")
    times.sort()
    report.add(Figure(
        figure=f"events: a page of statistics over {events / 1e6:g} million events, p95", value=times[int(0.95 * len(times))],
        unit="ms", rows=events, goal=50, floor=150,
    ))  # fmt: skip


def _pictures(report: Report, project_id: int, events: int) -> None:
    """What the pages of statistics ask, over the same events."""
    zone = zoneinfo.ZoneInfo("Asia/Seoul")
    today = clock.now().astimezone(zone).date()
    days = daily.Days(today - datetime.timedelta(days=29), today, zone)
    kinds = [EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK]
    asked: dict[str, tuple[Callable[[], object], float, float]] = {
        "messages by day": (lambda: daily.by_day(project_id=project_id, days=days, kinds=kinds), 50, 150),
        "hours of the week": (lambda: daily.by_hour_of_week(project_id=project_id, days=days, kinds=kinds), 50, 150),
        "active endpoints of 30 days": (
            lambda: activity.active_days(project_id=project_id, first=days.first, last=days.last), 500, 2_000,
        ),
        "retention of 8 weeks": (lambda: activity.retention(project_id=project_id, last=days.last), 500, 2_000),
        "a funnel of 3 steps": (
            lambda: funnel(project_id=project_id, kinds=kinds, days=days, within=datetime.timedelta(days=7)), 500, 2_000,
        ),
    }  # fmt: skip
    for name, (ask, goal, floor) in asked.items():
        ask()
        times = []
        for _turn in range(5):
            begun = time.perf_counter()
            ask()
            times.append(1000 * (time.perf_counter() - begun))
        is_meant = events <= _OF_A_FUNNEL or not name.startswith("a funnel")
        report.add(Figure(
            figure=f"events: {name}, {events / 1e6:g} million events", value=sorted(times)[2], unit="ms", rows=events,
            goal=goal if is_meant else None, floor=floor if is_meant else None,
        ))  # fmt: skip


def _fill(project_id: int, events: int) -> None:
    first = clock.now() - datetime.timedelta(days=29)
    for days in (0, 15, 29):
        ensure_partitions(now=first + datetime.timedelta(days=days))
    chance = np.random.default_rng(7)
    crowd = max(events // 60, 1_000)
    made = 0
    kinds = [
        (EventKind.CAMPAIGN_SEND, 0), (EventKind.EMAIL_SEND, 0), (EventKind.EMAIL_DELIVERED, 0), (EventKind.EMAIL_OPEN, 1),
        (EventKind.EMAIL_CLICK, 1), (EventKind.EMAIL_HARDBOUNCE, 0), (EventKind.SESSION_START, 0),
    ]  # fmt: skip
    turn = 0
    while made < events:
        kind, hit_class = kinds[turn % len(kinds)]
        run = 1 + turn // len(kinds) % 60
        count = min(20_000, events - made)
        block = EventBlock(
            occurred_at=first + datetime.timedelta(hours=(turn * 7) % 690), project_id=project_id,
            endpoint_ids=chance.integers(1, crowd * 10, count).tolist(), kind=kind, hit_class=hit_class,
            source_kind=SourceKind.CAMPAIGN, source_id=1 + run % 3, run_id=1_000 + run,
            data={"status": "SUCCESS"} if kind == EventKind.CAMPAIGN_SEND else None,
        )  # fmt: skip
        with transaction.atomic():
            made += record_events(events=(), blocks=[block])
        turn += 1
    while reach.fold_reach():
        pass
