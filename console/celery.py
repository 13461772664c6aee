"""The Celery application. A queue for each kind of work; the row is the intent, a lost message costs latency only."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery
from celery.signals import beat_init, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("pabal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_init.connect
def _start(**_signal: object) -> None:
    """Operators see from when on ticks are due."""
    from console.health import pulse
    from core import clock

    pulse.note_start(at=clock.now())


@task_prerun.connect
def _begin(task: Any, **_signal: object) -> None:
    task.request.began = time.monotonic()


@task_postrun.connect
def _end(task: Any, state: str, retval: object, **_signal: object) -> None:
    """What operators see of it: when it was done last, and how it went."""
    from console.health import pulse
    from core import clock

    queue = (task.request.delivery_info or {}).get("routing_key")
    if queue:  # not one that was called like a function
        failure = type(retval).__name__ if state == "FAILURE" else ""
        seconds = time.monotonic() - getattr(task.request, "began", time.monotonic())
        pulse.note(task=task.name, queue=queue, beat=pulse.Beat(at=clock.now(), seconds=seconds, failure=failure))
