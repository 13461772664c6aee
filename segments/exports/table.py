"""EndpointResponse documents as rows of a table, in the columns of the import format: what is exported can be imported again.

A list attribute is a column repeated as often as its longest list. ``CohortId`` and the dates are the console's own and no columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

FIXED = ("Id", "ChannelType", "Address", "OptOut", "User.UserId", "RequestId")
_GROUPS = ("Demographic", "Location", "Metrics")


def columns_of(lines: bytes) -> dict[str, int]:
    """The columns beside the fixed ones that these JSON lines need: name → how often it is repeated."""
    needed: dict[str, int] = {}
    for line in lines.splitlines():
        for name, values in _cells(orjson.loads(line)):
            needed[name] = max(needed.get(name, 0), len(values))
    return needed


def merged(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The columns of several parts as those of one table, sorted by name."""
    needed: dict[str, int] = {}
    for part in parts:
        for name, times in part.items():
            needed[name] = max(needed.get(name, 0), times)
    return dict(sorted(needed.items()))


def header(columns: Mapping[str, int]) -> list[str]:
    return [*FIXED, *(name for name, times in columns.items() for _time in range(times))]


def rows(lines: bytes, columns: Mapping[str, int]) -> Iterator[list[str]]:
    """One row for each JSON line; an absent value is an empty cell."""
    for line in lines.splitlines():
        document = orjson.loads(line)
        held = dict(_cells(document))
        row = [_text(document.get(name)) for name in FIXED]
        row[FIXED.index("User.UserId")] = _text((document.get("User") or {}).get("UserId"))
        for name, times in columns.items():
            values = held.get(name, ())
            row += [*values, *[""] * (times - len(values))]
        yield row


def csv_text(table: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    return out.getvalue()


def _cells(document: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for group in _GROUPS:
        for name, value in (document.get(group) or {}).items():
            if value is not None:
                yield f"{group}.{name}", [_text(value)]
    yield from _lists("Attributes", document.get("Attributes"))
    yield from _lists("User.UserAttributes", (document.get("User") or {}).get("UserAttributes"))


def _lists(group: str, attributes: dict[str, list[str]] | None) -> Iterator[tuple[str, list[str]]]:
    for name, values in (attributes or {}).items():
        if values:
            yield f"{group}.{name}", values


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)
