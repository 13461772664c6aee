"""The header of a CSV file: Pinpoint's columns, and what each one is (reference, section 3)."""

from __future__ import annotations

import csv
import difflib
import enum
from collections.abc import Iterable
from dataclasses import dataclass

from endpoints.importer.refusals import FileRefused
from endpoints.writing.rules import DEMOGRAPHIC, LOCATION, NAME_LIMIT


class ColumnKind(enum.Enum):
    ID = "Id"
    CHANNEL = "ChannelType"
    ADDRESS = "Address"
    OPT_OUT = "OptOut"
    USER_ID = "User.UserId"
    REQUEST_ID = "RequestId"
    IGNORED = "ignored"  # EndpointStatus, EffectiveDate: taken and left alone, with a note
    DEMOGRAPHIC = "Demographic"
    LOCATION = "Location"
    ATTRIBUTE = "Attributes"
    USER_ATTRIBUTE = "User.UserAttributes"
    METRIC = "Metrics"


REPEATABLE = frozenset({ColumnKind.ATTRIBUTE, ColumnKind.USER_ATTRIBUTE})
_FIXED: dict[str, tuple[ColumnKind, str]] = {
    **{kind.value: (kind, "") for kind in ColumnKind if kind.value in
       {"Id", "ChannelType", "Address", "OptOut", "User.UserId", "RequestId"}},
    "EndpointStatus": (ColumnKind.IGNORED, ""),
    "EffectiveDate": (ColumnKind.IGNORED, ""),
    **{f"Demographic.{name}": (ColumnKind.DEMOGRAPHIC, name) for name in DEMOGRAPHIC},
    **{f"Location.{name}": (ColumnKind.LOCATION, name) for name in LOCATION},
}  # fmt: skip
_CUSTOM = {
    "Attributes.": ColumnKind.ATTRIBUTE,
    "User.UserAttributes.": ColumnKind.USER_ATTRIBUTE,
    "Metrics.": ColumnKind.METRIC,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its text in the header, what it is, and the name of the attribute, metric or member."""

    header: str
    kind: ColumnKind
    name: str


def parse_header(line: str) -> list[Column]:
    """The columns of a header line (without its line end); raises ``FileRefused``."""
    names = next(csv.reader([line]), [])
    columns = [_column(name) for name in names]
    seen: set[str] = set()
    for column in columns:
        if column.header in seen and column.kind not in REPEATABLE:
            raise FileRefused("repeated_column", column=column.header)
        seen.add(column.header)
    if not seen & {"Id", "Address", "User.UserId"}:
        raise FileRefused("no_key_column")
    return columns


def columns_of(names: Iterable[str]) -> list[Column]:
    """The columns of a header that was parsed before."""
    return [_column(name) for name in names]


def _column(header: str) -> Column:
    fixed = _FIXED.get(header)
    if fixed:
        return Column(header=header, kind=fixed[0], name=fixed[1])
    for prefix, kind in _CUSTOM.items():
        if header.startswith(prefix):
            name = header.removeprefix(prefix)
            if not name:
                raise FileRefused("attribute_name_empty", column=header)
            if len(name) > NAME_LIMIT:
                raise FileRefused("attribute_name_long", column=header, length=len(name))
            return Column(header=header, kind=kind, name=name)
    nearest = difflib.get_close_matches(header, [*_FIXED, *_CUSTOM], n=1, cutoff=0.5)
    if nearest:
        raise FileRefused("unknown_column", column=header, nearest=nearest[0])
    raise FileRefused("unknown_column_alone", column=header)
