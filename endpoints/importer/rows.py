"""Lines of a piece as rows: parsed and checked one by one; what is wrong with a line is said, and the next one is read."""

from __future__ import annotations

import codecs
import csv
import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from endpoints.importer import rules
from endpoints.importer.columns import DEMOGRAPHIC, LOCATION, NAME_LIMIT, Column, ColumnKind
from endpoints.importer.refusals import LineRefused
from endpoints.importer.scan import Readable

_BLOCK = 1 << 20


@dataclass(slots=True)
class Row:
    """One line: only what it says; an absent field is None or an empty map. ``raw`` is the line as it stood, without its end."""

    line: int
    raw: str
    endpoint_id: str = ""
    channel: str = ""
    address: str = ""
    opt_out: str = ""
    user_id: str = ""
    request_id: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)
    user_attributes: dict[str, list[str]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    demographic: dict[str, Any] = field(default_factory=dict)
    location: dict[str, Any] = field(default_factory=dict)

    @property
    def is_user_only(self) -> bool:
        """A line that names a user and nothing of an endpoint reaches all the endpoints that the user has."""
        return bool(self.user_id) and not (self.endpoint_id or self.address or self.channel)

    def copy(self) -> Row:
        """A row of its own, whose maps may be written to."""
        return replace(
            self, attributes=dict(self.attributes), user_attributes=dict(self.user_attributes), metrics=dict(self.metrics),
            demographic=dict(self.demographic), location=dict(self.location),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that was not taken."""

    line: int
    column: str
    code: str
    params: dict[str, Any]
    raw: str


class _Lines:
    """Decoded lines with their ends from a stream; remembers the lines handed out since ``take``."""

    def __init__(self, stream: Readable, first_line: int, on_bytes: Callable[[int], None]) -> None:
        self._stream, self._on_bytes = stream, on_bytes
        self.number = first_line - 1
        self._since: list[str] = []
        self._source = self._read()

    def _read(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        rest = ""
        while block := self._stream.read(_BLOCK):
            lines = (rest + decoder.decode(block)).split("\n")
            rest = lines.pop()
            for line in lines:
                yield line + "\n"
            self._on_bytes(len(block))
        if rest:
            yield rest

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


def read_csv(
    stream: Readable, *, columns: Sequence[Column], first_line: int, on_bytes: Callable[[int], None]
) -> Iterator[Row | Refused]:
    """The rows of a CSV piece (without its header), in order. Empty lines are no lines."""
    lines = _Lines(stream, first_line, on_bytes)
    reader = csv.reader(lines, strict=True)
    takers = [_TAKERS[column.kind] for column in columns]
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            number, raw = lines.take()
            yield _stray(number, raw, columns, takers)
            continue
        number, raw = lines.take()
        if not cells:
            continue
        row = Row(line=number, raw=raw)
        try:
            _fill(row, cells, columns, takers)
        except LineRefused as refusal:
            yield Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)
        else:
            yield row


def _stray(number: int, raw: str, columns: Sequence[Column], takers: list[Any]) -> Refused:
    """A line that strict CSV can't be: read leniently, it may show a fault that says more than the quotation mark."""
    try:
        _fill(Row(line=number, raw=raw), next(csv.reader([raw])), columns, takers, check_address=True)
    except LineRefused as refusal:
        return Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)
    except (csv.Error, StopIteration):
        pass  # not even leniently
    return Refused(line=number, column="", code="nul" if "\0" in raw else "stray_quote", params={}, raw=raw)


def _fill(row: Row, cells: list[str], columns: Sequence[Column], takers: list[Any], *, check_address: bool = False) -> None:
    if len(cells) != len(columns):
        raise LineRefused("columns", found=len(cells), expected=len(columns))
    if "\n" in row.raw or "\r" in row.raw:
        raise LineRefused("line_break")
    if "\0" in row.raw:
        raise LineRefused("nul")
    for cell, column, taker in zip(cells, columns, takers, strict=True):
        if cell:
            taker(row, cell, column)
    _check_whole(row)
    if check_address and row.address and row.channel:
        rules.check_address(row.address, row.channel)


def _check_whole(row: Row) -> None:
    if len(row.raw) * 3 > rules.ENDPOINT_BYTES and len(row.raw.encode()) > rules.ENDPOINT_BYTES:
        raise LineRefused("too_big")
    for values in (*row.attributes.values(), *row.user_attributes.values()):
        if len(values) > rules.VALUES_LIMIT:
            raise LineRefused("values_many", count=len(values))
    if not (row.endpoint_id or row.address or row.user_id):
        raise LineRefused("key_missing")


def _take_attribute(row: Row, cell: str, column: Column) -> None:
    row.attributes.setdefault(column.name, []).append(rules.check_attribute(cell, column.header))


def _take_user_attribute(row: Row, cell: str, column: Column) -> None:
    row.user_attributes.setdefault(column.name, []).append(rules.check_attribute(cell, column.header))


def _take_metric(row: Row, cell: str, column: Column) -> None:
    row.metrics[column.name] = rules.check_metric(cell, column.header)


def _take_demographic(row: Row, cell: str, column: Column) -> None:
    row.demographic[column.name] = rules.check_text(cell, column.header)


def _take_location(row: Row, cell: str, column: Column) -> None:
    row.location[column.name] = rules.check_location(column.name, cell, column.header)


def _setter(name: str, check: Callable[[str, str], str]) -> Callable[[Row, str, Column], None]:
    def take(row: Row, cell: str, column: Column) -> None:
        setattr(row, name, check(cell, column.header))

    return take


_TAKERS: dict[ColumnKind, Callable[[Row, str, Column], None]] = {
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


def read_json(stream: Readable, *, first_line: int, on_bytes: Callable[[int], None]) -> Iterator[Row | Refused]:
    """The rows of a piece of JSON lines, in order. Empty lines are no lines."""
    lines = _Lines(stream, first_line, on_bytes)
    for _line in lines:
        number, raw = lines.take()
        if not raw.strip():
            continue
        try:
            yield _document_row(number, raw)
        except LineRefused as refusal:
            yield Refused(line=number, column=refusal.column, code=refusal.code, params=refusal.params, raw=raw)


def _document_row(number: int, raw: str) -> Row:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as fault:
        raise LineRefused("json", reason=str(fault)[:200]) from None
    if not isinstance(document, dict):
        raise LineRefused("json", reason="{ … }")
    if "\\u0000" in raw or "\0" in raw:
        raise LineRefused("nul")
    if "\\ud" in raw.lower():
        _refuse_half_pairs(document)
    row = Row(line=number, raw=raw)
    for member, value in document.items():
        taker = _MEMBERS.get(member)
        if taker is None:
            raise _unknown_member(member, member, _MEMBERS)
        if value is not None:
            taker(row, value, member)
    _check_whole(row)
    return row


def _refuse_half_pairs(document: dict[str, Any]) -> None:
    """JSON can write half of a surrogate pair, which no UTF-8 can hold."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as fault:
        raise LineRefused("json", reason=str(fault.reason)) from None


def _unknown_member(path: str, name: str, allowed: Any) -> LineRefused:
    nearest = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    if nearest:
        return LineRefused("json_member", path, member=path, nearest=nearest[0])
    return LineRefused("json_member_alone", path, member=path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise LineRefused("json_type", path, member=path, expected="a text")
    return value


def _map(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LineRefused("json_type", path, member=path, expected="an object")
    return value


def _named_lists(value: Any, path: str) -> dict[str, list[str]]:
    found = {}
    for name, values in _map(value, path).items():
        inner = f"{path}.{name}"
        if not name or len(name) > NAME_LIMIT:
            raise LineRefused("name_long", inner[:200])
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise LineRefused("json_type", inner, member=inner, expected="a list of texts")
        found[name] = [rules.check_attribute(one, inner) for one in values]
    return found


def _json_metrics(row: Row, value: Any, path: str) -> None:
    for name, number in _map(value, path).items():
        inner = f"{path}.{name}"
        if not name or len(name) > NAME_LIMIT:
            raise LineRefused("name_long", inner[:200])
        if not isinstance(number, int | float):
            raise LineRefused("metric", inner, value=str(number)[:100])
        row.metrics[name] = rules.check_metric(number, inner)


def _json_demographic(row: Row, value: Any, path: str) -> None:
    for name, text in _map(value, path).items():
        if name not in DEMOGRAPHIC:
            raise _unknown_member(f"{path}.{name}", name, DEMOGRAPHIC)
        if text not in (None, ""):
            row.demographic[name] = rules.check_text(_text(text, f"{path}.{name}"), f"{path}.{name}")


def _json_location(row: Row, value: Any, path: str) -> None:
    for name, part in _map(value, path).items():
        if name not in LOCATION:
            raise _unknown_member(f"{path}.{name}", name, LOCATION)
        if part not in (None, ""):
            row.location[name] = rules.check_location(name, part, f"{path}.{name}")


def _json_user(row: Row, value: Any, path: str) -> None:
    for name, part in _map(value, path).items():
        if name == "UserId":
            row.user_id = rules.check_user_id(_text(part, f"{path}.UserId"), f"{path}.UserId")
        elif name == "UserAttributes":
            row.user_attributes = _named_lists(part, f"{path}.UserAttributes")
        else:
            raise _unknown_member(f"{path}.{name}", name, ("UserId", "UserAttributes"))


def _json_setter(name: str, check: Callable[[str, str], str]) -> Callable[[Row, Any, str], None]:
    def take(row: Row, value: Any, path: str) -> None:
        text = _text(value, path)
        if text:
            setattr(row, name, check(text, path))

    return take


def _json_attributes(row: Row, value: Any, path: str) -> None:
    row.attributes = _named_lists(value, path)


_MEMBERS: dict[str, Callable[[Row, Any, str], None]] = {
    "Id": _json_setter("endpoint_id", rules.check_id),
    "ChannelType": _json_setter("channel", rules.check_channel),
    "Address": _json_setter("address", lambda value, _path: value),
    "OptOut": _json_setter("opt_out", rules.check_opt_out),
    "RequestId": _json_setter("request_id", lambda value, _path: value[:64]),
    "EndpointStatus": lambda _row, _value, _path: None,
    "EffectiveDate": lambda _row, _value, _path: None,
    "CohortId": lambda _row, _value, _path: None,  # an export's members that a later import need not lose its lines for
    "CreationDate": lambda _row, _value, _path: None,
    "ApplicationId": lambda _row, _value, _path: None,
    "Attributes": _json_attributes,
    "Metrics": _json_metrics,
    "Demographic": _json_demographic,
    "Location": _json_location,
    "User": _json_user,
}
