"""The imports queue."""

from __future__ import annotations

from celery import shared_task

from core import clock
from segments.services import running


@shared_task(name="segments.import_job")
def import_job(job_id: int) -> None:
    running.run_job(job_id=job_id, clock=clock.now)


@shared_task(name="segments.tick_imports")
def tick_imports() -> None:
    """Jobs whose message was lost, or whose worker died."""
    for job_id in running.due_jobs(now=clock.now()):
        import_job.delay(job_id)
