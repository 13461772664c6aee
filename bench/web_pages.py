"""What web pages send: batches of ten events through HTTP on one core, and written by the consumer alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from django.db import connection

from analytics.models import Event
from analytics.services.partitions import ensure_partitions
from bench.report import Figure, Report
from bench.serving import until_it_answers
from console.embedded import servers
from console.embedded.ports import any_port
from core import clock
from core.redis import client as redis
from endpoints.collecting.batch import BATCHES, read_batch
from endpoints.services import collecting
from projects.models import Project
from projects.services import known_keys, public_keys

_ROOT = Path(__file__).resolve().parent.parent
_ORIGIN = "https://shop.example.com"
_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
_EVENTS = 10  # of a batch
_VISITORS = 5_000
_BATCHES = 5_000  # that the consumer writes alone
_SECONDS = 10
_CONNECTIONS = 16
_EVENT = (
    '"%s-%d":{"EventType":"cart.viewed","Timestamp":"%s","Session":{"Id":"0123abcd-m1","StartTimestamp":"%s"},'
    '"Attributes":{"url":"https://shop.example.com/sale/1","category":"shoes","title":"가을 세일"},"Metrics":{"price":12900,"items":2}}'
)
# Every batch is another one: its visitor by turns, its events' ids by its number.
_WRK = """
local number = 0
local event = [[%s]]
function request()
  number = number + 1
  local visitor = string.format("%%032x", number %% %d)
  local body = '{"Visitor":"' .. visitor .. '","Version":"1.0.0","Events":{' .. event:gsub("@", "w" .. number) .. '}}'
  return wrk.format("POST", "%s", {["Origin"] = "%s", ["User-Agent"] = "%s", ["Content-Type"] = "text/plain"}, body)
end
"""


def measure(*, report: Report, project: Project) -> None:
    ensure_partitions(now=clock.now())
    redis().delete(BATCHES.stream)
    values = public_keys.KeyValues(name="bench", origins=(_ORIGIN,))
    key = public_keys.make_key(project=project, actor=project.created_by, values=values, now=clock.now())
    _consumer(report, key.token)
    _http(report, key.token)


def _body(number: int) -> bytes:
    now = clock.now().isoformat()
    events = ",".join(_EVENT % (number, one, now, now) for one in range(_EVENTS))
    return f'{{"Visitor":"{number % _VISITORS:032x}","Version":"1.0.0","Events":{{{events}}}}}'.encode()


def _consumer(report: Report, token: str) -> None:
    """Each visitor comes for the first time, then again."""
    key = known_keys.find_key(token=token)
    for name in ("new visitors", "known visitors"):
        first = 0 if name == "new visitors" else _BATCHES
        for number in range(first, first + _BATCHES):
            batch, _left = read_batch(body=_body(number), key=key, origin=_ORIGIN, user_agent=_AGENT, now=clock.now())
            BATCHES.put([batch.as_line()])
        begun = time.perf_counter()
        written = collecting.drain_batches()
        seconds = time.perf_counter() - begun
        assert written == _EVENTS * _BATCHES, f"{written} events were written"
        report.add(Figure(
            figure=f"web pages: events written by the consumer, {name}", value=written / seconds, unit="events/s", rows=written,
            goal=5_000, floor=2_500,
        ))  # fmt: skip


def _http(report: Report, token: str) -> None:
    """One process of the web on one core, wrk on the other; what was answered must be in the stream."""
    wrk = shutil.which("wrk")
    if wrk is None:
        print("web pages: batches through HTTP skipped, wrk is not installed (Debian: apt-get install wrk)")
        return
    port = any_port()
    command = ["bench.web:application" if word == "console.wsgi:application" else word for word in servers.web(port)]
    command[command.index("--workers") + 1] = "1"
    core = min(os.sched_getaffinity(0))
    environment = os.environ | {
        "BENCH_DATABASE": str(connection.settings_dict["NAME"]), "LOG_LEVEL": "WARNING", "WEB_REQUESTS_PER_ADDRESS": "10000000",
        "WEB_REQUESTS_PER_KEY": "10000000",
    }  # fmt: skip
    web = subprocess.Popen(["taskset", "-c", str(core), *command], cwd=_ROOT, env=environment)
    try:
        until_it_answers(f"http://127.0.0.1:{port}/w/pabal.js")
        now = clock.now().isoformat()
        event = ",".join((_EVENT % ("@", one, now, now)) for one in range(_EVENTS))
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(_WRK % (event, _VISITORS, f"/w/{token}/1/put", _ORIGIN, _AGENT))
            script.flush()
            words = [
                wrk,
                "-t1",
                f"-c{_CONNECTIONS}",
                f"-d{_SECONDS}s",
                "--latency",
                "-s",
                script.name,
                f"http://127.0.0.1:{port}",
            ]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    finally:
        web.terminate()
        web.wait()
    print("\n".join(line for line in said.splitlines() if "%" in line or "Non-2xx" in line))
    answered = int(next(line for line in said.splitlines() if " requests in " in line).split()[0])
    waiting = int(redis().xlen(BATCHES.stream))  # type: ignore[arg-type]  # the client is no async one
    if not answered <= waiting <= answered + _CONNECTIONS or "Non-2xx" in said:
        raise RuntimeError(f"{answered} batches were answered and {waiting} wait: {said}")
    report.add(Figure(
        figure="web pages: batches of ten events through HTTP, one core", value=answered / _SECONDS, unit="batches/s", rows=answered,
        goal=500, floor=250,
    ))  # fmt: skip
    before = Event.objects.count()
    collecting.drain_batches()
    assert Event.objects.count() - before == _EVENTS * waiting
