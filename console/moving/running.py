"""A move from its beginning to its end: everything in the order in which it builds on other things."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, transaction

from console.moving import campaigns, endpoints, inventory, projects, segments, templates
from console.moving.move import Move
from console.moving.report import Report
from core.errors import Refusal
from projects.models import User

LOCK = 1_768_843_636  # "in t", for pg_try_advisory_lock: one move at a time


class Busy(Refusal):
    """Another move is under way."""


def move_in(*, root: Path, actor: User, clock: Callable[[], datetime.datetime], is_dry_run: bool) -> Report:
    """Take what is in the folder. Each thing is written in a transaction of its own, and one that is here is left as it is: a move that was
    broken off goes on by being run again.

    ``is_dry_run``: all of it happens in one transaction that is taken back; lines of exports are only checked. Raises ``Busy``.
    """
    with _alone():
        report = Report()
        found = inventory.read(root, report=report)
        move = Move(found=found, report=report, actor=actor, clock=clock, is_dry_run=is_dry_run)
        if not is_dry_run:
            _carry_out(move)
            return report
        with transaction.atomic():
            _carry_out(move)
            transaction.set_rollback(True)
        return report


def _carry_out(move: Move) -> None:
    projects.take_projects(move)
    projects.take_settings(move)
    projects.take_channels(move)
    projects.take_suppressed(move)
    templates.take_templates(move)
    members = endpoints.take_endpoints(move)
    segments.take_segments(move, members)
    campaigns.take_campaigns(move)


@contextmanager
def _alone() -> Iterator[None]:
    """The lock is the connection's: it ends with the process, however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("Another import from Pinpoint is under way. Wait until it is done, then start this one again.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
