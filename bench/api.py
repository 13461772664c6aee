"""Pinpoint's API as programs have it: gunicorn as ``make run`` starts it, over HTTP, each call signed beforehand and checked there.

``things/s`` are what was answered as done: endpoints are in their table then, events in the stream, from which the consumer's own
figure tells how fast they reach theirs.
"""

from __future__ import annotations

import datetime
import statistics
import time
from collections.abc import Callable

import orjson

from analytics.hits import drain, queue
from analytics.models import Event
from analytics.services.partitions import ensure_partitions
from api.identity import keys, sigv4
from api.models import Right
from api.services import access_keys
from api.services.access_keys import NewKey
from bench import calls
from bench.report import Figure, Report
from core import clock
from core.redis import client as redis
from endpoints.models import Endpoint, OptOutEntry
from endpoints.services import update
from projects.models import Project
from segments.services import requests

_IN_A_BATCH = 100  # endpoints, and events
_BATCHES = 200
_ENDPOINTS = _IN_A_BATCH * _BATCHES
_EVENT_BATCHES = 400
_OF_ONE = 10  # events of one endpoint in a batch
_READS = 3_000
_SEGMENTS = 500
_LISTS = 200
_AT_ONCE = 8  # connections that write
_READERS = 2  # connections that read: as many as there are processes
_CHECKS = 2_000


def measure(*, report: Report, project: Project) -> None:
    ensure_partitions(now=clock.now())
    redis().delete(queue.STREAM)
    key = access_keys.create_access_key(
        project=project, actor=project.created_by, name="bench", rights=[Right.READ, Right.WRITE], now=clock.now()
    )
    for number in range(_SEGMENTS):
        requests.create_from_request(project=project, actor=project.created_by, request=_segment(number), now=clock.now())
    _signatures(report, project, key)
    with calls.served() as web:
        apps = f"/v1/apps/{project.public_id}"
        _warm(web, key, apps)
        _batches(report, web, key, apps, project)
        _reads(report, web, key, apps)
        _events(report, web, key, apps, project)


def _warm(web: calls.Web, key: NewKey, apps: str) -> None:
    """Each process has read the model, and made its readers and writers."""
    some = [
        calls.prepared(web.url, key, "PUT", f"{apps}/endpoints", _endpoints(0, 0)),
        calls.prepared(web.url, key, "POST", f"{apps}/events", _event_batch(0)),
    ]
    calls.send(web, some * 8, connections=_AT_ONCE, status=202)
    calls.send(web, [calls.prepared(web.url, key, "GET", f"{apps}/segments")] * 8, connections=_AT_ONCE, status=200)
    drain.drain_hits()


# -- writing ----------------------------------------------------------------------------------------------------------


def _batches(report: Report, web: calls.Web, key: NewKey, apps: str, project: Project) -> None:
    for turn, name in enumerate(("new", "known, a metric changed"), 1):
        yardstick = _by_service(project, turn)
        sent = [
            calls.prepared(web.url, key, "PUT", f"{apps}/endpoints", _endpoints(number, turn), things=_IN_A_BATCH)
            for number in range(1, _BATCHES + 1)
        ]
        done = calls.send(web, sent, connections=_AT_ONCE, status=202)
        report.add(Figure(
            figure=f"api: UpdateEndpointsBatch of 100, {name}", value=done.rate, unit="endpoints/s", rows=done.things,
            yardstick=yardstick, yardstick_name="the service alone, one process", goal=3_000, floor=1_500,
        ))  # fmt: skip
        _tell(done)
    held = Endpoint.objects.filter(project=project, metrics__visits=2).count()
    assert held >= _ENDPOINTS, f"{held} of {_ENDPOINTS} endpoints have what was answered"


def _by_service(project: Project, turn: int) -> float:
    """Endpoints a second, of some that are the measuring process's own."""
    begun = time.perf_counter()
    batches = range(-20, 0)
    for number in batches:
        items = orjson.loads(_endpoints(number, turn))["Item"]
        update.update_endpoints(project=project, items=items, source=OptOutEntry.Source.API, now=clock.now())
    return len(batches) * _IN_A_BATCH / (time.perf_counter() - begun)


