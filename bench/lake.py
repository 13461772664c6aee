"""The lake: how fast events are carried into it, how many bytes one takes, how long SQL over many of them takes."""

from __future__ import annotations

import datetime
import shutil
import time
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.db import transaction

from analytics.events import EventBlock
from analytics.lake import sql, upkeep, writing
from analytics.lake.schema import SCHEMA
from analytics.lake.store import new_path, store
from analytics.models import EventKind, HitClass, LakeFile, SourceKind
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position
from bench.report import Figure, Report
from core import clock
from projects.models import Project, User
from projects.services.projects import create_project

_CARRIED = 400_000  # events that go the whole way from the table
_OF_FILE = 5_000_000
_ENDPOINTS = 1_000_000
_CAMPAIGNS = 20
_GROUP_BY = "SELECT campaign_id, count(*) FROM all_events GROUP BY 1"


def measure(*, report: Report, events: int = 50_000_000) -> None:
    """``events``: of the project that is asked by SQL; their files are made as they would be after compaction."""
    folder = Path(settings.VAR_DIR) / "lake-bench"
    settings.LAKE_URL = str(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        owner, _made = User.objects.get_or_create(email="lake-bench@example.com")
        carried = create_project(actor=owner, name="lake", description="", time_zone="Asia/Seoul", now=clock.now())
        _carry(report, carried)
        asked = create_project(actor=owner, name="lake of many", description="", time_zone="Asia/Seoul", now=clock.now())
        _ask(report, asked, events)
    finally:
        LakeFile.objects.all().delete()
        shutil.rmtree(folder, ignore_errors=True)


def _carry(report: Report, project: Project) -> None:
    """Sends and opens of a run, from the event table into files, and these into one of each type and day."""
    now = clock.now()
    ensure_partitions(now=now)
    chance = np.random.default_rng(7)
    for turn in range(_CARRIED // 20_000):
        block = EventBlock(
            occurred_at=now - datetime.timedelta(minutes=turn), project_id=project.pk,
            endpoint_ids=chance.choice(_ENDPOINTS, 20_000, replace=False).tolist(),
            kind=EventKind.EMAIL_OPEN if turn % 2 else EventKind.EMAIL_DELIVERED, source_kind=SourceKind.CAMPAIGN, source_id=1,
            run_id=turn, hit_class=HitClass.PERSON if turn % 2 else HitClass.NONE,
            data={"ua": f"Mozilla/5.0 ({turn})"} if turn % 2 else {"smtp_response": "250 2.0.0 OK"},
        )  # fmt: skip
        with transaction.atomic():
            record_events(events=(), blocks=[block])
    settled_position()
    began, count = time.perf_counter(), 0
    while written := writing.write_events(now=now):
        count += written
    rate = count / (time.perf_counter() - began)
    report.add(Figure(figure="lake: events carried into it", value=rate, unit="events/s", rows=count, floor=20_000))
    upkeep.keep_up(now=now, everything=True)


def _ask(report: Report, project: Project, events: int) -> None:
    now, where = clock.now(), store()
    keys = np.random.default_rng(3).integers(0, 256, (_ENDPOINTS, 16), dtype=np.uint8)
    ids = pa.array([str(uuid.UUID(bytes=key.tobytes())) for key in keys])
    size = 0
    for number, first in enumerate(range(0, events, _OF_FILE)):
        rows = min(_OF_FILE, events - first)
        kind = (EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)[number % 4]
        day = now.date() - datetime.timedelta(days=number // 4)
        path = new_path(app_id=project.public_id, type_name=kind.label, day=day)
        made = where.write(path, (_table(kind, day, ids, first + at, min(500_000, rows - at)) for at in range(0, rows, 500_000)))
        LakeFile.objects.create(
            project_id=project.pk, kind=kind, day=day, path=path, rows=rows, bytes=made, first_position=first,
            last_position=first + rows - 1, made_at=now,
        )  # fmt: skip
        size += made
    report.add(Figure(figure="lake: bytes of an event", value=size / events, unit="bytes", rows=events, goal=30, floor=45))
    for name, query in (
        ("group by campaign", _GROUP_BY),
        ("people who opened", "SELECT count(DISTINCT endpoint_id) FROM email_open"),
        ("opens of a day by hour", f"SELECT hour(arrival_timestamp), count(*) FROM email_open WHERE day = '{now:%Y-%m-%d}' GROUP BY 1"),
        ("nothing (a process)", "SELECT 1"),
    ):  # fmt: skip
        took = min(sql.run(project_id=project.pk, sql=query).seconds for _turn in range(3))
        is_goal = query == _GROUP_BY
        report.add(
            Figure(
                figure=f"lake: SQL, {name}", value=took, unit="s", rows=events, goal=1.0 if is_goal else None,
                floor=3.0 if is_goal else None,
            )
        )  # fmt: skip


def _table(kind: EventKind, day: datetime.date, ids: pa.Array, first: int, rows: int) -> pa.Table:
    """Events of a day in the order in which they came, of people at random: client ids as random as UUIDs are."""
    chance = np.random.default_rng(first)
    who = chance.integers(0, _ENDPOINTS, rows)
    midnight = int(datetime.datetime.combine(day, datetime.time(), tzinfo=datetime.UTC).timestamp() * 1000)
    at = midnight + np.sort(chance.integers(0, 24 * 60 * 60 * 1000, rows))
    campaign = (at - midnight) * _CAMPAIGNS // (24 * 60 * 60 * 1000)
    campaigns = pa.array([f"{number:032x}" for number in range(_CAMPAIGNS)])
    is_hit = kind in (EventKind.EMAIL_OPEN, EventKind.EMAIL_CLICK)
    agents = pa.array(
        [f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_{number} like Mac OS X) AppleWebKit/605.1.15" for number in range(300)]
    )
    names = pa.array(["campaign_id", "campaign_activity_id", "treatment_id", "feedback"])
    repeated = np.tile(np.arange(4), rows)
    values = np.empty(4 * rows, dtype=np.int64)
    values[0::4], values[1::4], values[2::4], values[3::4] = campaign, campaign, _CAMPAIGNS, _CAMPAIGNS + 1
    words = pa.concat_arrays([campaigns, pa.array(["0", "opened"])])
    columns = {
        "event_type": pa.repeat(str(kind.label), rows), "event_timestamp": at - chance.integers(0, 600_000, rows), "arrival_timestamp": at,
        "client_id": ids.take(pa.array(who)), "endpoint_id": who + 1_000_000, "position": np.arange(first, first + rows) * 3,
        "app_id": pa.repeat("0" * 32, rows), "campaign_id": campaigns.take(pa.array(campaign)),
        "campaign_activity_id": campaigns.take(pa.array(campaign)), "treatment_id": pa.repeat("0", rows),
        "attributes": pa.MapArray.from_arrays(
            pa.array(np.arange(0, 4 * rows + 1, 4), pa.int32()), names.take(pa.array(repeated)), words.take(pa.array(values))
        ),
    }  # fmt: skip
    if is_hit:
        columns["hit_class"] = pa.array(["person", "proxy"]).take(pa.array(chance.integers(0, 2, rows)))
        columns["user_agent"] = agents.take(pa.array(chance.zipf(1.5, rows) % 300))
        columns["ip_address"] = pa.array([f"203.0.{one >> 8}.{one & 255}" for one in chance.integers(0, 1 << 16, rows)])
    return pa.table(
        {
            field.name: pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(rows, field.type)
            for field in SCHEMA
        },
        schema=SCHEMA,
    )
