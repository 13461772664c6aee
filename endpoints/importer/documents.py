"""JSON lines as whole columns. Where Arrow can't read them: each line parsed, and what its members hold gathered column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from endpoints.importer import columnar, objects
from endpoints.importer.columnar import Lines, Mask
from endpoints.importer.columns import ColumnKind
from endpoints.importer.objects import Gathered
from endpoints.writing import rules

_MAPS = {"Attributes", "Metrics", "Demographic", "Location", "User"}
_MEMBERS = frozenset(objects.TEXTS) | objects.IGNORED | _MAPS


def read_columns(raw: Sequence[bytes]) -> tuple[Lines | None, Mask, list[int]]:
    """The lines by columns, which of them are plain, and the places of those that are in no column."""
    gathered = objects.gather(raw) or _gather(raw)
    if not len(gathered.places):
        return None, np.zeros(0, dtype=bool), gathered.left
    lines, good = columnar.check(gathered.columns, gathered.places)
    return lines, good, gathered.left


def _gather(raw: Sequence[bytes]) -> Gathered:
    left: list[int] = []
    places: list[int] = []
    found: list[dict[str, Any]] = []
    for place, line in enumerate(raw):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            left.append(place)
            continue
        if type(document) is dict and document.keys() <= _MEMBERS and len(line) < objects.LINE_BYTES and b"\\u0000" not in line:
            found.append(document)
            places.append(place)
        else:
            left.append(place)
    found_columns = _Columns(found)
    if found_columns.is_too_wide:
        return Gathered({}, np.zeros(0, dtype=np.int64), sorted(left + places))
    return objects.gathered(found_columns.columns, places=places, good=~found_columns.faulty, left=left)


class _Columns:
    """Columns of documents; ``faulty`` are those with a value of another type than its member's."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self.faulty: Mask = np.zeros(len(found), dtype=bool)
        self.columns: dict[tuple[ColumnKind, str], Any] = {}
        self.is_too_wide = False
        for member, kind in objects.TEXTS.items():
            self._texts(kind, "", [document.get(member) for document in found])
        people = self._maps(found, "User")
        known = {"UserId", "UserAttributes"}
        self._mark(people, lambda person: person.keys() <= known and None not in person.values())
        self._texts(ColumnKind.USER_ID, "", [person.get("UserId") for person in people])
        self._each(ColumnKind.USER_ATTRIBUTE, self._maps(people, "UserAttributes"), self._lists)
        self._each(ColumnKind.ATTRIBUTE, self._maps(found, "Attributes"), self._lists)
        self._each(ColumnKind.METRIC, self._maps(found, "Metrics"), self._numbers)
        self._members(ColumnKind.DEMOGRAPHIC, self._maps(found, "Demographic"), rules.DEMOGRAPHIC)
        self._members(ColumnKind.LOCATION, self._maps(found, "Location"), rules.LOCATION)

    def _maps(self, found: list[dict[str, Any]], member: str) -> list[dict[str, Any]]:
        nothing: dict[str, Any] = {}
        some = [document.get(member) for document in found]
        return [
            one if type(one) is dict else nothing if one is None else self._fault(place, nothing)
            for place, one in enumerate(some)
        ]

    def _fault(self, place: int, instead: Any) -> Any:
        self.faulty[place] = True
        return instead

    def _each(self, kind: ColumnKind, maps: list[dict[str, Any]], take: Any) -> None:
        names: set[str] = set()
        names.update(*maps)
        if len(names) > objects.NAMES:
            self.is_too_wide = True
            return
        self._mark(maps, lambda one: None not in one.values())
        for name in sorted(names):
            cells = [one.get(name) for one in maps]
            if 0 < len(name) <= rules.NAME_LIMIT:
                take(kind, name, cells)
            else:
                self._mark(cells, lambda cell: cell is None)

    def _members(self, kind: ColumnKind, maps: list[dict[str, Any]], allowed: tuple[str, ...]) -> None:
        names: set[str] = set()
        names.update(*maps)
        for name in sorted(names):
            cells = [one.get(name) for one in maps]
            if name in ("Latitude", "Longitude"):
                cells = [str(cell) if type(cell) in (int, float) else cell for cell in cells]
            if name in allowed:
                self._texts(kind, name, cells)
            else:
                for place, one in enumerate(maps):
                    if name in one:
                        self.faulty[place] = True

    def _texts(self, kind: ColumnKind, name: str, cells: list[Any]) -> None:
        if not set(map(type, cells)) <= {str, type(None)}:
            self._mark(cells, lambda cell: cell is None or type(cell) is str)
            cells = [cell if type(cell) is str else "" for cell in cells]
        self.columns[kind, name] = [pa.array([cell or "" for cell in cells], pa.string())]

    def _lists(self, kind: ColumnKind, name: str, cells: list[Any]) -> None:
        """An empty list takes a key away, which the columns can't say."""
        try:
            array = pa.array(cells, pa.list_(pa.string()))
            is_faulty = array.values.null_count > 0 or [] in cells
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            is_faulty = True
        if is_faulty or not self._fit(array):
            self._mark(cells, _is_list)
            array = pa.array([cell if _is_list(cell) else None for cell in cells], pa.list_(pa.string()))
        self.columns[kind, name] = array

    @staticmethod
    def _fit(array: pa.Array) -> bool:
        lengths = pc.utf8_length(array.flatten()).to_numpy()
        counts = pc.list_value_length(array).fill_null(0).to_numpy()
        return bool((lengths <= rules.VALUE_LIMIT).all() and (counts <= rules.VALUES_LIMIT).all())

    def _numbers(self, kind: ColumnKind, name: str, cells: list[Any]) -> None:
        if not set(map(type, cells)) <= {int, float, type(None)}:
            self._mark(cells, lambda cell: cell is None or type(cell) in (int, float))
            cells = [cell if type(cell) in (int, float) else None for cell in cells]
        self.columns[kind, name] = [pa.array(["" if cell is None else repr(float(cell)) for cell in cells], pa.string())]

    def _mark(self, cells: list[Any], fits: Any) -> None:
        for place, cell in enumerate(cells):
            if not fits(cell):
                self.faulty[place] = True


def _is_list(cell: Any) -> bool:
    """Texts of an attribute, or no such attribute."""
    return cell is None or (
        type(cell) is list
        and 0 < len(cell) <= rules.VALUES_LIMIT
        and all(type(one) is str and len(one) <= rules.VALUE_LIMIT for one in cell)
    )
