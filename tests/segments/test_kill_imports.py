"""SIGKILL to import workers and to PostgreSQL itself while thirty files are imported. ``make soak`` imports 300,000 lines of them."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = 30
ROWS, KILLS = (10_000, 10) if os.environ.get("PABAL_SOAK") else (300, 3)  # of a file; moments
_PATIENCE = 600.0 if os.environ.get("PABAL_SOAK") else 60.0  # seconds; a piece of a dead worker is taken over after two
WORKERS = ("first", "second")
VICTIMS = (WORKERS, WORKERS[:1], WORKERS[1:], ("folds",), ("postgres",), ("postgres", "folds", *WORKERS))


class Installation:
    """A PostgreSQL of the test's own, with every safety on, and import workers as processes."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._postgres = Postgres(folder / "postgres", settings={"max_connections": "40", "shared_buffers": "64MB"})
        self._postgres.start()
        self._environment = os.environ | environment | {
            "DATABASE_URL": self._postgres.url, "PABAL_VAR": str(folder), "IMPORT_LEASE_SECONDS": "2",
            "DJANGO_SETTINGS_MODULE": "console.settings", "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *command: str) -> str:
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.segments.import_worker", "work" if name in WORKERS else "fold"]
            self._workers[name] = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        if name == "postgres":
            pid = int((self._folder / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}").exists():  # until then it seems to run
                time.sleep(0.01)
            self._postgres.start()
            return
        worker = self._workers.pop(name)
        worker.kill()
        worker.wait()
        self.start(name)

    def wait(self, *, seconds: float) -> None:
        for worker in self._workers.values():
            assert worker.wait(timeout=seconds) == 0, self.log()

    def completed(self) -> int:
        try:
            connection = psycopg2.connect(self._postgres.url)
        except psycopg2.Error:
            return 0
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT completed_pieces, status, failure FROM segments_importjob")
            completed, status, failure = cursor.fetchone()
            assert status != "FAILED", failure
            return int(completed)

    def log(self) -> str:
        """What an operator would look at."""
        with contextlib.closing(psycopg2.connect(self._postgres.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT status, epoch, lease_until, completed_pieces, now() FROM segments_importjob")
            state = str(cursor.fetchall())
            cursor.execute("SELECT number, epoch, lease_until FROM segments_importpiece WHERE state = 'WAITING' ORDER BY number")
            state += str(cursor.fetchmany(5))
            cursor.execute("SELECT pid, state, wait_event, left(query, 100) FROM pg_stat_activity WHERE datname IS NOT NULL")
            state += str(cursor.fetchall()) + str({name: worker.poll() for name, worker in self._workers.items()})
        return state + "\n".join(path.read_text()[-3000:] for path in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        for worker in self._workers.values():
            worker.kill()
            worker.wait()
        self._postgres.stop()


@pytest.fixture
def installation(tmp_path: Path, s3: Any) -> Iterator[Installation]:
    made = Installation(tmp_path, {"S3_ENDPOINT_URL": s3.meta.endpoint_url, "REDIS_URL": os.environ["REDIS_URL"]})
    yield made
    made.close()


def lines(file: int) -> Iterator[tuple[str, str, str]]:
    """(Id, user, value) of a file's good lines: each Id stands in one or two of the files, each user on three lines or more."""
    for row in range(ROWS):
        number = (file * ROWS + row) % (FILES * ROWS * 2 // 3)
        yield f"e{number}", f"u{number // 3}", f"{file}-{row}"


def content(file: int) -> bytes:
    rows = ["Id,ChannelType,Address,User.UserId,User.UserAttributes.last,Attributes.value"]
    rows += [f"{key},EMAIL,{key}@example.com,{user},{file},{value}" for key, user, value in lines(file)]
    return "\n".join([*rows, "bad,EMAIL,nobody,,,"]).encode()


def wait_until(condition: Callable[[], bool], *, seconds: float, installation: Installation) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, installation.log()
        time.sleep(0.01)


@pytest.mark.crash
@pytest.mark.timeout(900)
def test_killed_at_random_moments_every_line_is_counted_once_and_the_endpoints_are_right(
    installation: Installation, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for file in range(FILES):
        s3.put_object(Bucket="sample-audience", Key=f"kills/{file:02}.csv", Body=content(file))
    installation.run("manage.py", "migrate", "--verbosity", "0")
    installation.run("-m", "tests.segments.import_worker", "begin", "s3://sample-audience/kills/")
    for name in (*WORKERS, "folds"):
        installation.start(name)

    began, killed = time.monotonic(), collections.Counter[str]()
    moments = sorted(chance.randrange(FILES - 2) for _kill in range(KILLS))
    for moment in moments:
        wait_until(lambda moment=moment: installation.completed() >= moment, seconds=_PATIENCE, installation=installation)  # type: ignore[misc]
        time.sleep(chance.random() * 0.2)  # somewhere in the piece
        for victim in chance.choice(VICTIMS):
            installation.kill(victim)
            killed[victim] += 1
    installation.wait(seconds=_PATIENCE)
    seconds = time.monotonic() - began

    told = json.loads(installation.run("-m", "tests.segments.import_worker", "report"))
    assert (told["status"], told["failure"]) == ("COMPLETED", None)
    assert (told["pieces"], told["completed"]) == (FILES, FILES)
    assert (told["processed"], told["refused"], told["listed"]) == (FILES * (ROWS + 1), FILES, FILES)
    last_of_user: dict[str, str] = {}
    last: dict[str, tuple[str, str]] = {}
    for file in range(FILES):
        for key, user, value in lines(file):
            last[key] = (value, user)
            last_of_user[user] = str(file)
    expected = {key: [{"value": [value]}, {"last": [last_of_user[user]]}] for key, (value, user) in last.items()}
    assert told["endpoints"] == expected
    assert (told["members"], told["is_everyone"]) == (len(expected), True)
    verified = time.monotonic()
    installation.run("manage.py", "facets", "verify")
    installation.run("manage.py", "doctor", "facets", "imports")
    figures = (
        f"{told['processed']:,} lines of {FILES} files in {seconds:.0f} s, {KILLS} moments of killing ({dict(killed)}), pieces begun "
        f"{told['begun']} times; {len(expected):,} endpoints as they should be, verified in {time.monotonic() - verified:.0f} s"
    )
    with capsys.disabled() if os.environ.get("PABAL_SOAK") else contextlib.nullcontext():
        print(f"\n{figures}")
