"""An installation of a test's own, whose processes may be killed: PostgreSQL, Valkey with every safety on, and what is asked for."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg2

from console.embedded import servers
from console.embedded.ports import any_port
from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent


class Installation:
    def __init__(self, folder: Path, *, commands: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        """``commands`` by the names under which they are started and killed; ``redis`` and ``postgres`` are there anyway."""
        self._folder = folder
        self._postgres = Postgres(folder / "postgres", settings={"max_connections": "60", "shared_buffers": "64MB"})
        self._postgres.start()
        password, port = secrets.token_urlsafe(16), any_port()
        valkey = servers.valkey(port=port, folder=folder / "valkey", password=password, is_durable=True)
        self._commands = {"redis": valkey, **commands}
        self._environment = os.environ | {
            "DATABASE_URL": self._postgres.url, "REDIS_URL": f"redis://:{password}@127.0.0.1:{port}/0", "PABAL_VAR": str(folder),
            "DJANGO_SETTINGS_MODULE": "console.settings", "LOG_LEVEL": "WARNING", **environment,
        }  # fmt: skip
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *command: str) -> str:
        """Its output."""
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def start(self, *names: str) -> None:
        for name in names:
            with (self._folder / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    self._commands[name], cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
                )

    def kill(self, name: str) -> None:
        """And start it again, as whoever watches over it does."""
        if name == "postgres":
            pid = int((self._folder / "postgres" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}").exists():  # until then it seems to run
                time.sleep(0.01)
            self._postgres.start()
        elif name == "connection":
            rows = self.ask(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random()"
            )
            for (pid,) in rows[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(str(pid)), signal.SIGKILL)
        else:
            process = self._processes.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.start(name)

    def stop(self, name: str) -> None:
        """As a deploy does: SIGTERM, and a new one."""
        process = self._processes.pop(name)
        process.terminate()
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)  # the latter when it was only about to begin
        self.start(name)

    def watch(self) -> None:
        """Beat ends when it begins while the database is away; whoever watches over it starts it again."""
        for name in [name for name, process in self._processes.items() if process.poll() is not None]:
            self.start(name)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Rows; none while the server is away."""
        with contextlib.suppress(psycopg2.Error):
            connection = psycopg2.connect(self._postgres.url)
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        return []

    def state(self) -> str:
        """What an operator would look at."""
        found = str({name: process.poll() for name, process in self._processes.items()})
        return "\n".join([found, *(path.read_text()[-2000:] for path in sorted(self._folder.glob("*.log")))])

    def stop_database(self) -> None:
        self._postgres.stop()

    def start_database(self) -> None:
        self._postgres.start()

    def close(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._postgres.stop()
