"""From the stream and the spool to where the lines belong; the stream's position moves in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from django.db import connection, transaction

from analytics.hits.waiting import Waiting
from analytics.models import StreamPosition
from core.redis import client

_START = "0-0"

Write = Callable[[Sequence[bytes]], int]


class Consumer:
    """``write`` writes lines in the open transaction, tells those that came twice, and answers how many rows are new.

    ``lock`` is the number of an advisory lock: one consumer at a time, whatever the number of workers. ``batch``: lines a transaction.
    """

    def __init__(self, *, waiting: Waiting, lock: int, batch: int, write: Write) -> None:
        self._waiting, self._lock, self._batch, self._write = waiting, lock, batch, write

    def drain(self) -> int:
        """Write what waits, batch by batch, until nothing does. Returns how many new rows were written."""
        written = 0
        while True:
            with transaction.atomic():
                if not self._locked():
                    return written
                taken, new, position = self.take_batch()
            if position:
                client().xtrim(self._waiting.stream, minid=_after(position))
            written += new
            if taken < self._batch:
                return written + self._drain_spool()

    def _locked(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [self._lock])
            return bool(cursor.fetchone()[0])

    def take_batch(self) -> tuple[int, int, str]:
        """Write one batch in the open transaction: lines taken, new rows, and up to where the stream may be trimmed after it."""
        stream = self._waiting.stream
        place, _made = StreamPosition.objects.select_for_update().get_or_create(stream=stream)
        position = _present_position(stream, place.position)
        entries = cast(
            "list[tuple[bytes, dict[bytes, bytes]]]", client().xrange(stream, min=f"({position}", count=self._batch)
        )  # fmt: skip
        if not entries:
            return 0, 0, ""
        new = self._write([fields.get(b"hit", b"") for _id, fields in entries])
        place.position = entries[-1][0].decode()
        place.save(update_fields=["position"])
        return len(entries), new, place.position

    def _drain_spool(self) -> int:
        written = 0
        files = sorted(self._waiting.spool_folder().glob("*.jsonl"))
        for start in range(0, len(files), self._batch):
            written += self._drain_files(files[start : start + self._batch])
        return written

    def _drain_files(self, files: list[Path]) -> int:
        with transaction.atomic():
            if not self._locked():
                return 0
            lines = [line for file in files if file.exists() for line in file.read_bytes().splitlines() if line]
            new = self._write(lines)
        for file in files:
            file.unlink(missing_ok=True)
        return new


def _present_position(stream: str, position: str) -> str:
    """The position to go on from. A Redis that came back empty numbers by its clock, which may stand behind ours: begin anew.

    Reading an entry twice does no harm (lines are told by what they hold); not reading one would.
    """
    if position == _START:
        return position
    if not client().exists(stream):
        return _START
    last = client().xinfo_stream(stream)["last-generated-id"].decode()
    return _START if _parts(last) < _parts(position) else position


def _parts(entry_id: str) -> tuple[int, int]:
    time_part, _, number = entry_id.partition("-")
    return int(time_part), int(number)


def _after(entry_id: str) -> str:
    time_part, number = _parts(entry_id)
    return f"{time_part}-{number + 1}"
