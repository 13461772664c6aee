"""Destinations that are no vendor's: a folder of this server, a URL."""

from __future__ import annotations

import datetime
import gzip
import os
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from analytics.carrying.parcel import DestinationFailed, Parcel, batches, by_hour, file_name
from core import outbound, standard_webhooks

_COUNT, _BYTES = 500, 1 << 20  # of a call
_SECONDS = 15.0


class Folder:
    """gzip JSON lines, a file for each hour of a parcel: written under a hidden name, synced, then named."""

    line_bytes = 0

    def __init__(self, *, path: Path) -> None:
        self._path = path

    def put(self, parcel: Parcel) -> None:
        try:
            for hour, lines in by_hour(parcel.lines).items():
                self._write(self._path / file_name(parcel, hour), gzip.compress(b"".join(lines), mtime=0))
        except OSError as error:
            raise DestinationFailed(f"{error.filename or self._path}: {error.strerror}") from error

    def _write(self, path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.part")
        with hidden.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        hidden.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Nothing is held."""


class Https:
    """One signed call after the other, each up to 500 JSON lines; the id of a call is the same when it is made again."""

    line_bytes = 0

    def __init__(self, *, url: str, secret: str, clock: Callable[[], datetime.datetime]) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    def put(self, parcel: Parcel) -> None:
        for number, some in enumerate(batches(parcel.lines, count=_COUNT, size=_BYTES)):
            body = b"".join(line.data for line in some)
            self._call(f"{parcel.project}-{parcel.name}-{number}", body)

    def _call(self, message_id: str, body: bytes) -> None:
        headers = standard_webhooks.signed(secret=self._secret, message_id=message_id, at=self._clock(), body=body)
        try:
            answer = outbound.call(
                self._url, headers={"Content-Type": "application/x-ndjson", **headers}, body=body, seconds=_SECONDS,
                allow_private=settings.WEBHOOK_PRIVATE_HOSTS,
            )  # fmt: skip
        except outbound.OutboundError as error:
            raise DestinationFailed(str(error)) from error
        if not 200 <= answer.status < 300:
            raise DestinationFailed(f"the answer was {answer.status}")

    def close(self) -> None:
        """Each call has a connection of its own."""
