"""The invariants, checked in the background; the weekly reports; numbers of dashboards."""

from __future__ import annotations

import datetime

from celery import shared_task

from console.health import checking
from console.reports import mailing
from console.services import keeping, refreshing
from core import clock
from projects.services import installation

_REPORT_SECONDS = 50
REFRESH_EXPIRES_SECONDS = 30
_EXPIRES_SECONDS = 25  # of a message that the tick would repeat


@shared_task(name="console.check_invariant")
def check_invariant(check_id: int) -> None:
    checking.run_check(check_id=check_id, clock=clock.now)


@shared_task(name="console.tick_checks")
def tick_checks() -> None:
    """Checks that are asked for, and each invariant once a day."""
    now = clock.now()
    installation.note_alive(now=now)
    checking.ask_for_old_ones(now=now)
    for check_id in checking.due_checks(now=now):
        check_invariant.apply_async((check_id,), expires=_EXPIRES_SECONDS)


@shared_task(name="console.tick_reports")
def tick_reports() -> None:
    for reader_id, at in mailing.due_readers(now=clock.now()):
        mail_report.apply_async((reader_id, at.isoformat()), expires=_REPORT_SECONDS)


@shared_task(name="console.mail_report")
def mail_report(reader_id: int, at: str) -> None:
    mailing.mail_report(reader_id=reader_id, at=datetime.datetime.fromisoformat(at))


@shared_task(name="console.tick_dashboards")
def tick_dashboards() -> None:
    if refreshing.due(now=clock.now()):
        refresh_dashboards.apply_async(expires=REFRESH_EXPIRES_SECONDS)


@shared_task(name="console.refresh_dashboards")
def refresh_dashboards() -> None:
    refreshing.refresh(clock=clock.now)


@shared_task(name="console.tick_answers")
def tick_answers() -> None:
    keeping.sweep(now=clock.now())
