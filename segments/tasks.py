"""The queues of imports and exports."""

from __future__ import annotations

import datetime

from celery import shared_task

from core import clock
from segments.services import exporting, exports, running, schedules, undoing

_EXPIRES_SECONDS = 10  # of a message that the tick would repeat


@shared_task(name="segments.import_job")
def import_job(job_id: int) -> None:
    running.run_job(job_id=job_id, clock=clock.now, ask_for_help=_nudge)


def _nudge(job_id: int, workers: int) -> None:
    """Idle workers come at once; when all are busy the messages expire, and the tick asks again."""
    for _worker in range(workers):
        import_job.apply_async((job_id,), expires=_EXPIRES_SECONDS)


@shared_task(name="segments.tick_imports")
def tick_imports() -> None:
    """Jobs whose message was lost, or whose worker died."""
    for job_id in running.due_jobs(now=clock.now()):
        _nudge(job_id, 1)


@shared_task(name="segments.export_job")
def export_job(job_id: int) -> None:
    exporting.run_job(job_id=job_id, clock=clock.now)


@shared_task(name="segments.tick_exports")
def tick_exports() -> None:
    """Jobs whose message was lost, or whose worker died; and downloads whose time is over."""
    for job_id in exporting.due_jobs(now=clock.now()):
        export_job.delay(job_id)
    exports.remove_old_files(now=clock.now())


@shared_task(name="segments.import_what_is_new")
def import_what_is_new(schedule_id: int, due_at: str) -> None:
    schedules.run_schedule(schedule_id=schedule_id, due_at=datetime.datetime.fromisoformat(due_at), now=clock.now())


@shared_task(name="segments.tick_schedules")
def tick_schedules() -> None:
    """Scheduled imports whose time has come."""
    for schedule_id, due_at in schedules.due_schedules(now=clock.now()):
        import_what_is_new.apply_async((schedule_id, due_at.isoformat()), expires=_EXPIRES_SECONDS)


@shared_task(name="segments.import_undo")
def import_undo(job_id: int) -> None:
    undoing.run_undo(job_id=job_id, clock=clock.now)


@shared_task(name="segments.tick_undo")
def tick_undo() -> None:
    """Undoings whose message was lost or whose worker died; and what is too old to be undone."""
    for job_id in undoing.due_undoes(now=clock.now()):
        import_undo.apply_async((job_id,), expires=_EXPIRES_SECONDS)
    undoing.purge(now=clock.now())
