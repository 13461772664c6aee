"""A file's copy in UTF-8 CSV under Pinpoint's columns, and a look at its first lines."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from endpoints.importer.refusals import FileRefused
from segments.files import shape, tables
from segments.files.mapping import Mapping, header_key, is_pinpoint

_SAMPLE = 5  # rows of a look


@dataclass(frozen=True, slots=True)
class Wishes:
    """How files shall be read. ``remembered``: header key → mapping, used where a header is not Pinpoint's."""

    encoding: str = "UTF-8"
    sheet: str = ""
    mapping: Mapping | None = None
    remembered: dict[str, Mapping] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """The first rows of a file: its columns' names, some rows, the sheets of a workbook, and whether it must be read as CP949."""

    names: list[str]
    rows: list[list[str]]
    sheets: list[str]
    encoding: str


def look(stream: Any, *, encoding: str = "", sheet: str = "") -> Look:
    """Read a file's beginning (of a workbook, all of it). Raises ``FileRefused`` or ``SourceRefused``."""
    head = head_of(stream)
    if shape.is_zip(head):
        with shape.workbook_file(stream, head) as book:
            rows = list(itertools.islice(tables.sheet_rows(book, sheet), _SAMPLE + 1))
            return Look(names=_names(rows), rows=rows[1:], sheets=tables.sheet_names(book), encoding="UTF-8")
    encoding = encoding or ("UTF-8" if shape.is_utf8(head) else "CP949")
    found = list(itertools.islice(tables.lines(io.BytesIO(), head, encoding), _SAMPLE + 2))
    if len(head) == shape.HEAD_BYTES and len(found) < _SAMPLE + 2:
        found = found[:-1]  # cut in the middle
    sign = tables.delimiter_of(found[0]) if found else ","
    rows = [row for line in found[: _SAMPLE + 1] if (row := tables.cells(line, sign)) is not None]
    return Look(names=_names(rows), rows=rows[1:], sheets=[], encoding=encoding)


def needs_copy(head: bytes, *, wishes: Wishes) -> bool:
    """Whether a CSV file (or workbook) that begins so can't be imported as it stands."""
    return shape.is_zip(head) or _encoding(head, wishes) != "UTF-8" or _needs_mapping(head.split(b"\n", 1)[0], wishes)


def write_copy(head: bytes, stream: Any, out: BinaryIO, *, wishes: Wishes) -> None:
    """Write a file's copy; ``stream`` goes on behind ``head``.

    A line that can't be divided into cells is copied as it stands, for the importer to refuse; so is the number of its cells, when
    that is wrong.
    """
    if shape.is_zip(head):
        with shape.workbook_file(stream, head) as book:
            _write(tables.sheet_rows(book, wishes.sheet), out, wishes=wishes)
        return
    found = tables.lines(stream, head, _encoding(head, wishes))
    header = next(found, "")
    sign = tables.delimiter_of(header)
    _write((tables.cells(line, sign) or line for line in itertools.chain([header], found)), out, wishes=wishes)


def _encoding(head: bytes, wishes: Wishes) -> str:
    """A folder may hold files of both encodings."""
    return "UTF-8" if shape.is_utf8(head) and not head.isascii() else wishes.encoding


def _needs_mapping(first: bytes, wishes: Wishes) -> bool:
    if wishes.mapping is not None:
        return True
    if not wishes.remembered:
        return False
    text = first.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip("\r")
    names = _names([tables.cells(text, tables.delimiter_of(text)) or []])
    return header_key(names) in wishes.remembered and not is_pinpoint(names)


def head_of(stream: Any) -> bytes:
    """The first 64 KB of a file, or all of it."""
    head = b""
    while len(head) < shape.HEAD_BYTES and (block := stream.read(shape.HEAD_BYTES - len(head))):
        head += block
    return head


def _names(rows: list[list[str]]) -> list[str]:
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise FileRefused("empty")
    return [cell.strip() for cell in rows[0]]


def _write(rows: Iterator[list[str] | str] | Iterator[list[str]], out: BinaryIO, *, wishes: Wishes) -> None:
    header = next(iter(rows), [])
    names = _names([header if isinstance(header, list) else []])
    mapping = wishes.mapping
    if mapping is None and not is_pinpoint(names):
        mapping = wishes.remembered.get(header_key(names))
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    arrange = _arranged(names, mapping)
    writer.writerow(names if mapping is None else mapping.header(names))
    for row in rows:
        if isinstance(row, str):
            text.write(row + "\n")
        elif not any(row):
            text.write("\n")  # an empty line is no line, and keeps the numbers
        else:
            writer.writerow(arrange(row))
    text.flush()
    text.detach()


def _arranged(names: list[str], mapping: Mapping | None) -> Callable[[list[str]], list[str]]:
    """The cells of a row in the order of the copy's header."""
    width = len(names)
    targets = names if mapping is None else mapping.targets(names)
    kept = [position for position, target in enumerate(targets) if target]
    added = [mapping.channel_type] if mapping is not None and mapping.adds_channel(names) else []
    copied = len(kept) + len(added)

    def arrange(row: list[str]) -> list[str]:
        if len(row) > width and not any(row[width:]):
            row = row[:width]  # a sheet's empty cells beside the table
        if len(row) != width:
            return row if len(row) != copied else [*row, ""]
        return [row[position] for position in kept] + added

    return arrange
