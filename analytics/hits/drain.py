"""From the stream and the spool into the event table; the stream's position moves in the same transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from django.db import connection, transaction

from analytics import ports
from analytics.events import EventRow
from analytics.hits import queue
from analytics.models import StreamPosition
from analytics.services.record import record_events
from core.redis import client

BATCH = 5_000  # hits a transaction
_ADVISORY_LOCK = 0x7061_6261  # one consumer at a time, whatever the number of workers
_START = "0-0"

_log = logging.getLogger(__name__)


def drain_hits() -> int:
    """Write what waits, batch by batch, until nothing does. Returns how many new events were written."""
    written = 0
    while True:
        with transaction.atomic():
            if not _locked():
                return written
            taken, new, position = _take_batch()
        if position:
            client().xtrim(queue.STREAM, minid=_after(position))
        written += new
        if taken < BATCH:
            return written + _drain_spool()


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
        return bool(cursor.fetchone()[0])


def _take_batch() -> tuple[int, int, str]:
    place, _made = StreamPosition.objects.select_for_update().get_or_create(stream=queue.STREAM)
    position = _present_position(place.position)
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client().xrange(queue.STREAM, min=f"({position}", count=BATCH))
    if not entries:
        return 0, 0, ""
    new = _write(list(_readable(fields.get(b"hit", b"") for _id, fields in entries)))
    place.position = entries[-1][0].decode()
    place.save(update_fields=["position"])
    return len(entries), new, place.position


def _write(events: list[EventRow]) -> int:
    """Write those that are new, and tell of them in the same transaction."""
    new: list[EventRow] = []
    record_events(events=events, may_repeat=True, new=new)
    if new:
        ports.events_written.call(new)
    return len(new)


def _present_position(position: str) -> str:
    """The position to go on from. A Redis that came back empty numbers by its clock, which may stand behind ours: begin anew.

    Reading an entry twice does no harm (events are told by their ids); not reading one would.
    """
    if position == _START:
        return position
    if not client().exists(queue.STREAM):
        return _START
    last = client().xinfo_stream(queue.STREAM)["last-generated-id"].decode()
    return _START if _parts(last) < _parts(position) else position


def _parts(entry_id: str) -> tuple[int, int]:
    time_part, _, number = entry_id.partition("-")
    return int(time_part), int(number)


def _after(entry_id: str) -> str:
    time_part, number = _parts(entry_id)
    return f"{time_part}-{number + 1}"


def _readable(lines: Iterable[bytes]) -> Iterable[EventRow]:
    for line in lines:
        try:
            yield queue.decode(line)
        except (ValueError, KeyError, TypeError):
            _bury(line)


def _bury(line: bytes) -> None:
    """What can't be read must not stop the rest, nor vanish."""
    folder = queue.spool_folder().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "unreadable-hits.txt").open("ab") as out:
        out.write(line + b"\n")
    _log.error("A hit could not be read and was put into %s", folder / "unreadable-hits.txt")


def _drain_spool() -> int:
    written = 0
    files = sorted(queue.spool_folder().glob("*.jsonl"))
    for start in range(0, len(files), BATCH):
        written += _drain_files(files[start : start + BATCH])
    return written


def _drain_files(files: list[Path]) -> int:
    with transaction.atomic():
        if not _locked():
            return 0
        lines = [line for file in files if file.exists() for line in file.read_bytes().splitlines() if line]
        new = _write(list(_readable(lines)))
    for file in files:
        file.unlink(missing_ok=True)
    return new
