"""``make test``: a PostgreSQL and a Valkey for the tests, then pytest; ``--soak`` and ``--bench`` likewise."""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from console.embedded import servers
from console.embedded.children import Child
from console.embedded.errors import StartRefused
from console.embedded.ports import any_port
from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent
_PROCESSES = 4  # at most; each has a database of its own


def main() -> int:
    arguments = sys.argv[1:]
    is_bench = "--bench" in arguments
    folder = ROOT / "var" / ("bench" if is_bench else "test")
    (folder / "log").mkdir(parents=True, exist_ok=True)
    try:
        lock = alone(folder)
    except StartRefused as refused:
        print(refused)
        return 1
    # The tests' data is thrown away; the benchmarks keep every safety on.
    settings = {} if is_bench else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    postgres = Postgres(folder / "postgres", settings=settings)
    password, port = secrets.token_urlsafe(16), any_port()
    command = servers.valkey(port=port, folder=folder / "valkey", password=password, is_durable=is_bench)
    valkey = Child("valkey", command, environment={}, log_folder=folder / "log")
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(143))  # by the way of `finally`
    try:
        postgres.start()
        valkey.start()
        environment = os.environ | {
            "DATABASE_URL": postgres.url, "REDIS_URL": f"redis://:{password}@127.0.0.1:{port}/0", "PABAL_VAR": str(folder / "files"),
        }  # fmt: skip
        if "--soak" in arguments:
            environment["PABAL_SOAK"] = "1"
        return subprocess.run(_command(arguments), env=environment, cwd=ROOT).returncode
    except StartRefused as refused:
        print(refused)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        valkey.terminate()
        valkey.wait()
        postgres.stop()
        lock.close()


def alone(folder: Path) -> IO[str]:
    """Hold the folder: its PostgreSQL is one run's alone. Gone with the process, however it ends."""
    file = (folder / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another one"
        file.close()
        raise StartRefused(
            f"{folder} is in use by a run that goes on ({holder}). Wait for it, or run this in another clone (git clone)."
        ) from None
    file.truncate(0)
    file.write(f"process {os.getpid()}\n")
    file.flush()
    return file


def _command(arguments: list[str]) -> list[str]:
    rest = [argument for argument in arguments if argument not in ("--soak", "--bench")]
    if "--bench" in arguments:
        return [sys.executable, "-m", "bench", *rest]
    if "--soak" in arguments:
        return [sys.executable, "-m", "pytest", "-m", "soak or crash", *rest]
    processes = min(os.cpu_count() or 1, _PROCESSES)
    several = [] if rest or processes == 1 else ["-n", str(processes), "--dist", "loadgroup"]  # a few tests start faster in one
    return [sys.executable, "-m", "pytest", "--create-db", *several, *rest]


if __name__ == "__main__":
    sys.exit(main())
