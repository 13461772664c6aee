"""Lines of a piece as rows: parsed and checked one by one; what is wrong with a line is said, and the next one is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from endpoints.importer.columns import Column, ColumnKind
from endpoints.writing import rules
from endpoints.writing.documents import Item, Refused, take_document
from endpoints.writing.refusals import ItemRefused


class _Lines:
    """Lines with their ends; remembers those handed out since ``take``."""

    def __init__(self, lines: Iterable[str], first_line: int) -> None:
        self.number = first_line - 1
        self._since: list[str] = []
        self._source = iter(lines)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._source)
        self.number += 1
        self._since.append(line)
        return line

    def take(self) -> tuple[int, str]:
        """The number of the first line since the last call, and those lines' text."""
        text = "".join(self._since).rstrip("\r\n")
        first = self.number - len(self._since) + 1
        self._since.clear()
        return first, text


def read_csv(lines: Iterable[str], *, columns: Sequence[Column], first_line: int) -> Iterator[Item | Refused]:
    """The rows of lines of CSV (without its header), in order, reading no further than it must. Empty lines are no lines."""
    source = _Lines(lines, first_line)
    reader = csv.reader(source, strict=True)
    takers = [_TAKERS[column.kind] for column in columns]
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            number, raw = source.take()
            yield _stray(number, raw, columns, takers)
            continue
        number, raw = source.take()
        if not cells:
            continue
        row = Item(line=number, raw=raw)
        try:
            _fill(row, cells, columns, takers)
        except ItemRefused as refusal:
            yield Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)
        else:
            yield row


def _stray(number: int, raw: str, columns: Sequence[Column], takers: list[Any]) -> Refused:
    """A line that strict CSV can't be: read leniently, it may show a fault that says more than the quotation mark."""
    try:
        _fill(Item(line=number, raw=raw), next(csv.reader([raw])), columns, takers, check_address=True)
    except ItemRefused as refusal:
        return Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)
    except (csv.Error, StopIteration):
        pass  # not even leniently
    return Refused(line=number, column="", code="nul" if "\0" in raw else "stray_quote", params={}, raw=raw)


def _fill(row: Item, cells: list[str], columns: Sequence[Column], takers: list[Any], *, check_address: bool = False) -> None:
    if len(cells) != len(columns):
        raise ItemRefused("columns", found=len(cells), expected=len(columns))
    if "\n" in row.raw or "\r" in row.raw:
        raise ItemRefused("line_break")
    if "\0" in row.raw:
        raise ItemRefused("nul")
    for cell, column, taker in zip(cells, columns, takers, strict=True):
        if cell:
            taker(row, cell, column)
    _check_whole(row)
    if check_address and row.address and row.channel:
        rules.check_address(row.address, row.channel)


def _check_whole(row: Item) -> None:
    if len(row.raw) * 3 > rules.ENDPOINT_BYTES and len(row.raw.encode()) > rules.ENDPOINT_BYTES:
        raise ItemRefused("too_big")
    rules.check_counts(row.attributes, row.user_attributes)
    if not (row.endpoint_id or row.address or row.user_id):
        raise ItemRefused("key_missing")


def _take_attribute(row: Item, cell: str, column: Column) -> None:
    row.attributes.setdefault(column.name, []).append(rules.check_attribute(cell, column.header))


def _take_user_attribute(row: Item, cell: str, column: Column) -> None:
    row.user_attributes.setdefault(column.name, []).append(rules.check_attribute(cell, column.header))


def _take_metric(row: Item, cell: str, column: Column) -> None:
    row.metrics[column.name] = rules.check_metric(cell, column.header)


def _take_demographic(row: Item, cell: str, column: Column) -> None:
    row.demographic[column.name] = rules.check_text(cell, column.header)


def _take_location(row: Item, cell: str, column: Column) -> None:
    row.location[column.name] = rules.check_location(column.name, cell, column.header)


def _setter(name: str, check: Callable[[str, str], str]) -> Callable[[Item, str, Column], None]:
    def take(row: Item, cell: str, column: Column) -> None:
        setattr(row, name, check(cell, column.header))

    return take


_TAKERS: dict[ColumnKind, Callable[[Item, str, Column], None]] = {
    ColumnKind.ID: _setter("endpoint_id", rules.check_id),
    ColumnKind.CHANNEL: _setter("channel", rules.check_channel),
    ColumnKind.ADDRESS: _setter("address", lambda value, _column: value),  # checked when the channel is known
    ColumnKind.OPT_OUT: _setter("opt_out", rules.check_opt_out),
    ColumnKind.USER_ID: _setter("user_id", rules.check_user_id),
    ColumnKind.REQUEST_ID: _setter("request_id", lambda value, _column: value[:64]),
    ColumnKind.IGNORED: lambda _row, _cell, _column: None,
    ColumnKind.ATTRIBUTE: _take_attribute,
    ColumnKind.USER_ATTRIBUTE: _take_user_attribute,
    ColumnKind.METRIC: _take_metric,
    ColumnKind.DEMOGRAPHIC: _take_demographic,
    ColumnKind.LOCATION: _take_location,
}


def read_json(lines: Iterable[str], *, first_line: int) -> Iterator[Item | Refused]:
    """The rows of JSON lines, in order. Empty lines are no lines."""
    for number, line in enumerate(lines, first_line):
        raw = line.rstrip("\r\n")
        if not raw.strip():
            continue
        try:
            yield _document_row(number, raw)
        except ItemRefused as refusal:
            yield Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)


def _document_row(number: int, raw: str) -> Item:
    try:
        document = json.loads(raw)
    except json.JSONDecodeError as fault:
        raise ItemRefused("json_syntax", place=fault.colno) from None
    except (ValueError, RecursionError) as fault:
        raise ItemRefused("json", reason=str(fault)[:200]) from None
    if not isinstance(document, dict):
        raise ItemRefused("json", reason="{ … }")
    if "\\u0000" in raw or "\0" in raw:
        raise ItemRefused("nul")
    if "\\ud" in raw.lower():
        _refuse_half_pairs(document)
    row = Item(line=number, raw=raw)
    take_document(row, document)
    _check_whole(row)
    return row


def _refuse_half_pairs(document: dict[str, Any]) -> None:
    """JSON can write half of a surrogate pair, which no UTF-8 can hold."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as fault:
        raise ItemRefused("json", reason=str(fault.reason)) from None
