"""Events out: every destination read back from a local endpoint, at least once, in order, whatever is killed or dead."""

from __future__ import annotations

import base64
import datetime
import gzip
import http.server
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from analytics import tasks
from analytics.carrying import aws, turn
from analytics.carrying.parcel import Line, Parcel, waves, within
from analytics.models import EventKind, EventStream
from analytics.services import event_streams
from analytics.services.erasing import erase_events
from core import calling, secretbox
from core.transitions import TransitionRefused
from projects.models import AuditEntry, Project
from tests.core.test_outbound import said, serving
from tests.factories.analytics import AT, make_stream, settle, write_events
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)
REGION = "ap-northeast-2"
KINESIS = f"arn:aws:kinesis:{REGION}:123456789012:stream/events"
FIREHOSE = f"arn:aws:firehose:{REGION}:123456789012:deliverystream/events"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 11, 24, 2, 0, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += datetime.timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def moto(s3: Any, settings: Any) -> str:
    settings.EVENT_STREAM_ENDPOINT_URL = settings.S3_ENDPOINT_URL
    return str(settings.S3_ENDPOINT_URL)


def service(name: str, endpoint: str) -> Any:
    return boto3.client(name, endpoint_url=endpoint, region_name=REGION)


@pytest.fixture
def project() -> Project:
    return make_project()


def carry(stream: EventStream, clock: Clock, **options: Any) -> int:
    return turn.carry(stream_id=stream.pk, clock=clock, **options)


def people(project: Project, count: int) -> list[int]:
    return [make_endpoint(project=project).pk for _ in range(count)]


def names(project: Project, ids: list[int]) -> list[str]:
    from endpoints.models import Endpoint

    known = dict(Endpoint.objects.filter(project=project).values_list("pk", "endpoint_id"))
    return [known[one] for one in ids]


