"""A piece as whole columns: its plain lines, checked all at once. Every other line is left to the readers that go line by line.

*Plain* is a line that is sure to be good by itself: right number of cells, Id, ChannelType and Address given, each value well within
the rules. The tests here are simple and may turn down what ``endpoints.writing.rules`` takes; they never take what those refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from endpoints.importer.columns import Column, ColumnKind
from endpoints.models import ChannelType
from endpoints.writing import rules
from endpoints.writing.refusals import ItemRefused

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

# A line of cells that are closed where they are opened: strict CSV reads it as one record, whatever stands around it.
_WELL_QUOTED = re.compile(rb'(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*\Z')
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?$"
_PHONE = r"^\+[1-9][0-9]{6,14}$"
_NUMBER = r"^-?[0-9]{1,15}(?:\.[0-9]{1,9})?$"


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute, metric or member: ``texts`` are its columns (the empty text is no value), or ``lists`` one column of lists."""

    kind: ColumnKind
    name: str
    texts: tuple[pa.Array, ...] = ()
    lists: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.texts[0] if self.lists is None else self.lists)

    def take(self, rows: Positions) -> Field:
        lists = None if self.lists is None else self.lists.take(rows)
        return Field(self.kind, self.name, tuple(one.take(rows) for one in self.texts), lists)


@dataclass(slots=True)
class Lines:
    """Plain lines by columns; ``positions`` are their places in the piece (0 is its first line)."""

    positions: Positions
    ids: pa.Array
    keys: pa.Array
    channels: pa.Array
    addresses: pa.Array
    address_keys: pa.Array
    opt_outs: pa.Array
    users: pa.Array
    request_ids: pa.Array
    fields: list[Field]

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, rows: Positions) -> Lines:
        columns = {name: getattr(self, name).take(rows) for name in _COLUMNS}
        return Lines(positions=self.positions[rows], fields=[one.take(rows) for one in self.fields], **columns)

    def where(self, mask: Mask) -> Lines:
        return self if mask.all() else self.take(np.flatnonzero(mask))


_COLUMNS = ("ids", "keys", "channels", "addresses", "address_keys", "opt_outs", "users", "request_ids")


@dataclass(slots=True)
class Division:
    """The lines of a CSV piece: which are plain as far as commas and quotation marks tell, and which records need a reader."""

    plain: list[int] = field(default_factory=list)
    records: list[tuple[int, int]] = field(default_factory=list)  # first line, lines


def divide(lines: Sequence[bytes], *, columns: int, header_bytes: int, record_lines: Callable[[int], int]) -> Division:
    """Tell the lines of a piece apart; ``record_lines`` reads the record that begins on a line and says how many lines it has."""
    found = Division()
    limit = rules.ENDPOINT_BYTES - header_bytes
    commas = columns - 1
    after = 0
    for place, line in enumerate(lines):
        if place < after or not line or line == b"\r":
            continue
        if b'"' in line:
            bare = line.removesuffix(b"\r")
            is_whole = _WELL_QUOTED.match(bare) is not None
            count = _QUOTED.sub(b"", bare).count(b",") if is_whole else -1
        else:
            is_whole, count = True, line.count(b",")
        if count == commas and len(line) < limit and line.find(b"\r", 0, -1) < 0 and b"\0" not in line:
            found.plain.append(place)
        else:
            length = 1 if is_whole else record_lines(place)
            found.records.append((place, length))
            after = place + length
    return found


