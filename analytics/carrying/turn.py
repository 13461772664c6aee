"""One turn of one stream: read, shape, transform, put; the position moves when the destination has acknowledged, never before.

Killed between the two, the same parcel is put again: its end was written down before it was put (``until``), so a file has the same name
and a call the same id. One worker at a time, by a lease with an epoch; while a parcel is being put the next one is made.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import F, Q, QuerySet

from analytics.carrying import transform
from analytics.carrying.destinations import Destination, destination
from analytics.carrying.parcel import DestinationFailed, Line, Parcel, within
from analytics.models import EventStream
from analytics.records.shape import each_record
from analytics.stream.horizon import settled_position
from analytics.stream.reading import events_after
from core.memory import without_collection

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]

PARCEL = 5_000  # events
_WAVES = 50  # of a parcel: calls that must wait for each other
_LEASE = datetime.timedelta(seconds=60)
_RENEWED_SECONDS = 10.0  # while a parcel is being put
_TURN = datetime.timedelta(seconds=40)  # then others may have the worker
_COLLECTED = datetime.timedelta(seconds=60)  # a file that is not full waits for so long for the next one
_FIRST_PAUSE, _LONGEST_PAUSE = datetime.timedelta(seconds=2), datetime.timedelta(minutes=5)
_NEWLINE = orjson.OPT_APPEND_NEWLINE
# Whoever has an answer of the destination waits no longer than this for whoever makes records: 5 ms is usual, and as long as a call.
_SWITCH_SECONDS = 0.0003


class LeaseLost(Exception):
    """Somebody else has the stream, or it was paused, changed or deleted: nothing more is written of it."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """A parcel that is ready: ``until`` is the position that the stream has when it is put."""

    after: int
    until: int
    lines: Sequence[Line]
    is_full: bool


@dataclass(frozen=True, slots=True)
class _Put:
    """What became of a parcel's records."""

    delivered: int = 0
    dropped: int = 0
    unchanged: int = 0
    oversized: int = 0
    transform_error: str = ""


def due(*, now: datetime.datetime, settled: int) -> list[int]:
    """Streams that have something to carry, and may."""
    waiting = Q(position__lt=settled) & (Q(not_before=None) | Q(not_before__lte=now))
    streams = EventStream.objects.filter(_free(now), waiting, state=EventStream.State.RUNNING, project__deleted_at=None)
    return list(streams.order_by(F("not_before").asc(nulls_first=True)).values_list("pk", flat=True))


