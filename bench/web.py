"""The console as ``make run`` serves it, over the benchmark's database."""

from __future__ import annotations

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
settings.DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]

from console.wsgi import application  # noqa: E402  (needs the settings)

__all__ = ["application"]