def records_in(bodies: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def clients(records: list[dict[str, Any]]) -> list[str]:
    return [one["client"]["client_id"] for one in records]


def files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.gz"))


def in_folder(path: Path) -> list[dict[str, Any]]:
    return records_in([gzip.decompress(file.read_bytes()) for file in files(path)])


def in_bucket(s3: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {one["Key"]: s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Path:
    return tmp_path / "streams" / project.public_id / "out"


# -- destinations ------------------------------------------------------------------------------------------------------


def test_a_kinesis_stream_holds_every_record_and_each_endpoints_in_its_order(moto: str, project: Project, clock: Clock) -> None:
    kinesis = service("kinesis", moto)
    kinesis.create_stream(StreamName="events", ShardCount=3)
    ids = people(project, 7)
    for kind in (EventKind.EMAIL_SEND, EventKind.EMAIL_DELIVERED, EventKind.EMAIL_OPEN):
        write_events(project=project, endpoint_ids=ids, kind=kind)
    stream = make_stream(project=project, kind="KINESIS", target=KINESIS)

    assert carry(stream, clock) == 21

    found: dict[str, list[str]] = {}
    for shard in kinesis.list_shards(StreamName="events")["Shards"]:
        at = kinesis.get_shard_iterator(StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        for one in kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]:
            record = json.loads(one["Data"])
            assert one["PartitionKey"] == record["client"]["client_id"]
            found.setdefault(one["PartitionKey"], []).append(record["event_type"])
    assert found == {name: ["_email.send", "_email.delivered", "_email.open"] for name in names(project, ids)}
    stream.refresh_from_db()
    assert (stream.delivered, stream.delivered_at, stream.lease_until, stream.until) == (21, clock.now, None, 0)


def test_a_firehose_stream_holds_every_record(moto: str, s3: Any, project: Project, clock: Clock) -> None:
    s3.create_bucket(Bucket="out", CreateBucketConfiguration={"LocationConstraint": REGION})
    destination = {"RoleARN": "arn:aws:iam::123456789012:role/x", "BucketARN": "arn:aws:s3:::out"}
    service("firehose", moto).create_delivery_stream(DeliveryStreamName="events", ExtendedS3DestinationConfiguration=destination)
    ids = people(project, 5)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FIREHOSE", target=FIREHOSE)

    assert carry(stream, clock) == 5

    assert sorted(clients(records_in(list(in_bucket(s3, "out").values())))) == sorted(names(project, ids))


def test_a_bucket_holds_a_file_for_each_hour(moto: str, s3: Any, project: Project, clock: Clock) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids)
    write_events(project=project, endpoint_ids=ids[:1], at=AT + datetime.timedelta(hours=1))
    stream = make_stream(project=project, kind="S3", target="s3://sample-audience/events")

    carry(stream, clock)

    found = in_bucket(s3, "sample-audience", "events/")
    name = f"{project.public_id}-{1:016d}-{EventStream.objects.get().position:016d}.jsonl.gz"
    assert list(found) == [f"events/2026/11/24/01/{name}", f"events/2026/11/24/02/{name}"]
    first, second = (records_in([gzip.decompress(body)]) for body in found.values())
    assert clients(first) == names(project, ids)
    assert clients(second) == names(project, ids[:1])


def test_a_role_is_assumed_with_the_projects_id(moto: str, s3: Any, project: Project, clock: Clock) -> None:
    write_events(project=project, endpoint_ids=people(project, 1))
    stream = make_stream(
        project=project, kind="S3", target="s3://sample-audience/events", role_arn="arn:aws:iam::123456789012:role/out"
    )

    assert carry(stream, clock) == 1
    assert len(in_bucket(s3, "sample-audience", "events/")) == 1


def test_the_servers_own_keys_are_never_used_alone(moto: str, project: Project, clock: Clock) -> None:
    with pytest.raises(event_streams.StreamRefused):
        make_stream(project=project, kind="S3", target="s3://sample-audience/events", access_key_id="")
    write_events(project=project, endpoint_ids=people(project, 1))
    stream = make_stream(
        project=project,
        kind="S3",
        target="s3://sample-audience/events",
    )
    EventStream.objects.update(access_key_id="")

    assert carry(stream, clock) == 0
    assert EventStream.objects.get().last_error == "there are neither keys nor a role"


def test_a_folder_holds_whole_files_only(project: Project, clock: Clock, folder: Path) -> None:
    ids = people(project, 3)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out")

    carry(stream, clock)

    assert clients(in_folder(folder)) == names(project, ids)
    assert [file.suffix for file in folder.rglob("*") if file.is_file()] == [".gz"]


def test_https_gets_signed_calls(project: Project, clock: Clock, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = True
    calls: list[tuple[dict[str, str], bytes]] = []

    def take(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        calls.append((dict(handler.headers), body))
        said(handler, b"")

    ids = people(project, 3)
    write_events(project=project, endpoint_ids=ids)
    with serving(take) as url:
        stream = make_stream(project=project, kind="HTTPS", target=url)
        assert carry(stream, clock) == 3

    ((headers, body),) = calls
    assert clients(records_in([body])) == names(project, ids)
    _check_signature(stream, headers, body, clock)
    assert headers["Content-Type"] == "application/x-ndjson"


def _check_signature(stream: EventStream, headers: dict[str, str], body: bytes, clock: Clock) -> None:
    from messaging.outcomes import signed

    secret = secretbox.unseal(stream.sealed_signing_secret)
    signed.check(
        body=body, key=base64.b64decode(secret.removeprefix("whsec_")), notice_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"], signature=headers["webhook-signature"], now=clock.now,
    )  # fmt: skip


def test_a_private_address_is_refused_unless_the_operator_allows_it(project: Project, clock: Clock, settings: Any) -> None:
    with pytest.raises(event_streams.StreamRefused):
        make_stream(project=project, kind="HTTPS", target="https://127.0.0.1/")
    settings.WEBHOOK_PRIVATE_HOSTS = True
    stream = make_stream(project=project, kind="HTTPS", target="https://127.0.0.1/")
    settings.WEBHOOK_PRIVATE_HOSTS = False
    write_events(project=project, endpoint_ids=people(project, 1))

    assert carry(stream, clock) == 0
    assert "private network" in EventStream.objects.get().last_error


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("KINESIS", FIREHOSE), ("FIREHOSE", KINESIS), ("KINESIS", "events"), ("S3", "https://bucket/x"), ("S3", "s3://B/x"),
        ("FOLDER", "../x"), ("FOLDER", ".x"), ("FOLDER", "a/b"), ("FOLDER", ""), ("HTTPS", "http://example.com/"),
        ("KINESIS", "arn:aws:kinesis:evil.example:123456789012:stream/x"), ("KINESIS", KINESIS.replace("stream/", "deliverystream/")),
    ],
)  # fmt: skip
def test_what_is_no_destination_is_not_saved(project: Project, kind: str, target: str) -> None:
    with pytest.raises(event_streams.StreamRefused):
        make_stream(project=project, kind=kind, target=target)
    assert not EventStream.objects.exists()


# -- at least once, in order -------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


class Dying:
    """A destination that takes a parcel, and the worker is gone before that is written down."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.line_bytes = inner.line_bytes

    def put(self, parcel: Parcel) -> None:
        self._inner.put(parcel)
        raise Killed

    def close(self) -> None:
        self._inner.close()


def test_killed_between_put_and_checkpoint_a_file_is_written_again_and_none_is_missing(
    project: Project, clock: Clock, folder: Path
) -> None:
    ids = people(project, 4)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out")

    with pytest.raises(Killed):
        carry(stream, clock, open_destination=lambda *a, **o: Dying(turn.destination(*a, **o)))
    stream.refresh_from_db()
    assert (stream.position, stream.delivered) == (0, 0)
    more = people(project, 2)
    write_events(project=project, endpoint_ids=more)  # the next parcel would be another one
    assert carry(stream, clock) == 0  # the lease is the dead one's
    clock.pass_(seconds=61)

    assert carry(stream, clock) == 6
    assert clients(in_folder(folder)) == names(project, ids + more)
    assert len(files(folder)) == 2


def test_killed_in_the_same_place_a_call_has_the_same_id(project: Project, clock: Clock, settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = True
    told: list[tuple[str, bytes]] = []

    def take(handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        told.append((handler.headers["webhook-id"], body))
        said(handler, b"")

    write_events(project=project, endpoint_ids=people(project, 2))
    with serving(take) as url:
        stream = make_stream(project=project, kind="HTTPS", target=url)
        with pytest.raises(Killed):
            carry(stream, clock, open_destination=lambda *a, **o: Dying(turn.destination(*a, **o)))
        clock.pass_(seconds=61)
        carry(stream, clock)

    assert len(told) == 2
    assert told[0] == told[1]


def test_a_worker_whose_lease_was_taken_moves_nothing(project: Project, clock: Clock, folder: Path) -> None:
    write_events(project=project, endpoint_ids=people(project, 2))
    stream = make_stream(project=project, kind="FOLDER", target="out")

    class Paused:
        line_bytes = 0

        def put(self, parcel: Parcel) -> None:
            EventStream.objects.filter(pk=stream.pk).update(epoch=99, lease_until=None)
            from django.db import connection

            connection.close()

        def close(self) -> None:
            pass

    assert carry(stream, clock, open_destination=lambda *a, **o: Paused()) == 0
    stream.refresh_from_db()
    assert (stream.position, stream.epoch, stream.delivered) == (0, 99, 0)


def test_a_dead_destination_loses_nothing_and_others_go_on(project: Project, clock: Clock, tmp_path: Path) -> None:
    ids = people(project, 3)
    write_events(project=project, endpoint_ids=ids)
    dead = make_stream(project=project, kind="FOLDER", target="out")
    (tmp_path / "streams").mkdir()
    blocker = tmp_path / "streams" / project.public_id
    blocker.write_text("a file where a folder should be")
    other = make_project()
    write_events(project=other, endpoint_ids=people(other, 2))
    alive = make_stream(project=other, kind="FOLDER", target="out")

    pauses = []
    for _ in range(12):
        due = turn.due(now=clock.now, settled=settle())
        assert dead.pk in due
        assert carry(dead, clock) == 0
        dead.refresh_from_db()
        assert dead.not_before is not None
        pauses.append((dead.not_before - clock.now).total_seconds())
        assert dead.pk not in turn.due(now=clock.now, settled=settle())
        clock.now = dead.not_before
    assert carry(alive, clock) == 2
    assert pauses[:4] == [2, 4, 8, 16]
    assert pauses[-1] == 300
    assert (dead.failures, dead.position) == (12, 0)
    assert "Not a directory" in dead.last_error

    blocker.unlink()
    assert carry(dead, clock) == 3
    assert clients(in_folder(blocker / "out")) == names(project, ids)
    dead.refresh_from_db()
    assert (dead.failures, dead.last_error) == (0, "")


def test_only_refused_records_are_put_again_and_nothing_overtakes_them() -> None:
    lines = [Line(key=f"e{number % 30}", at=AT, data=b"%d\n" % number) for number in range(90)]
    taken: list[int] = []
    calls: list[int] = []

    def call(some: Any) -> list[str]:
        calls.append(len(some))
        refusals = ["Throughput: slow down" if len(calls) < 3 and int(line.data) % 7 == 0 else "" for line in some]
        taken.extend(int(line.data) for line, refusal in zip(some, refusals, strict=True) if not refusal)
        return refusals

    parcel = Parcel(project="p", name="n", lines=lines)
    aws._put_in_waves(parcel, call, size=1 << 20)

    assert sorted(taken) == list(range(90))
    of_each = [[one for one in taken if one % 30 == key] for key in range(30)]
    assert of_each == [sorted(some) for some in of_each]
    assert calls == [30, 5, 5, 30, 30]


def test_waves_hold_an_endpoint_once_and_a_parcel_has_not_too_many() -> None:
    lines = [Line(key=key, at=AT, data=b"") for key in ("a", "b", "", "a", "", "a")]

    assert [[line.key for line in wave] for wave in waves(lines)] == [["a", "b", "", ""], ["a"], ["a"]]
    assert within(lines, most_of_a_key=2) == 5
    assert within(lines, most_of_a_key=3) == 6


def test_an_endpoint_with_very_many_events_comes_in_several_parcels(
    project: Project, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "_WAVES", 3)
    (one,) = people(project, 1)
    for _ in range(8):
        write_events(project=project, endpoint_ids=[one])

    assert carry(make_stream(project=project, kind="FOLDER", target="out"), clock) == 8
    assert [len(records_in([gzip.decompress(file.read_bytes())])) for file in files(folder)] == [3, 3, 2]


def test_many_parcels_hold_everything_once(project: Project, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PARCEL", 10)
    ids = people(project, 5)
    other = make_project()
    for _ in range(7):
        write_events(project=project, endpoint_ids=ids)
        write_events(project=other, endpoint_ids=[1, 2])

    assert carry(make_stream(project=project, kind="FOLDER", target="out"), clock) == 35
    assert clients(in_folder(folder)) == names(project, ids) * 7


def test_a_file_that_is_not_full_waits_for_the_next_one(project: Project, clock: Clock) -> None:
    ids = people(project, 1)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out")
    carry(stream, clock)
    write_events(project=project, endpoint_ids=ids)

    assert turn.due(now=clock.now, settled=settle()) == []
    clock.pass_(seconds=60)
    assert turn.due(now=clock.now, settled=settle()) == [stream.pk]


def test_what_is_too_large_for_the_destination_is_counted(project: Project, clock: Clock) -> None:
    write_events(project=project, endpoint_ids=people(project, 2))
    stream = make_stream(project=project, kind="FOLDER", target="out")

    class Small:
        line_bytes = 10

        def put(self, parcel: Parcel) -> None:
            raise AssertionError("nothing is left to put")

        def close(self) -> None:
            pass

    carry(stream, clock, open_destination=lambda *a, **o: Small())

    stream.refresh_from_db()
    assert (stream.oversized, stream.delivered) == (2, 0)
    assert stream.position > 0


# -- pause, resume, replay ---------------------------------------------------------------------------------------------


def test_a_new_stream_begins_now(project: Project, clock: Clock, folder: Path) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids[:1])
    stream = make_stream(project=project, kind="FOLDER", target="out", position=settle())
    write_events(project=project, endpoint_ids=ids[1:])

    carry(stream, clock)
    assert clients(in_folder(folder)) == names(project, ids[1:])


def test_a_paused_stream_carries_nothing_and_goes_on_where_it_was(project: Project, clock: Clock, folder: Path) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids[:1])
    stream = make_stream(project=project, kind="FOLDER", target="out")
    carry(stream, clock)
    event_streams.pause_stream(stream=stream, actor=project.created_by, now=clock.now)
    write_events(project=project, endpoint_ids=ids[1:])

    assert turn.due(now=clock.now, settled=settle()) == []
    assert carry(stream, clock) == 0
    with pytest.raises(TransitionRefused):
        event_streams.pause_stream(stream=stream, actor=project.created_by, now=clock.now)
    event_streams.resume_stream(stream=stream, actor=project.created_by, now=clock.now)
    assert carry(stream, clock) == 1
    assert clients(in_folder(folder)) == names(project, ids)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "event_stream.added", "event_stream.paused", "event_stream.resumed",
    ]  # fmt: skip


def test_a_replay_carries_everything_since_an_instant_again(project: Project, clock: Clock, folder: Path) -> None:
    ids = people(project, 3)
    for number, one in enumerate(ids):
        write_events(project=project, endpoint_ids=[one], at=AT + datetime.timedelta(minutes=number))
    stream = make_stream(project=project, kind="FOLDER", target="out")
    carry(stream, clock)
    for file in files(folder):
        file.unlink()

    event_streams.replay_stream(stream=stream, actor=project.created_by, since=AT + datetime.timedelta(minutes=1), now=clock.now)
    assert carry(stream, clock) == 2
    assert clients(in_folder(folder)) == names(project, ids[1:])
    with pytest.raises(event_streams.StreamRefused):
        event_streams.replay_stream(
            stream=stream, actor=project.created_by, since=clock.now + datetime.timedelta(days=1), now=clock.now
        )


def test_a_person_who_was_erased_is_not_carried_any_more(project: Project, clock: Clock, folder: Path) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out")
    erase_events(project_id=project.pk, endpoint_ids=ids[:1])

    carry(stream, clock)
    assert clients(in_folder(folder)) == names(project, ids[1:])


def test_a_deleted_projects_stream_rests(project: Project, clock: Clock) -> None:
    write_events(project=project, endpoint_ids=people(project, 1))
    stream = make_stream(project=project, kind="FOLDER", target="out")
    Project.objects.update(deleted_at=clock.now)

    assert turn.due(now=clock.now, settled=settle()) == []
    assert carry(stream, clock) == 0


# -- the transform -----------------------------------------------------------------------------------------------------


class Transform:
    """A transform on a loopback server; ``answer`` makes the records of its answer out of those of a call."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answer: Callable[[list[dict[str, Any]]], Any] = lambda records: records
        self.status = 200

    def __call__(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        call = json.loads(body)
        self.calls.append(call)
        said(handler, json.dumps({"records": self.answer(call["records"])}).encode(), self.status)


@pytest.fixture
def transform() -> Transform:
    return Transform()


@pytest.fixture
def transform_url(transform: Transform, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings.HOOK_PRIVATE_HOSTS = True
    monkeypatch.setattr(calling, "_PAUSES", (0.0, 0.0))
    with serving(transform) as url:
        yield url


def ok(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document = json.loads(base64.b64decode(record["data"])) | changes
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(json.dumps(document).encode()).decode()}


def transformed(project: Project, clock: Clock, url: str, count: int = 3, **fields: Any) -> tuple[EventStream, list[str]]:
    ids = people(project, count)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out", transform=url, **fields)
    carry(stream, clock)
    stream.refresh_from_db()
    return stream, names(project, ids)


def test_a_transform_changes_and_drops_records(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str
) -> None:
    def answer(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [ok(records[0], mark=1), {"recordId": records[1]["recordId"], "result": "Dropped"}, ok(records[2], mark=3)]

    transform.answer = answer
    stream, known = transformed(project, clock, transform_url)

    found = in_folder(folder)
    assert [(one["client"]["client_id"], one["mark"]) for one in found] == [(known[0], 1), (known[2], 3)]
    assert (stream.delivered, stream.dropped, stream.unchanged, stream.transform_error) == (2, 1, 0, "")


def test_a_transform_is_asked_in_batches_side_by_side_and_the_order_stays(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.carrying.transform.BATCH", 2)
    transform.answer = lambda records: [ok(one) for one in records]
    _stream, known = transformed(project, clock, transform_url, 7)

    assert sorted(len(call["records"]) for call in transform.calls) == [1, 2, 2, 2]
    assert clients(in_folder(folder)) == known


def test_a_transform_that_fails_delivers_unchanged(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str
) -> None:
    transform.status = 500
    stream, known = transformed(project, clock, transform_url)

    assert clients(in_folder(folder)) == known
    assert (stream.delivered, stream.unchanged, stream.transform_error) == (3, 3, "the answer was 500")
    assert len(transform.calls) == 3


@pytest.mark.parametrize(
    "answer",
    [lambda records: [], lambda records: records, lambda records: 7, lambda records: [{"recordId": "0", "result": "Ok"}],
     lambda records: [{"recordId": one["recordId"], "result": "Ok", "data": "§"} for one in records]],
)  # fmt: skip
def test_an_answer_that_is_none_is_a_failure(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str, answer: Any
) -> None:
    transform.answer = answer
    stream, known = transformed(project, clock, transform_url)

    assert clients(in_folder(folder)) == known
    assert stream.unchanged == 3


def test_a_record_that_the_transform_could_not_process_is_delivered_as_it_was(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str
) -> None:
    transform.answer = lambda records: [
        {"recordId": one["recordId"], "result": "ProcessingFailed"} if place else ok(one) for place, one in enumerate(records)
    ]
    stream, known = transformed(project, clock, transform_url)

    assert clients(in_folder(folder)) == known
    assert (stream.unchanged, stream.transform_error) == (2, "it could not process 2 of 3 records")


def test_a_transform_that_fails_holds_the_stream_where_that_is_wanted(
    project: Project, clock: Clock, folder: Path, transform: Transform, transform_url: str
) -> None:
    transform.status = 500
    stream, known = transformed(project, clock, transform_url, on_transform_failure="HOLD")
    assert in_folder(folder) == []
    assert (stream.position, stream.last_error) == (0, "the transform failed: the answer was 500")

    transform.status, transform.answer = 200, lambda records: [ok(one) for one in records]
    clock.now = stream.not_before or clock.now
    assert carry(stream, clock) == 3
    assert clients(in_folder(folder)) == known


def test_a_function_that_the_operator_does_not_list_is_no_transform(project: Project, settings: Any) -> None:
    settings.HOOK_FUNCTIONS = ["mine"]
    with pytest.raises(calling.TargetRefused):
        make_stream(project=project, kind="FOLDER", target="out", transform="others")
    make_stream(project=project, kind="FOLDER", target="out", transform="mine")


def test_a_tick_puts_out_what_is_due_and_a_worker_carries_it(project: Project, folder: Path, clean_redis: Any) -> None:
    ids = people(project, 2)
    write_events(project=project, endpoint_ids=ids)
    stream = make_stream(project=project, kind="FOLDER", target="out")
    other = make_project()
    paused = make_stream(project=other, kind="FOLDER", target="out")
    event_streams.pause_stream(stream=paused, actor=other.created_by, now=AT)

    tasks.tick_streams()
    assert clean_redis.llen("streams") == 1
    tasks.carry_stream(stream.pk)
    tasks.tick_streams()

    assert clients(in_folder(folder)) == names(project, ids)
    assert clean_redis.llen("streams") == 1
