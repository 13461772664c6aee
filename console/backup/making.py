"""Making a backup while everything runs: under another name until it is whole, and on disk."""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from console.backup import manifest, programs
from console.backup.errors import BackupRefused
from core import secretbox

# What lies beside the database, and must last. The rest of PABAL_VAR can be made anew.
BESIDE = ("uploads", "spool", "opt-outs", "signing-keys.json")
SEALED = "pabal"
_UNFINISHED = ".unfinished-"  # of one that is being made, or deleted: whatever bears it is no backup
_NAMED = re.compile(r"pabal-\d{8}T\d{6}Z")
_BLOCK = 1 << 20  # bytes


def backups(folder: Path) -> list[Path]:
    """The whole backups in the folder, the oldest first."""
    return sorted(one for one in folder.iterdir() if _NAMED.fullmatch(one.name) and (one / manifest.NAME).exists())


def make_backup(*, folder: Path, now: datetime.datetime, keep: int | None = None) -> Path:
    """Make a backup in the folder, and then delete all but the newest ``keep``. Raises ``BackupRefused``; nothing is deleted then.

    Killed at any moment, what is left bears another name, and the next backup takes it away.
    """
    made = folder / f"pabal-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(folder):
            _sweep(folder)
            if made.exists():
                raise BackupRefused(f"{made} is there already. Try again in a second.")
            unfinished = folder / f"{_UNFINISHED}{made.name}"
            unfinished.mkdir(mode=0o700)
            _fill(unfinished, now)
            _sync_folders(unfinished)
            unfinished.rename(made)
            _sync(folder)
            for old in backups(folder)[: -keep or None] if keep else []:
                _delete(old)
    except OSError as error:
        raise BackupRefused(f"The backup could not be written: {error}") from error
    return made


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("a") as lock:  # gone with the process, however it ends
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"Another backup into {folder} is being made. Wait for it.") from None
        yield


def _sweep(folder: Path) -> None:
    for one in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(one)


def _delete(backup: Path) -> None:
    going = backup.with_name(f"{_UNFINISHED}{backup.name}")
    backup.rename(going)
    shutil.rmtree(going)


def _fill(to: Path, now: datetime.datetime) -> None:
    server = programs.server_version()
    # The database first: what it names lies beside it then, and is copied after it. Opt-outs that came meanwhile are in the journal.
    program = programs.find("pg_dump", at_least=server)
    programs.run(program, "--format=custom", f"--file={to / manifest.DUMP}")
    _sync(to / manifest.DUMP)
    files = {manifest.DUMP: manifest.of_file(to / manifest.DUMP)}
    for name in BESIDE:
        if name == "uploads" and settings.UPLOADS_BUCKET:
            continue
        files |= _copied(Path(settings.VAR_DIR) / name, to / name, name)
    found = manifest.Manifest(
        made_at=now,
        version=_version(),
        server_version=server,
        dump_version=programs.version_of(program) or server,
        migrations=_migrations(),
        uploads=f"bucket {settings.UPLOADS_BUCKET}" if settings.UPLOADS_BUCKET else "",
        sealed=secretbox.seal(SEALED),
        files=files,
    )
    with (to / manifest.NAME).open("w") as out:
        out.write(found.text())
        _flushed(out)


def _copied(source: Path, to: Path, name: str) -> dict[str, manifest.File]:
    """Copy a file, or everything below a folder; what goes away meanwhile (a spooled file that was written) is left out."""
    if source.is_file():
        found = _copy(source, to)
        return {name: found} if found else {}
    files = {}
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source)
        found = _copy(path, to / inner) if path.is_file() else None
        if found is not None:
            files[f"{name}/{inner}"] = found
    return files


def _copy(source: Path, to: Path) -> manifest.File | None:
    """A file that is being written to is copied up to where it ends now; the checksum is of what was copied."""
    try:
        file = source.open("rb")
    except FileNotFoundError:
        return None
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    opener: Callable[[str, int], int] = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731  (keys are among them)
    with file, open(to, "wb", opener=opener) as out:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += out.write(block)
        _flushed(out)
    return manifest.File(size=size, sha256=digest.hexdigest())


def _flushed(out: IO[str] | IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())


def _sync_folders(folder: Path) -> None:
    for one in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        _sync(one)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _migrations() -> dict[str, str]:
    return dict(sorted(MigrationRecorder(connection).applied_migrations()))


def _version() -> str:
    return str(tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"])
