"""Small pieces of SQL that every floor needs."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection
from pyroaring import BitMap64

from core.audience import Audience


def id_set(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Audience:
    """The first column (bigint) of a query as an audience. Read by COPY: a million ids take a third of a second."""
    with connection.cursor() as cursor:
        copy = b"COPY (" + cursor.mogrify(query, params) + b") TO STDOUT"
        out = io.BytesIO()
        with connection.wrap_database_errors:  # COPY goes past Django's cursor
            cursor.copy_expert(copy.decode(), out)
    return Audience(BitMap64([int(line) for line in out.getvalue().split()]))


def id_sets(query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> dict[str, Audience]:
    """A query of (key, bigint) as one audience a key. Keys must not hold tabs; NULL is the empty text."""
    with connection.cursor() as cursor:
        copy = b"COPY (" + cursor.mogrify(query, params) + b") TO STDOUT (NULL '')"
        out = io.BytesIO()
        with connection.wrap_database_errors:  # COPY goes past Django's cursor
            cursor.copy_expert(copy.decode(), out)
    found: dict[bytes, list[int]] = {}
    for line in out.getvalue().splitlines():
        key, _, number = line.rpartition(b"\t")
        found.setdefault(key, []).append(int(number))
    return {key.decode(): Audience(BitMap64(ids)) for key, ids in found.items()}


def bigint_array(ids: Iterable[int]) -> str:
    """An array literal; far cheaper than adapting a list of a million numbers one by one."""
    return "{" + ",".join(map(str, ids)) + "}"
