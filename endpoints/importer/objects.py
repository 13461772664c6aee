"""JSON lines as whole columns at the speed of Arrow's reader, which knows the members beforehand and passes over all others.

It says neither which members it passed over nor whether one was null. So each line's quotation marks are counted: a member that was
read accounts for those of its name and of its texts, and a line that has more of them is left to the readers that look closer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from endpoints.importer import columnar
from endpoints.importer.columnar import Mask, Positions
from endpoints.importer.columns import ColumnKind
from endpoints.writing import rules

TEXTS = {
    "Id": ColumnKind.ID, "ChannelType": ColumnKind.CHANNEL, "Address": ColumnKind.ADDRESS, "OptOut": ColumnKind.OPT_OUT,
    "RequestId": ColumnKind.REQUEST_ID,
}  # fmt: skip
IGNORED = frozenset({"EndpointStatus", "EffectiveDate", "CohortId", "CreationDate", "ApplicationId"})
NAMES = 300  # attribute names of a piece; with more, its lines are better read one by one
LINE_BYTES = rules.ENDPOINT_BYTES // 2
_NUMBERS = ("Latitude", "Longitude")
_SAMPLE = 64  # lines that tell the names
_TRIES = 3  # with the names that the lines left over have, too
_FEW_LEFT = 50  # one line in so many may be left to slower readers
_BRACES, _BRACKETS = 12, 2 * NAMES  # of a line: what is nested deeper is not an endpoint, and no stack is to be tried with it

Columns = dict[tuple[ColumnKind, str], Any]


@dataclass(slots=True)
class Gathered:
    """Columns of some lines, by ``places``; the lines in ``left`` are in none."""

    columns: Columns
    places: Positions
    left: list[int]


def gathered(columns: Columns, *, places: Sequence[int], good: Mask, left: Sequence[int]) -> Gathered:
    """The lines at these places that are good; the others join those that are left."""
    at = np.asarray(places, dtype=np.int64)
    rows = pa.array(np.flatnonzero(good))
    kept = {key: [one.take(rows) for one in held] if isinstance(held, list) else held.take(rows) for key, held in columns.items()}
    return Gathered(kept, at[good], sorted([*left, *at[~good].tolist()]))


@dataclass(slots=True)
class _Names:
    """The names in the maps of some documents, and the types of the members that are ignored."""

    user_attributes: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    metrics: set[str] = field(default_factory=set)
    ignored: dict[str, pa.DataType] = field(default_factory=dict)

    def learn(self, lines: Iterable[bytes]) -> bool:
        """Whether there was anything new."""
        before = self._count()
        for line in lines:
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if type(document) is dict:
                self._learn(document)
        return self._count() > before

    def _learn(self, document: dict[str, Any]) -> None:
        person = document.get("User")
        maps = (
            (self.user_attributes, person.get("UserAttributes") if type(person) is dict else None, list),
            (self.attributes, document.get("Attributes"), list),
            (self.metrics, document.get("Metrics"), (int, float)),
        )
        for names, given, kind in maps:
            if type(given) is dict:
                names.update(
                    name for name, value in given.items() if isinstance(value, kind) and 0 < len(name) <= rules.NAME_LIMIT
                )
        for name in IGNORED & document.keys():
            is_number = isinstance(document[name], int | float)
            self.ignored.setdefault(name, pa.float64() if is_number else pa.string())

    def _count(self) -> int:
        return len(self.user_attributes) + len(self.attributes) + len(self.metrics) + len(self.ignored)

    @property
    def is_too_wide(self) -> bool:
        return self._count() > NAMES

    def schema(self) -> pa.Schema:
        def struct(names: Iterable[str], kind: pa.DataType) -> pa.DataType:
            return pa.struct([(name, kind) for name in sorted(names)])

        lists = pa.list_(pa.string())
        location = [(name, pa.float64() if name in _NUMBERS else pa.string()) for name in rules.LOCATION]
        person = pa.struct([("UserId", pa.string()), ("UserAttributes", struct(self.user_attributes, lists))])
        return pa.schema([
            *((name, pa.string()) for name in TEXTS), ("User", person), ("Attributes", struct(self.attributes, lists)),
            ("Metrics", struct(self.metrics, pa.float64())), ("Demographic", struct(rules.DEMOGRAPHIC, pa.string())),
            ("Location", pa.struct(location)), *self.ignored.items(),
        ])  # fmt: skip


def gather(raw: Sequence[bytes]) -> Gathered | None:
    """The lines by columns; None when too many of them need another reader."""
    some = [place for place, line in enumerate(raw) if line and not line.isspace()]
    fit = [place for place in some if _is_simple(raw[place])]
    if len(fit) * _FEW_LEFT < len(some) * (_FEW_LEFT - 1) or not fit:
        return None
    left = sorted(set(some) - set(fit))
    lines = [raw[place] for place in fit]
    names = _Names()
    names.learn(lines[:: max(1, len(lines) // _SAMPLE)])
    for _try in range(_TRIES):
        if names.is_too_wide:
            return None
        read = _read(lines, names)
        if read is None:
            return None
        columns, good = read
        bad = np.flatnonzero(~good)
        if len(bad) * _FEW_LEFT <= len(lines):
            return gathered(columns, places=fit, good=good, left=left)
        if not names.learn(lines[place] for place in bad[: _SAMPLE * 4].tolist()):
            return None
    return None


def _is_simple(line: bytes) -> bool:
    """Its quotation marks can be counted, and it is not made to break what reads it."""
    return (
        line.startswith(b"{")
        and len(line) < LINE_BYTES
        and b"null" not in line
        and b"\\\\" not in line
        and b"\\u0000" not in line
        and line.count(b"{") <= _BRACES
        and line.count(b"[") <= _BRACKETS
    )


def _read(lines: list[bytes], names: _Names) -> tuple[Columns, Mask] | None:
    """The columns, and which lines they hold all of; None where a line is no JSON, or a member of another type than it should be."""
    data = b"\n".join(lines) + b"\n"
    try:
        data.decode()  # Arrow takes its word for it
        table = json.read_json(
            pa.BufferReader(data),
            json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            json.ParseOptions(explicit_schema=names.schema(), unexpected_field_behavior="ignore"),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    if table.num_rows != len(lines):
        return None
    reading = _Reading(table.combine_chunks())
    quotes = np.fromiter((line.count(b'"') - line.count(b'\\"') for line in lines), dtype=np.int64, count=len(lines))
    return reading.columns, ~reading.faulty & (reading.quotes == quotes)


class _Reading:
    """What Arrow read, as ``columnar.check`` takes it; ``quotes`` by line are those of the members that it read."""

    def __init__(self, table: pa.Table) -> None:
        self.columns: Columns = {}
        self.quotes: npt.NDArray[np.int64] = np.zeros(table.num_rows, dtype=np.int64)
        self.faulty: Mask = np.zeros(table.num_rows, dtype=bool)
        self._table = table
        for member, kind in TEXTS.items():
            self._text(kind, "", self._column(member))
        for member in IGNORED & set(table.column_names):
            self._note(self._column(member))
        for name, cells in self._members(self._column("User")):
            if name == "UserId":
                self._text(ColumnKind.USER_ID, "", cells)
            else:
                self._each(ColumnKind.USER_ATTRIBUTE, cells, self._list)
        self._each(ColumnKind.ATTRIBUTE, self._column("Attributes"), self._list)
        self._each(ColumnKind.METRIC, self._column("Metrics"), self._number)
        self._each(ColumnKind.DEMOGRAPHIC, self._column("Demographic"), self._text)
        self._each(ColumnKind.LOCATION, self._column("Location"), self._text)

    def _column(self, name: str) -> pa.Array:
        (chunk,) = self._table.column(name).chunks
        return chunk

    def _members(self, struct: pa.StructArray) -> Iterator[tuple[str, pa.Array]]:
        self.quotes += 2 * _is_given(struct)
        return zip((one.name for one in struct.type), struct.flatten(), strict=True)

    def _each(self, kind: ColumnKind, struct: pa.StructArray, take: Any) -> None:
        for name, cells in self._members(struct):
            if cells.null_count < len(cells):
                take(kind, name, cells)

    def _note(self, cells: pa.Array) -> None:
        """The quotation marks of a member's name, and of its text."""
        self.quotes += (4 if cells.type == pa.string() else 2) * _is_given(cells)

    def _text(self, kind: ColumnKind, name: str, cells: pa.Array) -> None:
        self._note(cells)
        if cells.type != pa.string():
            cells = _spelled(cells)
        self.columns[kind, name] = [cells.fill_null("")]

    def _number(self, kind: ColumnKind, name: str, cells: pa.Array) -> None:
        self._note(cells)
        self.columns[kind, name] = [_spelled(cells).fill_null("")]

    def _list(self, kind: ColumnKind, name: str, cells: pa.Array) -> None:
        """An empty list takes a key away, which the columns can't say."""
        is_given = _is_given(cells)
        counts = pc.list_value_length(cells).fill_null(0).to_numpy()
        self.quotes += 2 * (is_given + counts)
        self.faulty |= is_given & (counts == 0) | (counts > rules.VALUES_LIMIT)
        long = pc.utf8_length(cells.flatten()).to_numpy() > rules.VALUE_LIMIT
        if long.any():
            self.faulty[pc.list_parent_indices(cells).to_numpy()[long]] = True
        self.columns[kind, name] = cells


def _is_given(cells: pa.Array) -> Mask:
    return columnar.true(pc.is_valid(cells))


def _spelled(numbers: pa.Array) -> pa.Array:
    """As a reader of single lines spells them; what is no finite number is spelled so that no check takes it."""
    return pa.array([None if number is None else repr(number) for number in numbers.to_pylist()], pa.string())
