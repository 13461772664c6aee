"""Small pieces of SQL that every floor needs."""

from __future__ import annotations

import array
import contextlib
import io
import re
import struct
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from pyroaring import BitMap64

from core.audience import Audience

_HEADER = 19  # bytes before the first row of COPY's binary form (PostgreSQL's manual, "COPY", file formats)
_FIELDS, _LENGTH = struct.Struct(">h").unpack_from, struct.Struct(">i").unpack_from


_PLACE = re.compile(r"%s|%\((\w+)\)s")
_FEW = 20
_prepared: weakref.WeakKeyDictionary[Any, dict[str, tuple[str, list[str] | None]]] = weakref.WeakKeyDictionary()


def execute_again(cursor: Any, query: str, params: Sequence[Any] | Mapping[str, Any], *, rows: int) -> None:
    """Execute a statement about some ``rows`` that this connection executes again and again: for a few it is planned only once.

    Half of what a single update costs the server is planning. The plan knows no values (``core.apps`` asks for that), so the query
    must be one whose plan is the same for all of them, and each parameter's type must be told by the text around it.
    """
    cursor.execute(*_again(cursor, query, params, rows))


def _again(
    cursor: Any, query: str, params: Sequence[Any] | Mapping[str, Any], rows: int
) -> tuple[str, Sequence[Any] | Mapping[str, Any]]:
    """The statement as it is to be executed, with its parameters; prepared, if it is worth it."""
    is_pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")  # a pooler hands connections from one to another
    if rows > _FEW or is_pooled:
        return query, params
    known = _prepared.setdefault(connection.connection, {})
    if query not in known:
        name = f"again_{len(known)}"
        names: list[str | None] = []

        def number(place: re.Match[str]) -> str:
            if place[1] is None or place[1] not in names:
                names.append(place[1])
                return f"${len(names)}"
            return f"${names.index(place[1]) + 1}"

        cursor.execute(f"PREPARE {name} AS {_PLACE.sub(number, query)}")
        known[query] = f"EXECUTE {name} ({', '.join('%s' for _name in names)})", [one for one in names if one] or None
    execute, order = known[query]
    return execute, params if order is None else [params[one] for one in order]  # type: ignore[call-overload]


def is_away(error: Exception) -> bool:
    """Whether the server, or the connection to it, is gone. A COPY that is broken off says so by the bare class."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


class Together:
    """Statements whose rows nobody asks for, sent to the server at once: a round trip costs as much as a small statement.

    What waits is lost unless ``send`` is called.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def execute_again(self, query: str, params: Sequence[Any] | Mapping[str, Any], *, rows: int) -> None:
        """As the function of this name, when ``send`` is called."""
        with connection.cursor() as cursor:
            self._waiting.append(cursor.mogrify(*_again(cursor, query, params, rows)).decode())

    def send(self) -> None:
        if self._waiting:
            with connection.cursor() as cursor:
                cursor.execute(";".join(self._waiting))
            self._waiting.clear()


def copy_rows(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Iterator[list[bytes]]:
    """The rows of a query, no column of which is NULL, as raw binary fields: an ordinary cursor spells bitmaps in hex."""
    data = copied(query, params, "FORMAT binary")
    at = _HEADER
    while True:
        (fields,) = _FIELDS(data, at)
        if fields < 0:
            return
        at += 2
        row: list[bytes] = []
        for _field in range(fields):
            (size,) = _LENGTH(data, at)
            at += 4
            row.append(data[at : at + size])
            at += size
        yield row


def id_set(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Audience:
    """A query of one column of bigint, never NULL, as an audience.

    The server hands the ids over as one value: processes that share a scan join theirs, where rows would be passed on one by one.
    """
    ((joined,),) = copy_rows(f"SELECT coalesce(string_agg(int8send(id), ''), '') FROM ({query}) AS asked (id)", params)
    ids = np.frombuffer(joined, ">i8")
    return Audience(BitMap64(array.array("Q", ids.astype("<u8").tobytes())))


def id_sets(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> dict[str, Audience]:
    """A query of (key, bigint) as one audience a key. Keys must not hold tabs; NULL is the empty text."""
    data = copied(query, params, "NULL ''")
    found: dict[bytes, list[int]] = {}
    for line in data.splitlines():
        key, _, number = line.rpartition(b"\t")
        found.setdefault(key, []).append(int(number))
    return {key.decode(): Audience(BitMap64(ids)) for key, ids in found.items()}


def copied(query: str, params: Sequence[Any] | Mapping[str, Any], options: str) -> bytes:
    """What COPY gives of a query, in the form that the options ask for."""
    with connection.cursor() as cursor:
        copy = b"COPY (" + cursor.mogrify(query, params) + f") TO STDOUT ({options})".encode()
        out = io.BytesIO()
        with connection.wrap_database_errors:  # COPY goes past Django's cursor
            cursor.copy_expert(copy.decode(), out)
    return out.getvalue()


@contextlib.contextmanager
def planned_without(*ways: str) -> Iterator[None]:
    """Statements of the block are planned without these (``seqscan``, ``hashjoin``, …): where we know better than the planner, who has
    seen neither rows that came a moment ago nor what a condition about a document comes to. In a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL enable_{way} = off" for way in ways))
        yield
        cursor.execute("; ".join(f"SET LOCAL enable_{way} = on" for way in ways))  # after an error the transaction ends anyway


def bigint_array(ids: Iterable[int | None]) -> str:
    """An array literal, None as NULL. A list as a parameter is adapted one by one, and each of its members is an expression to the
    server."""
    return "{" + ",".join(["NULL" if one is None else str(one) for one in ids]) + "}"


def text_array(texts: Iterable[str]) -> str:
    """An array literal of texts (or JSON, or instants), for the same reason."""
    some = texts if isinstance(texts, list) else list(texts)
    if not some:
        return "{}"
    joined = '","'.join(some)
    if "\\" in joined or joined.count('"') > 2 * (len(some) - 1):
        joined = '","'.join([one.replace("\\", "\\\\").replace('"', '\\"') for one in some])
    return '{"' + joined + '"}'
