"""The queues of imports and exports."""

from __future__ import annotations

from celery import shared_task

from core import clock
from segments.services import exporting, exports, running


@shared_task(name="segments.import_job")
def import_job(job_id: int) -> None:
    running.run_job(job_id=job_id, clock=clock.now)


@shared_task(name="segments.tick_imports")
def tick_imports() -> None:
    """Jobs whose message was lost, or whose worker died."""
    for job_id in running.due_jobs(now=clock.now()):
        import_job.delay(job_id)


@shared_task(name="segments.export_job")
def export_job(job_id: int) -> None:
    exporting.run_job(job_id=job_id, clock=clock.now)


@shared_task(name="segments.tick_exports")
def tick_exports() -> None:
    """Jobs whose message was lost, or whose worker died; and downloads whose time is over."""
    for job_id in exporting.due_jobs(now=clock.now()):
        export_job.delay(job_id)
    exports.remove_old_files(now=clock.now())
