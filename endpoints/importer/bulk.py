"""Plain lines against the tables: which endpoints are stored, which are unchanged; new rows by COPY straight into the tables."""

from __future__ import annotations

import contextlib
import datetime
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection
from pyarrow import csv

from core.sql import planned_without, text_array
from endpoints.importer import binary, columnar
from endpoints.importer.columnar import Lines, Mask, Positions
from endpoints.importer.drafts import Drafts
from endpoints.writing import hashes

_ENDPOINTS = """
    SELECT e.endpoint_key, e.id, coalesce(e.line_hash, 0), round(date_part('epoch', e.updated_at) * 1000000)::bigint,
           coalesce(u.id, 0), coalesce(round(date_part('epoch', u.updated_at) * 1000000)::bigint, 0)
      FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s AND e.endpoint_key = ANY(%s::text[])
"""
_USERS = """
    SELECT u.user_id, u.id, round(date_part('epoch', u.updated_at) * 1000000)::bigint, u.attributes,
           (SELECT count(*) FROM endpoints_endpoint e WHERE e.user_id = u.id)
      FROM endpoints_endpointuser u WHERE u.project_id = %s AND u.user_id = ANY(%s::text[])
"""
_HOLDERS = """
    SELECT e.address_key, min(e.id) FROM endpoints_endpoint e
     WHERE e.project_id = %s AND e.channel_type = %s AND e.address_key = ANY(%s::text[]) GROUP BY 1
"""
_ENDPOINT_COLUMNS = """
    id, project_id, endpoint_id, endpoint_key, channel_type, address, address_key, opt_out, status, attributes, metrics,
    demographic, location, cohort_id, request_id, user_id, effective_at, created_at, updated_at, line_hash
"""
# The sequence's name is looked up once; in the row's expression it would be looked up for each.
_NEW_IDS = """
    WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS name)
    SELECT nextval(name) AS id FROM sequence, generate_series(1, %s)
"""
_FIRST_AND_LAST = f"SELECT min(id), max(id) FROM ({_NEW_IDS}) ids"
_SLICE = 4_096  # rows whose text is made at once


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored under the keys of some lines, line by line: ``ids`` are 0 where there is nothing."""

    ids: Positions
    is_unchanged: Mask


@dataclass(frozen=True, slots=True)
class StoredUsers:
    """What is stored of some users, by their position: ``pks`` are 0 where there is nobody."""

    pks: Positions
    written: Positions  # microseconds
    endpoints: Positions
    attributes: list[dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for a table and its columns, given as whole columns in the binary form of COPY."""

    into: str
    columns: list[binary.Part]

    def __len__(self) -> int:
        return next(len(column) for column in self.columns if not isinstance(column, bytes))

    def slices(self) -> Iterator[bytes]:
        """As COPY reads them, a part at a time."""
        begin = binary.BEGIN
        for start in range(0, len(self), _SLICE):
            columns = [column if isinstance(column, bytes) else column.slice(start, _SLICE) for column in self.columns]
            yield begin + _bytes(binary.joined(columns))
            begin = b""
        yield binary.END


class _Binary:
    """Rows as a file that COPY reads: the next ones are made while the server writes the last."""

    def __init__(self, rows: Rows) -> None:
        self._slices = rows.slices()

    def read(self, _size: int) -> bytes:
        return next(self._slices, b"")


def stored_endpoints(*, project_id: int, lines: Lines, line_hashes: npt.NDArray[np.uint64]) -> Stored:
    size = len(lines)
    ids = np.zeros(size, dtype=np.int64)
    is_unchanged = np.zeros(size, dtype=bool)
    types = [pa.string(), *[pa.int64()] * 5]
    rows = _read(_ENDPOINTS, [project_id, text_array(lines.keys.to_pylist())], types)
    if rows.num_rows:
        places = pc.index_in(rows.column(0), value_set=lines.keys).to_numpy()
        pks, held, written, users, users_written = (rows.column(n).to_numpy() for n in range(1, 6))
        ids[places] = pks
        fit = hashes.stamps(line_hashes[places], written, users, users_written)
        is_unchanged[places] = (held != 0) & (fit == held)
    return Stored(ids=ids, is_unchanged=is_unchanged)


def stored_users(*, project_id: int, user_ids: pa.Array) -> StoredUsers:
    size = len(user_ids)
    pks, written, endpoints = (np.zeros(size, dtype=np.int64) for _ in range(3))
    attributes: list[dict[str, Any] | None] = [None] * size
    types = [pa.string(), pa.int64(), pa.int64(), pa.string(), pa.int64()]
    rows = _read(_USERS, [project_id, text_array(user_ids.to_pylist())], types)
    if rows.num_rows:
        places = pc.index_in(rows.column(0), value_set=user_ids).to_numpy()
        pks[places], written[places], endpoints[places] = (rows.column(n).to_numpy() for n in (1, 2, 4))
        for place, text in zip(places.tolist(), rows.column(3).to_pylist(), strict=True):
            attributes[place] = orjson.loads(text)
    return StoredUsers(pks=pks, written=written, endpoints=endpoints, attributes=attributes)