def _endpoints(number: int, visits: int) -> bytes:
    first = number * _IN_A_BATCH
    return orjson.dumps({"Item": [_endpoint(first + place, visits) for place in range(_IN_A_BATCH)]})


def _endpoint(number: int, visits: int) -> dict[str, object]:
    return {
        "Id": f"bench-{number}", "ChannelType": "EMAIL", "Address": f"member{number}@example.com",
        "Attributes": {"plan": [("free", "basic", "pro")[number % 3]], "interests": ["shoes", "가을"], "store": [f"s{number % 50}"]},
        "Metrics": {"visits": visits, "spent": number % 1_000 + 0.5},
        "Demographic": {"Locale": "ko_KR", "Platform": "iOS", "PlatformVersion": "19.1", "AppVersion": f"3.{number % 7}"},
        "Location": {"Country": "KR", "City": "서울"},
        "User": {"UserId": f"user-{number}", "UserAttributes": {"grade": [("A", "B", "C")[number % 3]]}},
    }  # fmt: skip


def _events(report: Report, web: calls.Web, key: NewKey, apps: str, project: Project) -> None:
    before = Event.objects.filter(project_id=project.pk).count()
    sent = [
        calls.prepared(web.url, key, "POST", f"{apps}/events", _event_batch(number), things=_IN_A_BATCH)
        for number in range(1, _EVENT_BATCHES + 1)
    ]
    done = calls.send(web, sent, connections=_AT_ONCE, status=202)
    report.add(Figure(
        figure="api: PutEvents of 100, of ten endpoints", value=done.rate, unit="events/s", rows=done.things, goal=10_000, floor=3_000,
    ))  # fmt: skip
    _tell(done)
    begun = time.perf_counter()
    while drain.drain_hits():
        pass
    seconds = time.perf_counter() - begun
    written = Event.objects.filter(project_id=project.pk).count() - before
    assert written == done.things, f"{done.things} events were answered and {written} written"
    report.add(Figure(figure="api: those events written by the consumer", value=written / seconds, unit="events/s", rows=written))


