"""A campaign to N members through real workers and SMTP to Postfix's ``smtp-sink``, beside ``smtp-source -d`` to the same sink."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from analytics.links import LinkContext, run_links
from bench.memory import Watch
from bench.report import Figure, Report
from campaigns.models import Campaign, Run, RunState, SliceOutcome
from campaigns.sending import freezing
from campaigns.sending.message import RunMessage
from campaigns.services import launch, occurrences
from console.embedded.ports import free_port
from core import clock
from endpoints.queries import endpoint_rows
from messaging.models import Sender
from projects.models import Project

SENDERS = 2  # as many as `make run` starts
FAR = 10  # milliseconds of added round trip
FAR_SECONDS = 10  # how long the far server is sent to, about
_FILL = "<p>{{User.UserAttributes.MBR_FULLNM}}님, 가을 세일을 준비했습니다. 서울부터 제주까지 무료로 배송해 드립니다.</p>\n"
_LINKS = "".join(
    f'<p><a href="https://shop.example.com/sale/{number}?grade={{{{User.UserAttributes.grade}}}}">{name} 보러 가기</a></p>\n'
    for number, name in enumerate(("신상품", "옷", "신발", "가방", "모두"))
)
HTML = (
    "<html><body><h1>{{User.UserAttributes.MBR_FULLNM}}님, 안녕하세요</h1>\n"
    + 29 * _FILL
    + _LINKS
    + '<p><a href="{{UnsubscribeUrl}}">수신 거부</a></p></body></html>'
)  # 5 KB as UTF-8


_ROOT = Path(__file__).resolve().parent.parent


def tool(name: str) -> str | None:
    """Postfix's tools are in sbin, which is not on everybody's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def measure(*, report: Report, project: Project, segment_id: str) -> Campaign | None:
    """Send, and return the campaign; None where Postfix is not installed."""
    if not (tool("smtp-sink") and tool("smtp-source")):
        print("sending: skipped, Postfix's smtp-sink and smtp-source are not installed (Debian: apt-get install postfix)")
        return None
    Project.objects.filter(pk=project.pk).update(mode=Project.Mode.LIVE)
    Sender.objects.get_or_create(
        project=project, address="shop@example.com", defaults={"name": "상점", "verified_at": clock.now()}
    )
    settings.EMAIL_URL = "smtp://127.0.0.1"  # this process launches; those that send are told the sink's port
    campaign, run = _frozen(report, project, segment_id)
    with _sink() as port:
        source = _source(port, messages=run.frozen, size=_message_size(run))
        with Watch() as watch:
            seconds = _send(run, port)
    _check(run)
    report.add(
        Figure(
            figure=f"sending, {SENDERS} workers", value=run.frozen / seconds, unit="messages/s", rows=run.frozen,
            yardstick=run.frozen / source, yardstick_name="smtp-source -d", goal=10_000, floor=5_000, ratio_floor=0.35,
        )
    )  # fmt: skip
    report.add(Figure(figure="sending, all processes together", value=watch.peak, unit="MB", rows=run.frozen, floor=4096))
    report.add(
        Figure(figure="sending, its Python processes", value=watch.python, unit="MB", rows=run.frozen, goal=400, floor=600)
    )
    _to_a_far_server(report, project, segment_id)
    return campaign


def _to_a_far_server(report: Report, project: Project, segment_id: str) -> None:
    """The same over a round trip of ten milliseconds, by one worker and by two; broken off after some seconds."""
    rates = []
    for senders in (1, 2):
        _campaign, run = _frozen(None, project, segment_id)
        with _far_sink() as port:
            _send(run, port, senders=senders, seconds=FAR_SECONDS)
        rates.append(_taken(run) / FAR_SECONDS)
    figure = f"sending, {FAR} ms away, "
    report.add(Figure(figure=figure + "1 worker", value=rates[0], unit="messages/s", rows=int(rates[0] * FAR_SECONDS)))
    report.add(
        Figure(figure=figure + "2 workers", value=rates[1], unit="messages/s", rows=int(rates[1] * FAR_SECONDS), goal=1_500,
               floor=800, yardstick=rates[0], yardstick_name="1 worker", ratio_floor=1.5)
    )  # fmt: skip


