"""PostgreSQL's own programs, in a version that fits the server, and how they reach the database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from django.db import Error, connection

from console.backup.errors import BackupRefused
from console.embedded.errors import StartRefused
from console.embedded.postgres import binaries

# Debian, Ubuntu; Red Hat and its kin
_INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_ENVIRONMENT = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
                "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
                "service": "PGSERVICE"}  # fmt: skip


def server_version() -> int:
    """The server's major version. Raises ``BackupRefused`` when it does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            (number,) = cursor.fetchone()
    except Error as error:
        raise BackupRefused(f"The database can't be opened: {str(error).strip()}") from error
    return int(number) // 10_000


def find(name: str, *, at_least: int) -> Path:
    """The program in the lowest version that is enough: a newer one writes what an older server does not know.

    Raises ``BackupRefused`` when there is none.
    """
    found = sorted((version, path) for path in _candidates(name) if (version := version_of(path)) is not None)
    fitting = [path for version, path in found if version >= at_least]
    if fitting:
        return fitting[0]
    there = ", ".join(f"{path} is version {version}" for version, path in found) or "there is none"
    raise BackupRefused(
        f"{name} of version {at_least} or newer is needed ({there}). Install it (Debian, Ubuntu: apt-get install "
        f"postgresql-client-{at_least}), or put it on the PATH."
    )


def run(program: Path, *arguments: str, database: bool = True) -> str:
    """What the program says. It reaches the console's database; the password stands in no command line."""
    done = subprocess.run(
        [str(program), *arguments], env=_environment() if database else dict(os.environ), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise BackupRefused(f"{program.name} failed: {' '.join(said[:3]) or f'exit {done.returncode}'}")
    return done.stdout


def _environment() -> dict[str, str]:
    given = connection.get_connection_params()
    own = {variable: str(given[name]) for name, variable in _ENVIRONMENT.items() if given.get(name)}
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | own


def _candidates(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    for pattern in _INSTALLED:
        yield from (folder / name for folder in Path("/").glob(pattern[1:]) if (folder / name).exists())
    try:
        yield binaries() / name
    except StartRefused:
        return  # a server's image: its PostgreSQL is another machine's


def version_of(program: Path) -> int | None:
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True)
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else None