def holders(*, project_id: int, lines: Lines) -> tuple[Mask, list[int]]:
    """Which of these new lines' addresses another endpoint has or gets with them, and the ids of present holders."""
    shared = np.zeros(len(lines), dtype=bool)
    present: list[int] = []
    for channel in pc.unique(lines.channels).to_pylist():
        mine = np.flatnonzero(columnar.true(pc.equal(lines.channels, channel)))
        encoded = lines.address_keys.take(pa.array(mine)).dictionary_encode()
        held_twice = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary)) > 1
        rows = _read(_HOLDERS, [project_id, channel, text_array(encoded.dictionary.to_pylist())], [pa.string(), pa.int64()])
        if rows.num_rows:
            held_twice[pc.index_in(rows.column(0), value_set=encoded.dictionary).to_numpy()] = True
            present += rows.column(1).to_pylist()
        shared[mine] = held_twice[encoded.indices.to_numpy()]
    return shared, present


def new_ids(table: str, count: int) -> Positions:
    """Numbers of the table's sequence. Most often nobody else takes one meanwhile, and the first and the last tell all."""
    if not count:
        return np.zeros(0, dtype=np.int64)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_AND_LAST, [table, count])
        first, last = cursor.fetchone()
        if last - first + 1 == count:
            return np.arange(first, last + 1, dtype=np.int64)
        cursor.execute(_NEW_IDS, [table, count])
        return np.fromiter((pk for (pk,) in cursor.fetchall()), dtype=np.int64, count=count)


def user_rows(*, project_id: int, pks: Positions, user_ids: pa.Array, documents: pa.Array, now: datetime.datetime) -> Rows:
    moment = binary.instant(now)
    return Rows(
        "endpoints_endpointuser (id, project_id, user_id, attributes, created_at, updated_at)",
        [
            binary.fields(6), binary.bigints(pks), binary.bigint(project_id), *binary.texts(user_ids), *binary.documents(documents),
            moment, moment,
        ],
    )  # fmt: skip


def endpoint_rows(
    *,
    project_id: int,
    pks: Positions,
    drafts: Drafts,
    user_pks: Positions,
    users_written: Positions,
    line_hashes: npt.NDArray[np.uint64],
    now: datetime.datetime,
) -> Rows:
    moment = binary.instant(now)
    written = np.full(len(pks), hashes.microseconds(now), dtype=np.int64)
    stamps = hashes.stamps(line_hashes, written, user_pks, users_written)
    return Rows(
        f"endpoints_endpoint ({_ENDPOINT_COLUMNS})",
        [
            binary.fields(_ENDPOINT_COLUMNS.count(",") + 1), binary.bigints(pks), binary.bigint(project_id), drafts.heads,
            drafts.tails, binary.bigints_or_null(user_pks), moment, moment, moment, binary.bigints(stamps),
        ],
    )  # fmt: skip


def opt_out_rows(*, project_id: int, endpoint_pks: Positions, now: datetime.datetime) -> Rows:
    return Rows(
        "endpoints_optoutentry (project_id, endpoint_id, opt_out, source, at)",
        [
            binary.fields(5), binary.bigint(project_id), binary.bigints(endpoint_pks), binary.text("ALL"), binary.text("IMPORT"),
            binary.instant(now),
        ],
    )  # fmt: skip


@contextlib.contextmanager
def copying(rows: Rows) -> Iterator[None]:
    """COPY, in the background: the server writes while the block computes what comes next, and has written when it ends.

    The block must leave the connection alone.
    """
    if not len(rows):
        yield
        return
    with ThreadPoolExecutor(1, thread_name_prefix="copy") as pool:
        done = pool.submit(_copy, connection.cursor(), rows)
        yield
        done.result()


def copy(rows: Rows) -> None:
    if len(rows):
        _copy(connection.cursor(), rows)


def _copy(cursor: Any, rows: Rows) -> None:
    with cursor:
        cursor.copy_expert(f"COPY {rows.into} FROM STDIN (FORMAT binary)", _Binary(rows))


def _read(query: str, params: Sequence[Any], types: Sequence[pa.DataType]) -> pa.Table:
    out = io.BytesIO()
    with planned_without("seqscan", "hashjoin", "mergejoin"), connection.cursor() as cursor:  # keys are always looked up
        copy = b"COPY (" + cursor.mogrify(query, params) + b") TO STDOUT (FORMAT csv)"
        cursor.copy_expert(copy.decode(), out, 1 << 20)
    names = [str(n) for n in range(len(types))]
    if not out.getbuffer():
        return pa.table({name: pa.array([], kind) for name, kind in zip(names, types, strict=True)})
    table = csv.read_csv(
        pa.BufferReader(out.getbuffer()),
        csv.ReadOptions(use_threads=False, block_size=max(len(out.getbuffer()) + 1, 1024), column_names=names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(column_types=dict(zip(names, types, strict=True)), strings_can_be_null=False),
    )
    return table.combine_chunks()


def _bytes(rows: pa.Array) -> bytes:
    _validity, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)
    return bytes(memoryview(data)[int(ends[rows.offset]) : int(ends[rows.offset + len(rows)])])
