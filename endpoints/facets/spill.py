"""An index that is being computed, in a file of its own: whatever the number of endpoints, memory holds a stretch of them.

Values and their bitmaps come by stretches of endpoints; each stretch is written out, and a subject is put together when it is asked for.
"""

from __future__ import annotations

import struct
import tempfile
from collections import defaultdict
from collections.abc import Iterable, KeysView
from types import TracebackType

from pyroaring import BitMap64

from endpoints.facets.subjects import Subject

Values = dict[str, BitMap64]
_HEAD = struct.Struct("<IQ")  # bytes of the value, and of its ids


class Spilled:
    """Subject → value → ids. Of a subject with more than ``limit`` values it keeps the first of them, one more than allowed."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._file = tempfile.TemporaryFile(prefix="pabal-facets-")  # noqa: SIM115 (closed by __exit__)
        self._places: dict[Subject, list[tuple[int, int]]] = defaultdict(list)
        self._known: dict[Subject, set[str]] = defaultdict(set)
        self._stretch: dict[Subject, Values] = {}

    def __enter__(self) -> Spilled:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, subject: Subject, value: str, ids: Iterable[int]) -> None:
        known = self._known[subject]
        if value not in known:
            if len(known) > self._limit:
                return
            known.add(value)
        self._stretch.setdefault(subject, {}).setdefault(value, BitMap64()).update(ids)

    def write_out(self) -> None:
        """Put the stretch into the file; memory is free again."""
        for subject, values in self._stretch.items():
            self._places[subject].append((self._file.tell(), len(values)))
            for value, ids in values.items():
                name, content = value.encode(), ids.serialize()
                self._file.write(_HEAD.pack(len(name), len(content)) + name + content)
        self._stretch = {}

    def keys(self) -> KeysView[Subject]:
        return self._known.keys()

    def get(self, subject: Subject) -> Values:
        """All of a subject's values; none for one that nobody carries."""
        found = {value: ids.copy() for value, ids in self._stretch.get(subject, {}).items()}
        end = self._file.tell()
        for place, count in self._places.get(subject, ()):
            self._file.seek(place)
            for _value in range(count):
                name_size, size = _HEAD.unpack(self._file.read(_HEAD.size))
                value, part = self._file.read(name_size).decode(), BitMap64.deserialize(self._file.read(size))
                found[value] = found[value] | part if value in found else part
        self._file.seek(end)
        return found
