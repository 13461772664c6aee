"""Fixtures for every test. The servers are real: `make test` starts them, DATABASE_URL and REDIS_URL name them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # sync playwright leaves an event loop running
os.environ["TZ"] = "America/St_Johns"  # no code may depend on the machine's zone
time.tzset()

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    """Files of the console (spool, uploads, keys) go to a folder of the test's own."""
    from django.core.cache import cache

    from analytics import signing_keys

    settings.VAR_DIR = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "uploads")},
        },
    }
    signing_keys.forget()
    cache.clear()


@pytest.fixture
def clean_redis() -> Iterator[Any]:
    """The test's Redis database, empty."""
    from core.redis import client

    client().flushdb()
    yield client()
    client().flushdb()


@pytest.fixture
def data() -> Path:
    return DATA


@pytest.fixture(autouse=True)
def _empty_event_table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Django's flush knows managed tables only."""
    yield
    marker = request.node.get_closest_marker("django_db")
    if marker and (marker.kwargs.get("transaction") or "live_server" in request.fixturenames):
        from django.db import connection

        request.getfixturevalue("django_db_blocker").unblock()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE analytics_event")
