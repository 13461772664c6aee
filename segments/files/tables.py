"""The rows of a table file: text with commas, semicolons or tabs, or a sheet of a workbook."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator
from typing import Any, BinaryIO

import python_calamine

from endpoints.importer.refusals import FileRefused
from segments.sources import SourceRefused

DELIMITERS = (",", "\t", ";", "|")
_BLOCK = 1 << 20


def lines(stream: Any, head: bytes, encoding: str) -> Iterator[str]:
    """Decoded lines without their ends. A byte-order mark is dropped. Raises ``SourceRefused`` for what the encoding is not."""
    codec = "utf-8" if encoding == "UTF-8" else "cp949"
    for number, line in enumerate(_raw_lines(stream, head), start=1):
        try:
            yield line.decode(codec)
        except UnicodeDecodeError as fault:
            raise SourceRefused("not_encoding", encoding=encoding, byte=fault.start + 1, line=number) from None


def _raw_lines(stream: Any, head: bytes) -> Iterator[bytes]:
    rest = b""
    block = head.removeprefix(b"\xef\xbb\xbf")
    while block:
        parts = (rest + block).split(b"\n")
        rest = parts.pop()
        for part in parts:
            yield part.removesuffix(b"\r")
        block = stream.read(_BLOCK)
    if rest:
        yield rest.removesuffix(b"\r")


def delimiter_of(header: str) -> str:
    """The sign that divides a header's names."""
    return max(DELIMITERS, key=header.count) if any(sign in header for sign in DELIMITERS) else ","


def cells(line: str, delimiter: str) -> list[str] | None:
    """The cells of a line; None when its quotation marks are wrong (or a value goes on in the next line)."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


def sheet_names(workbook: BinaryIO) -> list[str]:
    return list(_open(workbook).sheet_names)


def sheet_rows(workbook: BinaryIO, sheet: str) -> Iterator[list[str]]:
    """The rows of a sheet (empty: the first) as texts, from the first row that holds anything; empty rows between, too."""
    book = _open(workbook)
    name = sheet or book.sheet_names[0]
    if name not in book.sheet_names:
        raise SourceRefused("no_sheet", sheet=name, sheets=", ".join(book.sheet_names))
    found = book.get_sheet_by_name(name)
    if found.start is None:  # an empty sheet
        return
    for row in found.to_python(skip_empty_area=True):
        yield [*[""] * found.start[1], *map(text_of, row)]


def _open(workbook: BinaryIO) -> python_calamine.CalamineWorkbook:
    workbook.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(workbook)
    except (python_calamine.CalamineError, OSError) as fault:
        raise SourceRefused("broken_workbook", reason=str(fault)) from None
    if not book.sheet_names:
        raise FileRefused("empty")
    return book


def text_of(cell: Any) -> str:
    """A cell as Pinpoint's CSV writes it: whole numbers without a point, dates as ISO 8601, no line breaks."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        is_date = cell.time() == datetime.time()
        return cell.date().isoformat() if is_date else cell.isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return " ".join(str(cell).splitlines())