def _free(now: datetime.datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def carry(
    *,
    stream_id: int,
    clock: Clock,
    should_stop: Callable[[], bool] = lambda: False,
    open_destination: Callable[..., Destination] = destination,
) -> int:
    """Carry what is there, if nobody else is at it; returns how many records were delivered. Never raises for the destination."""
    now = clock()
    rows = EventStream.objects.filter(_free(now), pk=stream_id, state=EventStream.State.RUNNING, project__deleted_at=None)
    if not rows.update(epoch=F("epoch") + 1, lease_until=now + _LEASE):
        return 0
    stream = EventStream.objects.select_related("project").get(pk=stream_id)
    turn = _Turn(stream, clock, should_stop)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        opened = open_destination(stream, clock=clock)
        try:
            turn.run(opened)
        finally:
            opened.close()
    except LeaseLost:
        return turn.delivered
    except DestinationFailed as failed:
        turn.note_failure(str(failed))
        return turn.delivered
    turn.end()
    return turn.delivered


class _Turn:
    def __init__(self, stream: EventStream, clock: Clock, should_stop: Callable[[], bool]) -> None:
        self._stream = stream
        self._clock = clock
        self._should_stop = should_stop
        self._ends_at = clock() + _TURN
        self._settled = 0
        self._is_collecting = False  # what was put last was less than a full file
        self.delivered = 0

    def run(self, opened: Destination) -> None:
        """Raises ``DestinationFailed`` and ``LeaseLost``."""
        position = self._stream.position
        with concurrent.futures.ThreadPoolExecutor(1) as putter:
            filled = self._fill(position, meant=self._stream.until)
            if filled is not None:
                self._write(until=filled.until)
            while filled is not None:
                flying = putter.submit(self._put, opened, filled)
                following = None if self._is_over() else self._fill(filled.until)
                put = self._wait_for(flying)
                self._checkpoint(filled, put, until=following.until if following else 0)
                filled = following

    def _is_over(self) -> bool:
        return self._should_stop() or self._clock() >= self._ends_at

    def _fill(self, after: int, *, meant: int = 0) -> _Filled | None:
        """The next parcel, None when there is nothing. ``meant``: where it was to end when it was put before."""
        if after >= self._settled:
            self._settled = settled_position()
        with without_collection():
            return self._filled(after, meant if meant > after else self._settled)

    def _filled(self, after: int, settled: int) -> _Filled | None:
        span = events_after(project_id=self._stream.project_id, after=after, settled=settled, limit=PARCEL)
        if span.until <= after:
            return None
        records = each_record(project=self._stream.project, events=span.events)
        lines = [
            Line(key=record["client"]["client_id"], at=event.occurred_at, data=orjson.dumps(record, option=_NEWLINE))
            for event, record in zip(span.events, records, strict=True)
        ]
        fit = within(lines, most_of_a_key=_WAVES)
        until = span.until if fit == len(lines) else span.events[fit - 1].position
        return _Filled(after=after, until=until, lines=lines[:fit], is_full=len(lines) >= PARCEL)

    def _put(self, opened: Destination, filled: _Filled) -> _Put:
        """In a thread of its own, which never asks the database."""
        name = f"{filled.after + 1:016d}-{filled.until:016d}"
        lines, put = list(filled.lines), _Put()
        if self._stream.transform and lines:
            changed = transform.apply(transform.target_of(self._stream.transform), lines, invocation=name)
            if changed.failed and self._stream.on_transform_failure == EventStream.OnFailure.HOLD:
                raise DestinationFailed(f"the transform failed: {changed.error}")
            lines = changed.lines
            put = _Put(dropped=changed.dropped, unchanged=changed.failed, transform_error=changed.error)
        fitting = [line for line in lines if not opened.line_bytes or len(line.data) <= opened.line_bytes]
        if fitting:
            opened.put(Parcel(project=self._stream.project.public_id, name=name, lines=fitting))
        return _Put(
            delivered=len(fitting), dropped=put.dropped, unchanged=put.unchanged, oversized=len(lines) - len(fitting),
            transform_error=put.transform_error,
        )  # fmt: skip

    def _wait_for(self, flying: concurrent.futures.Future[_Put]) -> _Put:
        while True:
            try:
                return flying.result(timeout=_RENEWED_SECONDS)
            except concurrent.futures.TimeoutError:
                if flying.done():
                    return flying.result()  # it may itself have raised one
                self._write()

    def _checkpoint(self, filled: _Filled, put: _Put, *, until: int) -> None:
        now = self._clock()
        changes: dict[str, Any] = {
            "position": filled.until,
            "until": until,
            "failures": 0,
            "last_error": "",
            "last_error_at": None,
        }
        if put.delivered:
            changes |= {"delivered": F("delivered") + put.delivered, "delivered_at": now}
            self._is_collecting = self._stream.is_files and not filled.is_full
        for name in ("dropped", "unchanged", "oversized"):
            if getattr(put, name):
                changes[name] = F(name) + getattr(put, name)
        if put.transform_error:
            changes |= {"transform_error": put.transform_error[:500], "transform_error_at": now}
        self._write(**changes)
        self.delivered += put.delivered

    def _write(self, **changes: Any) -> None:
        """Raises ``LeaseLost``."""
        if not self._mine().update(lease_until=self._clock() + _LEASE, **changes):
            raise LeaseLost

    def _mine(self) -> QuerySet[EventStream]:
        return EventStream.objects.filter(pk=self._stream.pk, epoch=self._stream.epoch, lease_until__isnull=False)

    def note_failure(self, said: str) -> None:
        _log.warning("the event stream to %s: %s", self._stream, said)
        now = self._clock()
        failures = EventStream.objects.filter(pk=self._stream.pk).values_list("failures", flat=True).first() or 0
        pause = min(_FIRST_PAUSE * 2 ** min(failures, 10), _LONGEST_PAUSE)
        self._mine().update(
            lease_until=None, not_before=now + pause, failures=F("failures") + 1, last_error=said[:500], last_error_at=now
        )

    def end(self) -> None:
        not_before = self._clock() + _COLLECTED if self._is_collecting else None
        self._mine().update(lease_until=None, not_before=not_before)


def try_out(stream: EventStream, line: Line, *, clock: Clock) -> int:
    """Put one record by the way that all others take; returns 0 when the transform drops it. Raises ``DestinationFailed``."""
    lines = [line]
    if stream.transform:
        changed = transform.apply(transform.target_of(stream.transform), lines, invocation="test")
        if changed.error:
            raise DestinationFailed(f"the transform failed: {changed.error}")
        lines = changed.lines
    opened = destination(stream, clock=clock)
    try:
        if lines:
            name = f"test-{clock():%Y%m%dT%H%M%S}"
            opened.put(Parcel(project=stream.project.public_id, name=name, lines=lines))
    finally:
        opened.close()
    return len(lines)