def _event_batch(number: int) -> bytes:
    """As an app's SDK sends it: with each endpoint what the device is, which changes nothing."""
    at = clock.now().isoformat()
    people = [1 + (number * _OF_ONE + place) % _ENDPOINTS for place in range(_IN_A_BATCH // _OF_ONE)]
    return orjson.dumps({
        "BatchItem": {
            f"bench-{person}": {
                "Endpoint": {"Demographic": {"Locale": "ko_KR", "Platform": "iOS"}, "User": {"UserId": f"user-{person}"}},
                "Events": {f"e{number}-{place}": _event(at, person) for place in range(_OF_ONE)},
            }
            for person in people
        }
    })  # fmt: skip


def _event(at: str, person: int) -> dict[str, object]:
    return {
        "EventType": "cart.viewed", "Timestamp": at, "AppVersionCode": "3", "ClientSdkVersion": "2.0.1",
        "Session": {"Id": f"s-{person}", "StartTimestamp": at},
        "Attributes": {"category": "shoes", "title": "가을 세일"}, "Metrics": {"price": 12_900, "items": 2},
    }  # fmt: skip


# -- reading ----------------------------------------------------------------------------------------------------------


def _reads(report: Report, web: calls.Web, key: NewKey, apps: str) -> None:
    nothing = calls.send(
        web, [calls.Prepared(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")] * _LISTS, connections=_READERS, status=200
    )
    one_each = [
        calls.prepared(web.url, key, "GET", f"{apps}/endpoints/bench-{1 + 7 * number % _ENDPOINTS}") for number in range(_READS)
    ]
    done = calls.send(web, one_each, connections=_READERS, status=200)
    _add_p95(report, "GetEndpoint", done, nothing, goal=8, floor=16)
    report.add(Figure(figure="api: GetEndpoint, two at once", value=done.rate, unit="calls/s", rows=_READS))
    for name, query, floor in (("a page of 100", "", 40.0), ("all on one page", f"?page-size={_SEGMENTS}", None)):
        lists = [calls.prepared(web.url, key, "GET", f"{apps}/segments{query}")] * _LISTS
        done = calls.send(web, lists, connections=_READERS, status=200)
        _add_p95(report, f"GetSegments of {_SEGMENTS}, {name}", done, nothing, goal=20, floor=floor)


def _add_p95(report: Report, name: str, done: calls.Done, nothing: calls.Done, *, goal: float, floor: float | None) -> None:
    report.add(Figure(
        figure=f"api: {name}, p95", value=done.percentile(95), unit="ms", rows=len(done.milliseconds), goal=goal, floor=floor,
        yardstick=nothing.percentile(95), yardstick_name="/healthz",
    ))  # fmt: skip
    _tell(done)


def _segment(number: int) -> dict[str, object]:
    return {
        "Name": f"bench {number}", "tags": {"team": "growth"},
        "SegmentGroups": {"Include": "ALL", "Groups": [{
            "Type": "ALL", "SourceType": "ANY", "Dimensions": [{
                "Attributes": {"plan": {"AttributeType": "INCLUSIVE", "Values": ["pro", "basic"]},
                               "store": {"AttributeType": "INCLUSIVE", "Values": [f"s{number % 50}"]}},
                "Metrics": {"visits": {"ComparisonOperator": "GREATER_THAN", "Value": number}},
                "Demographic": {"Channel": {"DimensionType": "INCLUSIVE", "Values": ["EMAIL"]}},
            }],
        }]},
    }  # fmt: skip


# -- signatures -------------------------------------------------------------------------------------------------------


def _signatures(report: Report, project: Project, key: NewKey) -> None:
    """In this process: what checking a call's signature takes, and finding its key, beside what botocore takes to sign it."""
    small = ("GET", f"/v1/apps/{project.public_id}/endpoints/bench-1", b"")
    large = ("PUT", f"/v1/apps/{project.public_id}/endpoints", _endpoints(0, 0))
    for name, (method, path, body) in (("GetEndpoint", small), ("UpdateEndpointsBatch of 100", large)):
        signing = _typical(lambda: calls.prepared("http://127.0.0.1:8000", key, method, path, body))  # noqa: B023
        request, now = _as_received(calls.prepared("http://127.0.0.1:8000", key, method, path, body)), clock.now()

        def check(request: sigv4.SignedRequest = request, now: datetime.datetime = now) -> None:
            sigv4.verify(request, sigv4.read_claim(request), secret=key.secret, now=now)

        report.add(Figure(
            figure=f"api: SigV4 check of {name}", value=_typical(check), unit="µs", rows=_CHECKS, goal=150, floor=300,
            yardstick=signing, yardstick_name="botocore signs it",
        ))  # fmt: skip
        if not body:
            found = _typical(lambda: keys.authenticate(request, now=now))  # noqa: B023
            report.add(Figure(figure="api: its key found, and the check", value=found, unit="µs", rows=_CHECKS))


def _as_received(call: calls.Prepared) -> sigv4.SignedRequest:
    head, _blank, body = call.wire.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _protocol = first.split(" ")
    headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in lines)}
    path, _mark, query = target.partition("?")
    return sigv4.SignedRequest(method=method, path=path, query=query, headers=headers, body=body)


def _typical(what: Callable[[], object]) -> float:
    """Microseconds, the median."""
    times = []
    for _turn in range(_CHECKS):
        begun = time.perf_counter()
        what()
        times.append(1_000_000 * (time.perf_counter() - begun))
    return statistics.median(times)


def _tell(done: calls.Done) -> None:
    print(
        f"    p50 {done.percentile(50):.1f} ms, p99 {done.percentile(99):.1f} ms; "
        f"processor time for a call: the web's {done.web_ms:.1f} ms, the client's {done.client_ms:.2f} ms"
    )
