"""Events out to a Firehose endpoint on this machine (moto's server), beside the endpoint's own rate of taking the same records."""

from __future__ import annotations

import concurrent.futures
import datetime
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from django.conf import settings
from django.db import transaction

from analytics.carrying import aws, turn
from analytics.carrying.parcel import Line, Parcel
from analytics.events import EventRow
from analytics.models import EventKind, EventStream, HitClass, SourceKind
from analytics.services import event_streams
from analytics.services.partitions import ensure_partitions
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position
from bench.report import Figure, Report
from campaigns.models import Campaign, Run
from console.embedded import servers
from console.embedded.children import Child
from console.embedded.ports import any_port
from core import clock
from endpoints.models import Endpoint, EndpointUser
from projects.models import Project, User
from projects.services.projects import create_project

PEOPLE = 20_000
KINDS = (EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN)
TURNS = 3  # the best counts: the others shared their core
_KEYS: dict[str, Any] = {"region_name": "us-east-1", "aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
_ARN = "arn:aws:firehose:us-east-1:123456789012:deliverystream/bench"


def measure(*, report: Report) -> None:
    """Two events about a mail and its opening, of each of 20,000 people: out, by the way that all streams take."""
    port = any_port()
    folder = settings.VAR_DIR / "bench-stream"
    folder.mkdir(parents=True, exist_ok=True)
    server = Child("moto", servers.moto(port), environment={}, log_folder=folder)
    kept = settings.EVENT_STREAM_ENDPOINT_URL
    settings.EVENT_STREAM_ENDPOINT_URL = f"http://127.0.0.1:{port}"
    try:
        server.start()
        _make_ready(settings.EVENT_STREAM_ENDPOINT_URL)
        stream = _stream(_project())
        rates = [(_own_rate(stream), _out_rate(stream)) for _turn in range(TURNS)]
    finally:
        settings.EVENT_STREAM_ENDPOINT_URL = kept
        server.terminate()
        server.wait()
    report.add(Figure(
        figure="events out to Firehose", value=max(out for _own, out in rates), unit="records/s", rows=PEOPLE * len(KINDS),
        yardstick=max(own for own, _out in rates), yardstick_name="the endpoint's own put rate", ratio_floor=0.5,
    ))  # fmt: skip


def _make_ready(url: str) -> None:
    """A delivery stream, on a server that has come up."""
    for _attempt in range(300):
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    _client("s3").create_bucket(Bucket="bench")
    _client("firehose").create_delivery_stream(
        DeliveryStreamName="bench",
        ExtendedS3DestinationConfiguration={"RoleARN": "arn:aws:iam::123456789012:role/bench", "BucketARN": "arn:aws:s3:::bench"},
    )


def _client(service: str) -> Any:
    session: Any = boto3.session.Session(**_KEYS)
    return session.client(service, endpoint_url=settings.EVENT_STREAM_ENDPOINT_URL)


def _project() -> Project:
    owner = User.objects.create_user("stream@example.com", None)
    project = create_project(actor=owner, name="stream", description="", time_zone="Asia/Seoul", now=clock.now())
    ids = _endpoints(project)
    message = {
        "FromAddress": "상점 <shop@example.com>",
        "Title": "(광고) {{User.UserAttributes.MBR_FULLNM}}님, 소식",
        "HtmlBody": "<p></p>",
    }
    campaign = Campaign.objects.create(project=project, name="bench", document={})
    now = clock.now()
    run = Run.objects.create(
        project=project, campaign=campaign, campaign_version=1, occurrence_at=now, due_at=now, state="COMPLETED", completed_at=now,
        content={"Message": message},
    )  # fmt: skip
    ensure_partitions(now=now)
    for some in _batched(ids, 200):  # as the workers of a run write them
        _write(run, some, KINDS[:2], now)
    for some in _batched(ids, 2_000):
        _write(run, some, KINDS[2:], now)
    settled_position()
    settled_position()
    return project


def _endpoints(project: Project) -> list[int]:
    users = EndpointUser.objects.bulk_create(
        EndpointUser(project=project, user_id=f"u{number}", attributes={"MBR_FULLNM": ["김민준"], "grade": ["골드"]})
        for number in range(PEOPLE)
    )
    made = Endpoint.objects.bulk_create(
        Endpoint(
            project=project, user=user, endpoint_id=f"member-{number}", endpoint_key=f"member-{number}", channel_type="EMAIL",
            address=f"member{number}@example.com", address_key=f"member{number}@example.com", cohort_id=number % 100,
            effective_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), attributes={"coupon": [f"C{number}"]},
        )
        for number, user in enumerate(users)
    )  # fmt: skip
    return [one.pk for one in made]


def _write(run: Run, ids: Sequence[int], kinds: Sequence[EventKind], now: datetime.datetime) -> None:
    """The kinds of each person one after the other."""
    hit = {"ip": "72.21.198.67", "ua": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)"}
    rows = [
        EventRow(
            id=uuid.uuid4(), occurred_at=now, project_id=run.project_id, endpoint_id=one, kind=kind, source_kind=SourceKind.CAMPAIGN,
            source_id=run.campaign_id, run_id=run.pk, data=hit if kind == EventKind.EMAIL_OPEN else None,
            hit_class=HitClass.PERSON if kind == EventKind.EMAIL_OPEN else HitClass.NONE,
        )
        for one in ids
        for kind in kinds
    ]  # fmt: skip
    with transaction.atomic():
        record_events(events=rows)


def _batched(ids: list[int], count: int) -> Iterator[list[int]]:
    return (ids[at : at + count] for at in range(0, len(ids), count))


def _stream(project: Project) -> EventStream:
    values = event_streams.StreamValues(kind="FIREHOSE", target=_ARN, access_key_id="bench", secret_access_key="bench")
    return event_streams.save_stream(project=project, actor=None, values=values, now=clock.now())


class _Keeps:
    """Notes what a stream would put, and takes it."""

    line_bytes = 0

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def put(self, parcel: Parcel) -> None:
        self.lines += parcel.lines

    def close(self) -> None: ...


def _own_rate(stream: EventStream) -> float:
    """The same records, made before, 500 a call, as many calls side by side."""
    kept = _Keeps()
    _carry(stream, open_destination=lambda *_stream, **_clock: kept)
    client = _client("firehose")
    calls = [[{"Data": line.data} for line in kept.lines[at : at + 500]] for at in range(0, len(kept.lines), 500)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(aws.IN_FLIGHT) as pool:
        list(pool.map(lambda records: client.put_record_batch(DeliveryStreamName="bench", Records=records), calls))
    return len(kept.lines) / (time.monotonic() - began)


def _out_rate(stream: EventStream) -> float:
    began = time.monotonic()
    delivered = _carry(stream)
    return delivered / (time.monotonic() - began)


def _carry(stream: EventStream, **options: Any) -> int:
    """All of it, from the first event on."""
    EventStream.objects.filter(pk=stream.pk).update(position=0, until=0, not_before=None)
    delivered = 0
    while EventStream.objects.get(pk=stream.pk).position < settled_position():
        delivered += turn.carry(stream_id=stream.pk, clock=clock.now, **options)
    return delivered