def read_columns(lines: Sequence[bytes], places: Sequence[int], columns: Sequence[Column]) -> tuple[Lines | None, Mask]:
    """The plain lines at these places by columns, and which of them are plain indeed. None where no line can be."""
    nothing = np.zeros(len(places), dtype=bool)
    kinds = {column.kind for column in columns}
    if not places or not {ColumnKind.ID, ColumnKind.CHANNEL, ColumnKind.ADDRESS} <= kinds:
        return None, nothing
    data = b"\n".join(lines if len(places) == len(lines) else [lines[place] for place in places]) + b"\n"
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=[str(n) for n in range(len(columns))]),
            csv.ParseOptions(ignore_empty_lines=False),
            csv.ConvertOptions(column_types={str(n): pa.string() for n in range(len(columns))}, strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None, nothing
    if table.num_rows != len(places):
        return None, nothing
    cells = [_one_chunk(column) for column in table.columns]
    return check(dict_of(columns, cells), np.asarray(places, dtype=np.int64))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def dict_of(columns: Sequence[Column], cells: Sequence[pa.Array]) -> dict[tuple[ColumnKind, str], list[pa.Array]]:
    found: dict[tuple[ColumnKind, str], list[pa.Array]] = {}
    for column, cell in zip(columns, cells, strict=True):
        if column.kind != ColumnKind.IGNORED:
            found.setdefault((column.kind, column.name), []).append(cell)
    return found


def check(given: dict[tuple[ColumnKind, str], Any], positions: Positions) -> tuple[Lines, Mask]:
    """Check whole columns: texts, or for attributes of JSON lines one array of lists."""
    size = len(positions)
    empty = pa.array([""], pa.string()).take(pa.array(np.zeros(size, dtype=np.int64)))

    def texts(kind: ColumnKind) -> pa.Array:
        return given.get((kind, ""), [empty])[0]

    ids, channels, addresses, users = (
        texts(kind) for kind in (ColumnKind.ID, ColumnKind.CHANNEL, ColumnKind.ADDRESS, ColumnKind.USER_ID)
    )
    good = _between(ids, 1, 512) & true(pc.string_is_ascii(ids)) & ~true(pc.match_substring_regex(ids, r"[${}]"))
    good &= _each(channels, lambda value: value in rules.CHANNELS) & _between(users, 0, 512)
    good &= _addresses(addresses, channels, good)
    opt_outs = texts(ColumnKind.OPT_OUT)
    good &= _each(opt_outs, lambda value: value in ("", "ALL", "NONE"))
    fields = []
    for (kind, name), some in given.items():
        one, fits = _field(kind, name, some)
        if one is not None:
            fields.append(one)
            good &= fits
    is_mail = pc.equal(channels, str(ChannelType.EMAIL))
    lines = Lines(
        positions=positions, ids=ids, keys=pc.ascii_lower(ids), channels=channels, addresses=addresses,
        address_keys=pc.if_else(is_mail, pc.ascii_lower(addresses), addresses), opt_outs=opt_outs, users=users,
        request_ids=pc.utf8_slice_codeunits(texts(ColumnKind.REQUEST_ID), 0, 64), fields=fields,
    )  # fmt: skip
    return lines, good


def _field(kind: ColumnKind, name: str, some: Any) -> tuple[Field | None, Mask | bool]:
    if kind in (ColumnKind.ATTRIBUTE, ColumnKind.USER_ATTRIBUTE):
        if isinstance(some, pa.Array):
            return Field(kind, name, lists=some), True  # checked while they were gathered
        fits = np.logical_and.reduce([_between(one, 0, rules.VALUE_LIMIT) for one in some])
        return Field(kind, name, texts=tuple(some)), fits & (len(some) <= rules.VALUES_LIMIT)
    if kind == ColumnKind.METRIC:
        (cells,) = some
        fits = true(pc.match_substring_regex(cells, _NUMBER)) | _between(cells, 0, 0)
        return Field(kind, name, texts=(_numbers(cells, fits),)), fits
    if kind == ColumnKind.DEMOGRAPHIC:
        return Field(kind, name, texts=(some[0],)), _between(some[0], 0, rules.VALUE_LIMIT)
    if kind == ColumnKind.LOCATION:
        if name in ("Country", "Latitude", "Longitude"):
            cells, fits = _exactly(some[0], name)
            return Field(kind, name, texts=(cells,)), fits
        return Field(kind, name, texts=(some[0],)), _between(some[0], 0, rules.VALUE_LIMIT)
    return None, True


def _addresses(addresses: pa.Array, channels: pa.Array, good: Mask) -> Mask:
    fits = np.zeros(len(addresses), dtype=bool)
    for channel in pc.unique(channels).to_pylist():
        mine = true(pc.equal(channels, channel))
        if channel == ChannelType.EMAIL:
            matches = true(pc.match_substring_regex(addresses, _EMAIL)) & _between(addresses, 3, 254)
            at = pc.find_substring(addresses, "@").to_numpy(zero_copy_only=False)
            fits |= mine & matches & (at <= 64)
        elif channel in rules.PHONE_CHANNELS:
            fits |= mine & true(pc.match_substring_regex(addresses, _PHONE))
        else:
            fits |= mine & _between(addresses, 1, 1024)
    return fits & good


def _numbers(cells: pa.Array, fits: Mask) -> pa.Array:
    """The numbers as JSON writes them, so that a line by columns stores what a line by itself does."""
    filled = pc.if_else(pa.array(fits & ~_between(cells, 0, 0)), cells, "nan")
    numbers = pc.cast(filled, pa.float64()).to_pylist()
    return pa.array(["" if number != number else repr(number) for number in numbers], pa.string())


def _exactly(cells: pa.Array, name: str) -> tuple[pa.Array, Mask]:
    """Few different values: each is given to the rule itself."""
    encoded = cells.dictionary_encode()
    stored, fits = [], []
    for value in encoded.dictionary.to_pylist():
        try:
            stored.append(str(rules.check_location(name, value, "")) if value else "")
            fits.append(True)
        except ItemRefused:
            stored.append("")
            fits.append(False)
    return pa.array(stored, pa.string()).take(encoded.indices), np.asarray(fits, dtype=bool)[encoded.indices.to_numpy()]


def _each(cells: pa.Array, test: Callable[[str], bool]) -> Mask:
    encoded = cells.dictionary_encode()
    fits: Mask = np.asarray([test(value) for value in encoded.dictionary.to_pylist()], dtype=bool)[encoded.indices.to_numpy()]
    return fits


def _between(cells: pa.Array, least: int, most: int) -> Mask:
    lengths = pc.utf8_length(cells).to_numpy()
    fits: Mask = (lengths >= least) & (lengths <= most)
    return fits


def true(mask: pa.Array) -> Mask:
    held: Mask = mask.to_numpy(zero_copy_only=False)
    return held


# -- documents --------------------------------------------------------------------------------------------------------------------


def documents(lines: Lines, kind: ColumnKind) -> pa.Array:
    """The JSON objects of the lines' fields of a kind, as text."""
    members = [_member(one) for one in lines.fields if one.kind == kind]
    if not members:
        return pa.array(["{}"], pa.string()).take(pa.array(np.zeros(len(lines), dtype=np.int64)))
    return pc.binary_join_element_wise("{", _joined(members, ","), "}", "")


def _joined(some: list[pa.Array], between: str) -> pa.Array:
    """What is not null of each row, joined; the empty text where all is null (Arrow by itself would leave such a row out)."""
    with_head = pc.binary_join_element_wise("", *some, between, null_handling="skip")
    return pc.binary_replace_slice(with_head, 0, len(between), "")


def _member(one: Field) -> pa.Array:
    """``"name":value`` for each line, null where it has none."""
    name = orjson.dumps(one.name).decode() + ":"
    if one.kind == ColumnKind.METRIC or (one.kind == ColumnKind.LOCATION and one.name in ("Latitude", "Longitude")):
        return pc.binary_join_element_wise(name, _or_null(one.texts[0]), "")
    if one.kind in (ColumnKind.DEMOGRAPHIC, ColumnKind.LOCATION):
        return pc.binary_join_element_wise(name + '"', _or_null(escaped(one.texts[0])), '"', "")
    if one.lists is not None:
        flat = pa.ListArray.from_arrays(one.lists.offsets, escaped(one.lists.values))
        joined = pc.binary_join(flat, '","')
        some = pc.if_else(pc.greater(pc.list_value_length(one.lists), 0), joined, pa.scalar(None, pa.string()))
        return pc.binary_join_element_wise(name + '["', some, '"]', "")
    quoted = [_or_null(escaped(texts)) for texts in one.texts]
    joined = _or_null(_joined(quoted, '","')) if len(quoted) > 1 else quoted[0]
    return pc.binary_join_element_wise(name + '["', joined, '"]', "")


def _or_null(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(pc.binary_length(texts), 0), pa.scalar(None, pa.string()), texts)


def escaped(texts: pa.Array) -> pa.Array:
    """The texts as they stand between quotation marks in JSON."""
    special = pc.match_substring_regex(texts, r'["\\\x00-\x1f]')
    if not pc.any(special).as_py():
        return texts
    found = texts.filter(special).to_pylist()
    return pc.replace_with_mask(texts, special, pa.array([orjson.dumps(one).decode()[1:-1] for one in found], pa.string()))


def values(one: Field) -> Iterator[tuple[pa.Array, Positions]]:
    """(texts, the rows that carry them) of a field; a row may carry several."""
    if one.lists is not None:
        yield one.lists.flatten(), pc.list_parent_indices(one.lists).to_numpy()
    for texts in one.texts:
        rows = np.flatnonzero(true(pc.greater(pc.binary_length(texts), 0)))
        yield (texts if len(rows) == len(texts) else texts.take(pa.array(rows))), rows
