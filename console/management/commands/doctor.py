"""``manage.py doctor [CHECK …]``: whether the installation is well. One line for each check; exits 1 when one is bad.

Without names all are made. Those of the invariants read everything, project by project, and may take minutes.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet
from redis import RedisError

from console.health import invariants, status, surroundings, wording
from console.models import Invariant
from core import clock
from core.redis import client
from projects.models import Project

Projects = QuerySet[Project]
Told = tuple[bool, str, list[str]]  # whether it is well, what to say, and more lines about what is not


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"of: {', '.join(_CHECKS)}")
        parser.add_argument("--project", help="id of one project, for the invariants; all of them when absent")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = set(options["checks"]) - set(_CHECKS)
        if unknown:
            raise CommandError(f"There is no check {', '.join(sorted(unknown))}. Choose of: {', '.join(_CHECKS)}.")
        projects = Project.objects.filter(deleted_at=None).order_by("pk")
        if options["project"]:
            projects = projects.filter(public_id=options["project"])
            if not projects:
                raise CommandError(f"There is no project {options['project']}.")
        bad = [name for name in options["checks"] or _CHECKS if not self._tell(name, _made(_CHECKS[name], projects))]
        if bad:
            raise CommandError(f"Not well: {', '.join(bad)}.")

    def _tell(self, name: str, told: Told) -> bool:
        is_well, sentence, more = told
        self.stdout.write(f"{'ok    ' if is_well else 'FAILED'} {name}: {sentence}")
        for line in more:
            self.stdout.write(f"         {line}")
        return is_well


def _made(check: Callable[[Projects], Told], projects: Projects) -> Told:
    try:
        return check(projects)
    except Error as error:
        return False, f"PostgreSQL does not answer: {str(error).strip()}", []
    except RedisError as error:
        return False, f"Redis does not answer: {error}", []


_OLDEST_POSTGRESQL = 16  # it tells whether a text is a number without failing


def _database(_projects: Projects) -> Told:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        version = int(cursor.fetchone()[0])
    if version < _OLDEST_POSTGRESQL:
        return False, f"PostgreSQL {version} is too old; Pabal needs {_OLDEST_POSTGRESQL} or newer", []
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = [f"{migration.app_label}.{migration.name}" for migration, _backwards in waiting]
    return (
        not names,
        f"{len(names)} migrations wait; run `manage.py migrate`" if names else "answers, every migration is there",
        names,
    )


def _redis(_projects: Projects) -> Told:
    try:
        client().ping()
    except RedisError as error:
        return False, f"Redis does not answer: {error}", []
    return True, "answers", []


def _surroundings(look: Callable[[], surroundings.Report]) -> Callable[[Projects], Told]:
    def check(_projects: Projects) -> Told:
        report = look()
        said = f"{len(report.faults)} faults" if report.faults else report.said
        return not report.faults, said, [*report.faults, *report.notes]

    return check


def _restored(_projects: Projects) -> Told:
    lines = status.restored()
    bad = [line.detail for line in lines if line.level == wording.Level.BAD]
    return (
        not bad,
        "campaigns wait for a choice: manage.py restored" if bad else "nothing waits for a choice after a restore",
        bad,
    )


def _lines(ask: Callable[..., list[Any]]) -> Callable[[Projects], Told]:
    def check(_projects: Projects) -> Told:
        lines = ask(now=clock.now())
        bad = [line for line in lines if line.level == wording.Level.BAD]
        noted = [f"{line.name}: {line.detail}" for line in lines if line.level != wording.Level.GOOD]
        return not bad, f"{len(lines)} looked at, {len(bad)} bad", noted

    return check


def _invariant(invariant: Invariant) -> Callable[[Projects], Told]:
    def check(projects: Projects) -> Told:
        began, looked_at = clock.now(), 0
        broken: list[str] = []
        for project in projects:
            finding = invariants.check(invariant=invariant, project_id=project.pk)
            looked_at += finding.checked
            broken += [f"{project.public_id}: {wording.sentence(one.code, one.params)}" for one in finding.broken]
        seconds = (clock.now() - began).total_seconds()
        said = f"{invariant.label}: {wording.looked_at(invariant, looked_at)}, {len(broken)} broken ({seconds:.1f} s)"
        return not broken, said, broken

    return check


_CHECKS: dict[str, Callable[[Projects], Told]] = {
    "database": _database,
    "redis": _redis,
    **{name: _surroundings(look) for name, look in surroundings.CHECKS.items()},
    "restored": _restored,
    "ticks": _lines(status.ticks),
    "queues": _lines(status.queues),
    "leases": _lines(status.leases),
    "backlogs": _lines(status.backlogs),
} | {invariant.value.lower(): _invariant(invariant) for invariant in Invariant}
