"""Two starts in one folder, as real processes: the second waits for the first one's PostgreSQL to stop, or says that it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from console.embedded import servers
from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE = 40.0  # seconds


class Start:
    """A start in a folder, and what it has said."""

    def __init__(self, folder: Path, number: int) -> None:
        self._said = folder / f"said-{number}.txt"
        command = [sys.executable, "-m", "tests.console.small_supervisor", str(folder)]
        with self._said.open("w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def said(self) -> str:
        return self._said.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


Begin = Callable[[], Start]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    made: list[Start] = []

    def start() -> Start:
        made.append(Start(tmp_path, len(made)))
        return made[-1]

    yield start
    (tmp_path / "finish").touch()
    for one in made:
        if one.process.poll() is None:
            one.stop()
    Postgres(tmp_path / "postgres").stop()


def wait(what: Callable[[], bool], start: Start) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not what():
        assert time.monotonic() < deadline, start.said
        time.sleep(0.02)


def is_answering(folder: Path) -> bool:
    try:
        psycopg2.connect(Postgres(folder / "postgres").url.replace("/pabal", "/postgres")).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_a_start_waits_for_the_one_that_is_stopping_and_keeps_its_database(begin: Begin, tmp_path: Path) -> None:
    first = begin()
    wait(lambda: "Up:" in first.said and (tmp_path / "works").exists(), first)
    first.process.send_signal(signal.SIGINT)
    wait((tmp_path / "asked").exists, first)

    second = begin()
    wait(lambda: bool(second.said), second)
    waiting = second.said
    (tmp_path / "finish").touch()
    first.process.wait(_PATIENCE)
    wait(lambda: "Up:" in second.said, second)

    assert waiting == f"Pabal is still stopping in {tmp_path}; it is waited for …\n"
    assert first.process.returncode == 0
    assert first.said.endswith("Stopping …\n")
    assert is_answering(tmp_path)
    assert second.stop() == 0
    assert not is_answering(tmp_path)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_start_beside_one_that_runs_says_so_and_leaves_it_alone(begin: Begin, tmp_path: Path) -> None:
    first = begin()
    wait(lambda: "Up:" in first.said and (tmp_path / "works").exists(), first)

    second = begin()

    assert second.process.wait(_PATIENCE) == 1
    assert second.said == f"Pabal runs already in {tmp_path}: http://127.0.0.1:1\n"
    assert first.process.poll() is None
    assert not (tmp_path / "asked").exists()
    assert is_answering(tmp_path)


def test_a_start_after_one_that_was_killed_while_its_database_stops_gets_its_own(begin: Begin, tmp_path: Path) -> None:
    first = begin()
    wait(lambda: "Up:" in first.said and (tmp_path / "works").exists(), first)
    held = psycopg2.connect(Postgres(tmp_path / "postgres").url)  # a smart shutdown waits for whoever is connected
    (tmp_path / "finish").touch()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGTERM)
    wait(lambda: "stopping" in pid_file.read_text(), first)

    second = begin()
    log = tmp_path / "postgres" / "server.log"
    wait(lambda: "lock file" in log.read_text(), second)  # it has tried to start while the old server is there
    held.close()
    wait(lambda: "Up:" in second.said, second)

    assert is_answering(tmp_path)
    assert second.stop() == 0


def test_a_command_started_beside_finds_the_running_servers_by_itself(tmp_path: Path) -> None:
    servers.tell_commands(tmp_path, {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")})
    away = {"REDIS_URL": "redis://127.0.0.1:1/0"}  # what the caller says goes before
    alone = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}

    def doctor(environment: dict[str, str]) -> str:
        command = [sys.executable, "manage.py", "doctor", "redis"]
        done = subprocess.run(command, cwd=ROOT, env=environment | {"PABAL_VAR": str(tmp_path)}, capture_output=True, text=True)
        return done.stdout

    assert (tmp_path / "environment.json").stat().st_mode & 0o777 == 0o600
    assert "ok     redis: answers" in doctor(alone)
    assert "FAILED redis: Redis does not answer" in doctor(alone | away)
