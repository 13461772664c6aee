"""Servers to send to, on this machine: Postfix' ``smtp-sink``, and a far one; and ``smtp-source``, the yardstick."""

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

from console.embedded.ports import free_port

FAR = 10  # milliseconds of added round trip
_ROOT = Path(__file__).resolve().parent.parent


def tool(name: str) -> str | None:
    """Postfix's tools are in sbin, which is not on everybody's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """The port of a ``smtp-sink``, which throws away what it takes."""
    port = free_port(2600)
    as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    with _serving([str(tool("smtp-sink")), *as_root, f"127.0.0.1:{port}", "256"], port):
        yield port


@contextlib.contextmanager
def far_sink(milliseconds: int = FAR) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The port of a server that answers late, and its process: it writes a line when it has taken its first message."""
    port = free_port(2600)
    command = [sys.executable, "-m", "bench.far_sink", str(port), str(milliseconds)]
    with _serving(command, port) as process:
        yield port, process


@contextlib.contextmanager
def _serving(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=_ROOT)
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
        yield process
    finally:
        process.terminate()
        process.wait()


def source(port: int, *, messages: int, size: int, sessions: int) -> float:
    """Seconds that ``smtp-source -d`` takes for so many messages of ``size`` bytes."""
    command = [
        str(tool("smtp-source")), "-d", "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f", "shop@example.com",
        "-t", "member@example.com", f"127.0.0.1:{port}",
    ]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