def _frozen(report: Report | None, project: Project, segment_id: str) -> tuple[Campaign, Run]:
    """A campaign whose audience is frozen, ready to be sent."""
    campaign = Campaign.objects.create(project=project, name="가을 세일", document=_document(segment_id))
    launch.launch_campaign(campaign=campaign, actor=None, now=clock.now())
    (run_id,) = occurrences.claim_due(now=clock.now())
    begun = time.perf_counter()
    freezing.freeze_run(run_id=run_id, clock=clock.now)
    frozen_in = 1000 * (time.perf_counter() - begun)
    run = Run.objects.select_related("project", "campaign").get(pk=run_id)
    if report is not None:
        report.add(Figure(figure="freeze of a run", value=frozen_in, unit="ms", rows=run.targeted, goal=200, floor=1000))
    return campaign, run


def _taken(run: Run) -> int:
    return int(SliceOutcome.objects.filter(run=run, outcome="SUCCESS").aggregate(total=Sum("total"))["total"] or 0)


def _check(run: Run) -> None:
    run.refresh_from_db()
    if run.state != RunState.COMPLETED or _taken(run) != run.frozen:
        raise RuntimeError(f"the run is {run.state}, {_taken(run)} of {run.frozen} sent")


def _document(segment_id: str) -> dict[str, object]:
    message = {
        "FromAddress": "상점 <shop@example.com>",
        "Title": "(광고) {{User.UserAttributes.MBR_FULLNM}}님께",
        "HtmlBody": HTML,
        "Body": "",
    }
    return {
        "SegmentId": segment_id,
        "MessageConfiguration": {"EmailMessage": message},
        "Schedule": {"StartTime": "IMMEDIATE", "Frequency": "ONCE", "Timezone": "UTC+09"},
        "Pabal": {"Channel": "EMAIL", "Kind": "STANDARD", "TimeZone": "Asia/Seoul"},
    }


def _message_size(run: Run) -> int:
    assert run.audience is not None  # frozen above
    first = run.audience.after(endpoint_id=0, limit=1)
    (row,) = endpoint_rows(project_id=run.project_id, ids=first)
    context = LinkContext(project_id=run.project_id, campaign_id=run.campaign_id, run_id=run.pk, treatment=0)
    return len(RunMessage(run=run, links=run_links(context=context)).build(row=row, now=clock.now()).data)


@contextlib.contextmanager
def _sink() -> Iterator[int]:
    port = free_port(2600)
    as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _serving([str(tool("smtp-sink")), *as_root, f"127.0.0.1:{port}", "256"], port):
        yield port


@contextlib.contextmanager
def _far_sink() -> Iterator[int]:
    port = free_port(2600)
    with _serving([sys.executable, "-m", "bench.far_sink", str(port), str(FAR)], port):
        yield port


@contextlib.contextmanager
def _serving(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=_ROOT)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _source(port: int, *, messages: int, size: int) -> float:
    command = [
        str(tool("smtp-source")), "-d", "-s", str(SENDERS), "-m", str(messages), "-l", str(size), "-f", "shop@example.com",
        "-t", "member@example.com", f"127.0.0.1:{port}",
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _send(run: Run, port: int, *, senders: int = SENDERS, seconds: float | None = None) -> float:
    """The time from the word to go until every sender has ended, of processes that are ready; they stop after ``seconds``."""
    environment = os.environ | {
        "EMAIL_URL": f"smtp://127.0.0.1:{port}", "BENCH_DATABASE": str(connection.settings_dict["NAME"]), "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    command = [sys.executable, "-m", "bench.sender", str(run.pk), *([str(seconds)] if seconds else [])]
    processes = [
        subprocess.Popen(command, env=environment, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _number in range(senders)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
        begun = time.perf_counter()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        for process in processes:
            if process.wait():
                raise RuntimeError("a sender failed")
        return time.perf_counter() - begun
    finally:
        for process in processes:
            process.kill()
            process.wait()
