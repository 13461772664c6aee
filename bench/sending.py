"""A campaign to N members through real workers and SMTP to Postfix's ``smtp-sink``, beside ``smtp-source -d`` to the same sink.

Then, of campaigns that are broken off after some seconds: with DKIM, without the record of each recipient, and to a far server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from analytics.links import LinkContext, run_links
from bench import first_message, mail_servers
from bench.mail_servers import tool
from bench.memory import Watch
from bench.report import ENOUGH_ROWS, Figure, Report
from campaigns.models import Campaign, Run, RunState, SliceOutcome
from campaigns.sending import freezing
from campaigns.sending.message import RunMessage
from campaigns.services import launch, occurrences
from core import clock
from endpoints.queries import endpoint_rows
from messaging.models import DkimKey, Sender
from messaging.services import domains
from projects.models import Project
from segments.services import segments

SENDERS = 2  # as many as `make run` starts
SECONDS = 10  # how long the campaigns that are broken off are sent
FEW = 10_000  # recipients whose sending must take as much memory as that of all
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


_SAME: Mapping[str, str] = MappingProxyType({})
_ROOT = Path(__file__).resolve().parent.parent


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
    first_message.measure(report=report, campaign=_draft(project, segment_id))
    few = _memory(_frozen(None, project, _few(project, segment_id))[1])
    campaign, run = _frozen(report, project, segment_id)
    with mail_servers.sink() as port:
        source = mail_servers.source(port, messages=run.frozen, size=_message_size(run), sessions=SENDERS)
        with Watch() as watch:
            seconds = _send(run, port)
    _check(run)
    report.add(
        Figure(
            figure=f"sending, {SENDERS} workers", value=run.frozen / seconds, unit="messages/s", rows=run.frozen,
            yardstick=run.frozen / source, yardstick_name="smtp-source -d", goal=10_000, floor=5_000, ratio_floor=0.35,
            floor_rows=ENOUGH_ROWS,
        )
    )  # fmt: skip
    report.add(Figure(figure="sending, all processes together", value=watch.peak, unit="MB", rows=run.frozen, floor=4096))
    report.add(
        Figure(figure="sending, its Python processes", value=watch.python, unit="MB", rows=run.frozen, goal=400, floor=600,
               yardstick=few, yardstick_name=f"{FEW:,} recipients", floor_rows=ENOUGH_ROWS)
    )  # fmt: skip
    is_enough = run.frozen >= ENOUGH_ROWS  # those that are broken off do not end before their time
    _record(report, project, segment_id, floor=20 if is_enough else None)
    _to_a_far_server(report, project, segment_id)
    _signed(report, project, segment_id, floor=1_500 if is_enough else None)
    return campaign


def _memory(run: Run) -> float:
    with mail_servers.sink() as port, Watch() as watch:
        _send(run, port)
    _check(run)
    return watch.python


def _rate(project: Project, segment_id: str, changes: Mapping[str, str] = _SAME) -> float:
    """Messages a second of a campaign that is broken off."""
    _campaign, run = _frozen(None, project, segment_id)
    with mail_servers.sink() as port:
        seconds = min(_send(run, port, seconds=SECONDS, changes=changes), SECONDS)
    return int(SliceOutcome.objects.filter(run=run).aggregate(total=Sum("total"))["total"] or 0) / seconds


def _record(report: Report, project: Project, segment_id: str, *, floor: float | None) -> None:
    """What the events of each recipient, their counters and reach take of the time: the same without them."""
    without, kept = [], []
    for _turn in range(2):
        without.append(_rate(project, segment_id, {"BENCH_WITHOUT_RECORD": "1"}))
        kept.append(_rate(project, segment_id))
    share = 100 * (1 - max(kept) / max(without))
    report.add(
        Figure(
            figure="sending, share of the record",
            value=share,
            unit="% of the time",
            rows=int(sum(kept) * SECONDS),
            goal=10,
            floor=floor,
        )
    )


def _signed(report: Report, project: Project, segment_id: str, *, floor: float | None) -> None:
    """With a key of 2,048 bits that DNS is said to have."""
    domain = domains.add_domain(project=project, actor=None, name="example.com", now=clock.now())
    DkimKey.objects.filter(domain=domain).update(seen_at=clock.now())
    rate = _rate(project, segment_id)
    report.add(
        Figure(
            figure="sending, signed by DKIM (RSA-2048)",
            value=rate,
            unit="messages/s",
            rows=int(rate * SECONDS),
            goal=3_000,
            floor=floor,
        )
    )
    domain.delete()


def _to_a_far_server(report: Report, project: Project, segment_id: str) -> None:
    """The same over a round trip of ten milliseconds, by one worker and by two; broken off after some seconds."""
    rates = []
    for senders in (1, 2):
        _campaign, run = _frozen(None, project, segment_id)
        with mail_servers.far_sink() as (port, _process):
            _send(run, port, senders=senders, seconds=SECONDS)
        rates.append(_taken(run) / SECONDS)
    is_enough = _taken(run) < run.frozen  # else the run was over before its time
    figure = f"sending, {mail_servers.FAR} ms away, "
    report.add(Figure(figure=figure + "1 worker", value=rates[0], unit="messages/s", rows=int(rates[0] * SECONDS)))
    report.add(
        Figure(figure=figure + "2 workers", value=rates[1], unit="messages/s", rows=int(rates[1] * SECONDS), goal=1_500,
               floor=800 if is_enough else None, yardstick=rates[0], yardstick_name="1 worker",
               ratio_floor=1.5 if is_enough else None)
    )  # fmt: skip


def _few(project: Project, segment_id: str) -> str:
    """A segment of some of the members."""
    group = {"SourceSegments": [{"Id": segment_id}], "Type": "ALL", "Pabal": {"Limit": {"Count": FEW, "By": "RANDOM"}}}
    segment = segments.create_segment(
        project=project, actor=project.created_by, name="bench", document={"SegmentGroups": {"Groups": [group]}}, now=clock.now()
    )
    return segment.public_id


def _draft(project: Project, segment_id: str) -> Campaign:
    return Campaign.objects.create(project=project, name="가을 세일", document=_document(segment_id))


def _frozen(report: Report | None, project: Project, segment_id: str) -> tuple[Campaign, Run]:
    """A campaign whose audience is frozen, ready to be sent."""
    campaign = _draft(project, segment_id)
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


def _send(
    run: Run, port: int, *, senders: int = SENDERS, seconds: float | None = None, changes: Mapping[str, str] = _SAME
) -> float:
    """The time from the word to go until every sender has ended, of processes that are ready; they stop after ``seconds``."""
    environment = os.environ | {
        "EMAIL_URL": f"smtp://127.0.0.1:{port}", "BENCH_DATABASE": str(connection.settings_dict["NAME"]), "LOG_LEVEL": "WARNING",
        **changes,
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
