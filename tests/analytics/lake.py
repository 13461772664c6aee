"""Events in a lake of a test's own."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from analytics.events import EventRow
from analytics.lake import writing
from analytics.models import Event, EventKind, LakeFile
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position
from projects.models import Project
from tests.waiting import wait_until

NOW = datetime.datetime(2026, 11, 26, 3, 0, tzinfo=datetime.UTC)


def event(project: Project, *, kind: int = EventKind.EMAIL_OPEN, endpoint_id: int = 7, minutes: int = 0, **more: Any) -> EventRow:
    at = NOW - datetime.timedelta(minutes=minutes)
    return EventRow(id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=endpoint_id, kind=kind, **more)


def written(*events: EventRow, limit: int = 100_000) -> int:
    """Record events and carry them into the lake."""
    with transaction.atomic():
        record_events(events=events)
    settle()
    return writing.write_events(now=NOW, limit=limit)


def settle() -> None:
    """Until all that is written is settled: tests beside this one have transactions of their own."""
    last = Event.objects.aggregate(last=Max("position"))["last"]
    wait_until(lambda: settled_position() >= last)


def folder() -> Path:
    return Path(settings.LAKE_URL)


def files_on_disk() -> set[str]:
    return {str(path.relative_to(folder())) for path in folder().rglob("*.parquet")}


def paths(**narrow: Any) -> set[str]:
    return set(LakeFile.objects.filter(replaced_at=None, **narrow).values_list("path", flat=True))


def rows(**narrow: Any) -> list[dict[str, Any]]:
    """What the lake holds, in the order of positions."""
    tables = [pq.ParquetFile(folder() / path).read() for path in paths(**narrow)]
    return pa.concat_tables(tables).sort_by("position").to_pylist() if tables else []
