"""``make run``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from console.embedded import servers
from console.embedded.children import Child
from console.embedded.errors import StartRefused
from console.embedded.ports import free_port
from console.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO_EMAIL = "demo@pabal.local"
_FIRST_PAGE_SECONDS = 60.0
_PREDECESSOR_SECONDS = 30.0  # how long a start waits for one that is stopping
_STOPPING = "stopping"  # the first word of the lock's file, from Ctrl-C until the last server has stopped


def main() -> int:
    folder = Path(os.environ.get("PABAL_VAR", str(ROOT / "var")))
    return run(Supervisor(folder))


def run(supervisor: Supervisor) -> int:
    """Start, watch, stop. The folder is held until the last server has stopped, so that nobody starts on one that is going."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # said, because a shell starts what runs behind it with SIGINT ignored
    held: IO[str] | None = None
    try:
        held = supervisor.lock()
        supervisor.start()
        supervisor.watch()
    except StartRefused as refused:
        print(refused)
        return 1
    except OSError as error:
        print(f"Pabal can't start: {error}")
        return 1
    except KeyboardInterrupt:
        print("Stopping …", flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if held is not None:
            with held:
                with contextlib.suppress(OSError):  # on a full disk the servers stop nevertheless
                    supervisor.note(f"{_STOPPING} (process {os.getpid()})")
                supervisor.stop()
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _is_locked(file: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Supervisor:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._logs = folder / "log"
        self._lock_file = folder / "supervisor.lock"
        self._postgres: Postgres | None = None
        self._stores: list[Child] = []  # stopped last
        self._children: list[Child] = []
        self._environment: dict[str, str] = {"DJANGO_SETTINGS_MODULE": "console.settings", "PABAL_VAR": str(folder)}

    def lock(self) -> IO[str]:
        """Only one start in a folder; one that is stopping is waited for."""
        self._logs.mkdir(parents=True, exist_ok=True)
        file = self._lock_file.open("a+")
        deadline = time.monotonic() + _PREDECESSOR_SECONDS
        is_waiting = False
        while not _is_locked(file):
            said = self._lock_file.read_text().strip()
            if said and not said.startswith(_STOPPING):  # empty: it is being written
                file.close()
                raise StartRefused(f"Pabal runs already in {self._folder}: {said}")
            if time.monotonic() > deadline:
                file.close()
                raise StartRefused(f"Pabal has not stopped in {self._folder} yet: {said}. Start again when it has.")
            if not is_waiting:
                print(f"Pabal is still stopping in {self._folder}; it is waited for …", flush=True)
                is_waiting = True
            time.sleep(0.1)
        self.note(f"starting (process {os.getpid()})")
        return file

    def note(self, text: str) -> None:
        """What another start in the folder is told; only who holds the lock writes it."""
        self._lock_file.write_text(f"{text}\n")

    def start(self) -> None:
        kept = servers.kept_secrets(self._folder)
        self._environment |= {name: os.environ.get(name, kept[name]) for name in ("SECRET_KEY", "SECRETS_KEY")}
        self._start_stores(kept)
        port = free_port(int(os.environ.get("PORT", "8000")))
        address = f"http://127.0.0.1:{port}"
        self._environment.setdefault("PUBLIC_URL", os.environ.get("PUBLIC_URL", address))
        self._environment["MAILBOX_PORT"] = str(free_port(int(os.environ.get("MAILBOX_PORT", "1025"))))
        given = {name: os.environ[name] for name in ("REDIS_URL", "S3_ENDPOINT_URL") if os.environ.get(name)}
        servers.tell_commands(self._folder, self._environment | given)
        self._manage("migrate", "--no-input", "--verbosity", "0")
        self._manage("demo", f"--email={DEMO_EMAIL}", f"--password={kept['DEMO_PASSWORD']}")  # it may begin with "-"
        self._add("mailbox", [sys.executable, "manage.py", "run_mailbox"])
        self._add("web", servers.web(port))
        self._wait_for_the_first_page(address)  # before the workers, so that they don't take the processor from it
        for name in servers.WORKERS:
            self._add(f"worker-{name}", servers.celery_worker(name))
        self._add("beat", servers.celery_beat())
        self.note(f"{address} (process {os.getpid()})")
        print(f"Address: {address}")
        print(f"Login:   {DEMO_EMAIL} / {kept['DEMO_PASSWORD']}", flush=True)

    def _start_stores(self, kept: dict[str, str]) -> None:
        if not os.environ.get("DATABASE_URL"):
            self._postgres = Postgres(self._folder / "postgres")
            self._postgres.start()
            self._environment["DATABASE_URL"] = self._postgres.url
        if not os.environ.get("REDIS_URL"):
            port = free_port(6400)
            command = servers.valkey(port=port, folder=self._folder / "valkey", password=kept["REDIS_PASSWORD"], is_durable=True)
            self._add("valkey", command, is_store=True)
            self._environment["REDIS_URL"] = f"redis://:{kept['REDIS_PASSWORD']}@127.0.0.1:{port}/0"
        if not os.environ.get("S3_ENDPOINT_URL"):
            port = free_port(9300)
            self._add("s3", servers.moto(port), is_store=True)
            self._environment |= {
                "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo",
                "AWS_DEFAULT_REGION": "ap-northeast-2",
            }  # fmt: skip

    def _add(self, name: str, command: list[str], *, is_store: bool = False) -> None:
        child = Child(name, command, environment=self._environment, log_folder=self._logs)
        child.start()
        (self._stores if is_store else self._children).append(child)

    def _manage(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=os.environ | self._environment,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        if done.returncode:
            (self._logs / "start.log").write_text(done.stdout + done.stderr)
            lines = done.stderr.strip().splitlines()
            raise StartRefused(
                f"“manage.py {arguments[0]}” failed: {lines[-1] if lines else 'no reason given'} ({self._logs}/start.log)"
            )

    def _wait_for_the_first_page(self, address: str) -> None:
        deadline = time.monotonic() + _FIRST_PAGE_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{address}/login/", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass  # not yet
            web = next(child for child in self._children if child.name == "web")
            if not web.is_alive():
                break
            time.sleep(0.1)
        raise StartRefused(f"The first page does not come up; see {self._logs}/web.log.")

    def watch(self) -> None:
        while True:
            for child in [*self._stores, *self._children]:
                child.watch()
            time.sleep(0.5)

    def stop(self) -> None:
        """Workers first, the stores they write to last."""
        for group in (self._children, self._stores):
            for child in group:
                child.terminate()
            for child in group:
                child.wait()
        if self._postgres is not None:
            self._postgres.stop()
        (self._folder / servers.COMMANDS).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
