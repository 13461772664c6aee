"""The console's own storage: uploaded files, and copies of files that had to be converted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage

from segments.sources import FileInfo, SourceRefused


class StoredSource:
    """Files of the default storage by their names. They are written once and never changed, so they have no ETag."""

    def find(self, key: str) -> list[FileInfo]:
        try:
            return [FileInfo(key=key, etag="", size=default_storage.size(key))]
        except FileNotFoundError:
            raise SourceRefused("gone") from None

    @contextlib.contextmanager
    def open(self, key: str, *, etag: str = "", start: int = 0, end: int | None = None) -> Iterator[Any]:
        try:
            stored = default_storage.open(key, "rb")
        except FileNotFoundError:
            raise SourceRefused("gone") from None
        with stored:
            stored.seek(start)
            yield _Span(stored, None if end is None else end - start)


class _Span:
    """A stretch of a stored file as a stream."""

    def __init__(self, stored: Any, length: int | None) -> None:
        self._stored, self._left = stored, length

    def read(self, size: int, /) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
            self._left -= size
        return bytes(self._stored.read(size)) if size else b""
