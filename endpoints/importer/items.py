"""Plain lines as items: what the readers make of each, taken from the columns that are there already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from endpoints.importer.columnar import Field, Lines
from endpoints.importer.columns import ColumnKind
from endpoints.writing.documents import Item


def items_of(lines: Lines, *, raw: Sequence[bytes], first_line: int) -> dict[int, Item]:
    """The items by place; ``raw`` is the whole piece, ``first_line`` the number of its first line."""
    columns = (lines.ids, lines.channels, lines.addresses, lines.opt_outs, lines.users, lines.request_ids)
    found = [
        Item(first_line + place, raw[place].decode().rstrip("\r"), *texts)
        for place, *texts in zip(lines.positions.tolist(), *(column.to_pylist() for column in columns), strict=True)
    ]
    for one in lines.fields:
        _PUTTERS[one.kind](found, one)
    return dict(zip(lines.positions.tolist(), found, strict=True))


def _put_lists(member: str) -> Callable[[list[Item], Field], None]:
    def put(found: list[Item], one: Field) -> None:
        if one.lists is not None:
            for item, values in zip(found, one.lists.to_pylist(), strict=True):
                if values:
                    getattr(item, member)[one.name] = values
        for texts in one.texts:
            for item, text in zip(found, texts.to_pylist(), strict=True):
                if text:
                    getattr(item, member).setdefault(one.name, []).append(text)

    return put


def _put_metric(found: list[Item], one: Field) -> None:
    for item, text in zip(found, one.texts[0].to_pylist(), strict=True):
        if text:
            item.metrics[one.name] = float(text)


def _put_demographic(found: list[Item], one: Field) -> None:
    for item, text in zip(found, one.texts[0].to_pylist(), strict=True):
        if text:
            item.demographic[one.name] = text


def _put_location(found: list[Item], one: Field) -> None:
    kept: Callable[[str], Any] = float if one.name in ("Latitude", "Longitude") else str
    for item, text in zip(found, one.texts[0].to_pylist(), strict=True):
        if text:
            item.location[one.name] = kept(text)


_PUTTERS = {
    ColumnKind.ATTRIBUTE: _put_lists("attributes"),
    ColumnKind.USER_ATTRIBUTE: _put_lists("user_attributes"),
    ColumnKind.METRIC: _put_metric,
    ColumnKind.DEMOGRAPHIC: _put_demographic,
    ColumnKind.LOCATION: _put_location,
}
