"""Other databases on the test's server, in which this process goes on for a while: restored backups, copies to be changed at will."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from console.embedded.postgres import binaries


def postgres(program: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs, on the test's server."""
    given = connection.get_connection_params()
    command = [str(binaries() / program), "-h", given["host"], "-U", given["user"], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"PGPORT": str(given.get("port") or 5432)})
    assert done.returncode == 0, done.stderr


@contextmanager
def empty_database() -> Iterator[str]:
    """A database without tables; everything in here is done there."""
    with _other("template0") as name:
        yield name


@contextmanager
def copied_database() -> Iterator[str]:
    """A copy of the test's database; everything in here is done there."""
    with _other(connection.settings_dict["NAME"]) as name:
        yield name


@contextmanager
def _other(template: str) -> Iterator[str]:
    kept = connection.settings_dict["NAME"]
    made = f"{kept}_other"
    connection.close()
    away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{template}'"  # of threads that are idle
    postgres("psql", "-q", "-d", "postgres", "-c", away)
    postgres("dropdb", "--if-exists", "--force", made)  # of a run that was broken off
    postgres("createdb", "-T", template, made)
    try:
        connection.settings_dict["NAME"] = made
        yield made
    finally:
        connection.close()
        connection.settings_dict["NAME"] = kept
        postgres("dropdb", "--force", made)
