"""Columns as the binary form of COPY has them (PostgreSQL's manual, COPY, file formats): a field is its length and its bytes.

The server reads it in about two thirds of the time that the text form takes, in which each instant of a row is parsed.
"""

from __future__ import annotations

import datetime
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BEGIN = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)

Part = Any  # an array of binary, of each row its bytes; or bytes that are the same in all rows


def fields(count: int) -> bytes:
    """What a row begins with."""
    return struct.pack(">h", count)


def text(value: str) -> bytes:
    held = value.encode()
    return struct.pack(">i", len(held)) + held


def bigint(value: int) -> bytes:
    return struct.pack(">iq", 8, value)


def instant(moment: datetime.datetime) -> bytes:
    return bigint((moment - _EPOCH) // _MICROSECOND)


def texts(values: pa.Array) -> tuple[Part, Part]:
    return _lengths(pc.binary_length(values).to_numpy()), pc.cast(values, pa.binary())


def documents(values: pa.Array) -> tuple[Part, Part]:
    """JSON texts for jsonb: version 1 of its form stands before each."""
    lengths = _lengths(pc.binary_length(values).to_numpy() + 1)
    return joined([lengths, b"\x01"]), pc.cast(values, pa.binary())


def bigints(values: npt.NDArray[np.int64]) -> Part:
    return _rows(values, np.dtype([("length", ">i4"), ("value", ">i8")]))


def bigints_or_null(values: npt.NDArray[np.int64]) -> Part:
    """0 is NULL."""
    return pc.if_else(pa.array(values != 0), bigints(values), pa.scalar(NULL, pa.binary()))


def smallints(values: npt.NDArray[np.int64]) -> Part:
    return _rows(values, np.dtype([("length", ">i4"), ("value", ">i2")]))


def joined(parts: list[Part]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, b"")


def _lengths(values: npt.NDArray[np.int32]) -> pa.Array:
    return _fixed(values.astype(">i4"))


def _rows(values: npt.NDArray[np.int64], form: np.dtype[np.void]) -> pa.Array:
    rows = np.empty(len(values), dtype=form)
    rows["length"] = form["value"].itemsize
    rows["value"] = values
    return _fixed(rows)


def _fixed(rows: npt.NDArray[np.generic]) -> pa.Array:
    kind = pa.binary(rows.dtype.itemsize)
    return pc.cast(pa.FixedSizeBinaryArray.from_buffers(kind, len(rows), [None, pa.py_buffer(rows.tobytes())]), pa.binary())
