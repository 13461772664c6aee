"""Small pieces of SQL that every floor needs."""

from __future__ import annotations

import array
import contextlib
import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db import connection
from pyroaring import BitMap64

from core.audience import Audience

_HEADER = 19  # bytes before the first row of COPY's binary form (PostgreSQL's manual, "COPY", file formats)
_FIELDS, _LENGTH = struct.Struct(">h").unpack_from, struct.Struct(">i").unpack_from


def copy_rows(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Iterator[list[bytes]]:
    """The rows of a query, no column of which is NULL, as raw binary fields: an ordinary cursor spells bitmaps in hex."""
    data = _copied(query, params, "FORMAT binary")
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
    data = _copied(query, params, "NULL ''")
    found: dict[bytes, list[int]] = {}
    for line in data.splitlines():
        key, _, number = line.rpartition(b"\t")
        found.setdefault(key, []).append(int(number))
    return {key.decode(): Audience(BitMap64(ids)) for key, ids in found.items()}


def _copied(query: str, params: Sequence[Any] | Mapping[str, Any], options: str) -> bytes:
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
