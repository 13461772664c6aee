"""Putting a backup back: into an empty database, and beside it what is missing there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from console.backup import manifest, programs
from console.backup.errors import BackupRefused
from core import secretbox

_JOURNAL = "opt-outs/"
_KEYS = "signing-keys.json"


@dataclass(frozen=True, slots=True)
class Restored:
    """``files``: how many were put beside the database. ``kept``: those that were there already and stay. ``waiting``: migrations."""

    manifest: manifest.Manifest
    files: int
    kept: int
    waiting: int


def restore(*, backup: Path) -> Restored:
    """Check the backup, put its files and then its database back. Raises ``BackupRefused``.

    The database comes last and all at once: killed before its end it is empty still, and the same command does it again.
    """
    found = manifest.verify(backup)
    server = programs.server_version()
    if server < found.server_version:
        raise BackupRefused(
            f"The backup is of PostgreSQL {found.server_version}, this server is version {server}: use the same or a newer one."
        )
    program = programs.find("pg_restore", at_least=max(server, found.dump_version))
    _check_empty()
    _check_key(found)
    try:
        put = [path for path in found.files if path != manifest.DUMP and _put(backup / path, path)]
    except OSError as error:
        raise BackupRefused(f"The files could not be put to {settings.VAR_DIR}: {error}") from error
    database = str(connection.settings_dict["NAME"])
    connection.close()
    programs.run(
        program, "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={database}", str(backup / manifest.DUMP)
    )
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return Restored(manifest=found, files=len(put), kept=len(found.files) - 1 - len(put), waiting=waiting)


def _check_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')"
        )
        (count,) = cursor.fetchone()
    if count:
        name = connection.settings_dict["NAME"]
        raise BackupRefused(
            f"The database {name} is not empty ({count} tables and sequences), and nothing is restored over anything. Make an empty "
            f"one (createdb -T template0 pabal_restored) and name it in DATABASE_URL."
        )


def _check_key(found: manifest.Manifest) -> None:
    try:
        secretbox.unseal(found.sealed)
    except InvalidToken:
        raise BackupRefused(
            "SECRETS_KEY is another one than when the backup was made: stored S3 keys, DKIM keys and link keys could not be opened. Set "
            "the old one (SECRETS_KEY, or SECRET_KEY where that was not set)."
        ) from None


def _put(source: Path, path: str) -> bool:
    """Whether the file was put to its place. One that is there stays, with two exceptions.

    The journal of opt-outs only grows, so the longer of two copies is the newer one. The link keys are those of the database that is
    restored; others are set aside.
    """
    to = Path(settings.VAR_DIR) / path
    if to.exists() and path.startswith(_JOURNAL) and to.stat().st_size >= source.stat().st_size:
        return False
    if to.exists() and path == _KEYS:
        if to.read_bytes() == source.read_bytes():
            return False
        to.replace(to.with_name(f"{_KEYS}.before-restore"))
    elif to.exists() and not path.startswith(_JOURNAL):
        return False
    to.parent.mkdir(parents=True, exist_ok=True)
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    shutil.copyfile(source, unfinished)
    unfinished.chmod(0o600 if path == _KEYS else 0o644)
    unfinished.replace(to)
    return True
