"""Calls of the API over HTTP: made and signed beforehand, then sent over some connections that are kept, so that the client is no limit."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from django.db import connection

from api.services.access_keys import NewKey
from bench.serving import until_it_answers
from console.embedded import servers
from console.embedded.ports import any_port

_ROOT = Path(__file__).resolve().parent.parent
_READ = 65_536  # bytes at once


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it stands on the wire, and how many things (endpoints, events) it brings."""

    wire: bytes
    things: int = 1


@dataclass(slots=True)
class Done:
    """What became of calls. ``milliseconds`` of each; ``seconds`` of all; ``client_ms``, ``web_ms``: processor time for one, which says
    more than the others where the machine has other work."""

    milliseconds: list[float] = field(default_factory=list)
    things: int = 0
    seconds: float = 0.0
    client_ms: float = 0.0
    web_ms: float = 0.0

    @property
    def rate(self) -> float:
        return self.things / self.seconds

    def percentile(self, number: int) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, len(ordered) * number // 100)]


@dataclass(frozen=True, slots=True)
class Web:
    """The web server that answers: its address, and the process that began it."""

    url: str
    pid: int

    def processor_seconds(self) -> float:
        """Of all of its processes since they began."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(_processor_seconds(pid) for pid in [str(self.pid), *children])


def _processor_seconds(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prepared(url: str, key: NewKey, method: str, path: str, body: bytes = b"", *, things: int = 1) -> Prepared:
    """Signed by botocore's own signer, good for five minutes."""
    headers = {"Content-Type": "application/json"} if body else {}
    request = botocore.awsrequest.AWSRequest(method=method, url=url + path, data=body, headers=headers)
    credentials = botocore.credentials.Credentials(key.key.access_key_id, key.secret)
    botocore.auth.SigV4Auth(credentials, "mobiletargeting", "us-east-1").add_auth(request)
    head = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    return Prepared("\r\n".join([*head, "", ""]).encode() + body, things)


def send(web: Web, calls: Sequence[Prepared], *, connections: int, status: int) -> Done:
    """All of the calls, each connection sending its next one when the last is answered. Raises ``RuntimeError`` for another status."""
    done, turn, wrong = Done(), iter(calls), list[bytes]()
    guard = threading.Lock()

    def work() -> None:
        with _Connection(web.url) as wire:
            while not wrong:
                with guard:
                    call = next(turn, None)
                if call is None:
                    return
                begun = time.perf_counter()
                answer = wire.ask(call.wire)
                took = 1000 * (time.perf_counter() - begun)
                with guard:
                    done.milliseconds.append(took)
                    done.things += call.things
                    if not answer.startswith(b"HTTP/1.1 %d " % status):
                        wrong.append(answer)

    workers = [threading.Thread(target=work) for _one in range(connections)]
    begun, used, used_there = time.perf_counter(), time.process_time(), web.processor_seconds()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done.seconds = time.perf_counter() - begun
    done.client_ms = 1000 * (time.process_time() - used) / len(calls)
    done.web_ms = 1000 * (web.processor_seconds() - used_there) / len(calls)
    if wrong or len(done.milliseconds) != len(calls):
        raise RuntimeError(f"{len(done.milliseconds)} of {len(calls)} calls were answered: {wrong[:1]}")
    return done


class _Connection:
    """One that is kept; when the server has closed it, it is opened again for the next call."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._address = (split.hostname or "", split.port or 80)
        self._wire: socket.socket | None = None

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._wire is not None:
            self._wire.close()

    def ask(self, request: bytes) -> bytes:
        """The answer with its head."""
        if self._wire is None:
            self._wire = socket.create_connection(self._address, timeout=60)
            self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire.sendall(request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head = got[:end].lower()
        size = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        parts, have = [got], len(got) - end - 4
        while have < size:
            parts.append(self._more())
            have += len(parts[-1])
        if b"\r\nconnection: close" in head:
            self._wire.close()
            self._wire = None
        return b"".join(parts)

    def _more(self) -> bytes:
        assert self._wire is not None
        found = self._wire.recv(_READ)
        if not found:
            raise RuntimeError("the server closed the connection")
        return found


@contextlib.contextmanager
def served() -> Iterator[Web]:
    """The console as ``make run`` serves it, over the benchmark's database."""
    port = any_port()
    command = ["bench.web:application" if word == "console.wsgi:application" else word for word in servers.web(port)]
    environment = os.environ | {"LOG_LEVEL": "WARNING", "BENCH_DATABASE": str(connection.settings_dict["NAME"])}
    web = subprocess.Popen(command, cwd=_ROOT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        until_it_answers(f"{url}/healthz")
        yield Web(url, web.pid)
    finally:
        web.terminate()
        web.wait()
