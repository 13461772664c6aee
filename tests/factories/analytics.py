from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from analytics.events import EventRow
from analytics.models import EventKind, EventStream, HitClass, SourceKind
from analytics.services import event_streams
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position
from campaigns.models import Run
from projects.models import Project

AT = datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.UTC)


def write_events(
    *, project: Project, endpoint_ids: Sequence[int], kind: int = EventKind.EMAIL_OPEN, at: datetime.datetime = AT
) -> list[uuid.UUID]:
    """One event of each endpoint, in this order and in one transaction; all of them settled."""
    rows = [EventRow(id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=one, kind=kind) for one in endpoint_ids]
    with transaction.atomic():
        record_events(events=rows)
    settle()
    return [row.id for row in rows]


def write_hits(
    *, run: Run, endpoint_ids: Sequence[int], kind: int = EventKind.EMAIL_CLICK, link: int | None = None,
    hit_class: int = HitClass.PERSON, at: datetime.datetime = AT, data: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """What each of these endpoints did once with a run's mail."""
    with transaction.atomic():
        record_events(events=[
            EventRow(
                id=uuid.uuid4(), occurred_at=at, project_id=run.project_id, endpoint_id=one, kind=kind, hit_class=hit_class,
                source_kind=SourceKind.CAMPAIGN, source_id=run.campaign_id, run_id=run.pk, treatment=run.treatment, link_number=link,
                data=data,
            )
            for one in endpoint_ids
        ])  # fmt: skip


def settle() -> int:
    """Every event that is written so far can be read."""
    settled_position()
    return settled_position()


def make_stream(*, project: Project, kind: str, target: str, **fields: Any) -> EventStream:
    """A stream over everything that the project ever had; with keys that moto takes."""
    names = {"region", "access_key_id", "secret_access_key", "role_arn", "transform", "on_transform_failure"}
    values = {name: fields.pop(name) for name in list(fields) if name in names}
    if kind in ("KINESIS", "FIREHOSE", "S3") and "role_arn" not in values:
        values = {"access_key_id": "test", "secret_access_key": "test"} | values
    if kind == "S3":
        values = {"region": "ap-northeast-2"} | values
    stream = event_streams.save_stream(
        project=project, actor=project.created_by, values=event_streams.StreamValues(kind=kind, target=target, **values), now=AT
    )
    EventStream.objects.filter(pk=stream.pk).update(**{"position": 0} | fields)
    stream.refresh_from_db()
    return stream
