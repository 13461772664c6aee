"""The Celery application. A queue for each kind of work; the row is the intent, a lost message costs latency only."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("pabal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
