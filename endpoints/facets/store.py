"""Base bitmaps as they are stored: 32-bit roaring bitmaps, one row for each (subject, value, chunk of the id space).

The low 32 bits of an id stand in the bitmap, the rest of it is the *page*. 32-bit bitmaps because the union of two thousand of them
takes a tenth of the time that 64-bit ones take; an installation's first four thousand million endpoints are all in page 0.
"""

from __future__ import annotations

import array
import struct
from collections.abc import Iterable, Mapping

import numpy as np
from pyroaring import BitMap, BitMap64

from core.audience import Audience

CHUNK_BITS = 21  # a row of a value that one endpoint in 5,000 has stays on its disk page; one that all have takes 256 KB
_CHUNKS_OF_A_PAGE = 32 - CHUNK_BITS  # log2
_LOW = 0xFFFF_FFFF
_FEW = 64  # ids that are split one by one

Chunks = dict[int, BitMap]  # by the number of the chunk


def split(ids: BitMap64) -> dict[int, BitMap]:
    """Ids by chunk, as they are stored."""
    if len(ids) < _FEW:
        found: dict[int, list[int]] = {}
        for one in ids:
            found.setdefault(one >> CHUNK_BITS, []).append(one & _LOW)
        return {chunk: BitMap(some) for chunk, some in found.items()}
    numbers = np.fromiter(ids, np.uint64, len(ids))
    chunks = numbers >> np.uint64(CHUNK_BITS)
    parts = np.split(numbers, np.flatnonzero(np.diff(chunks)) + 1)
    return {int(part[0]) >> CHUNK_BITS: _bitmap(part & np.uint64(_LOW)) for part in parts}


def _bitmap(low: np.ndarray) -> BitMap:
    return BitMap(array.array("I", low.astype(np.uint32).tobytes()))


def joined(chunks: Chunks) -> Audience:
    """The chunks as one audience: CRoaring's 64-bit form is the 32-bit forms, each after its page."""
    by_page: dict[int, list[BitMap]] = {}
    for chunk, ids in sorted(chunks.items()):
        if ids:
            by_page.setdefault(chunk >> _CHUNKS_OF_A_PAGE, []).append(ids)
    parts = [struct.pack("<Q", len(by_page))]
    for page, some in by_page.items():
        parts += [struct.pack("<I", page), (BitMap.union(*some) if len(some) > 1 else some[0]).serialize()]
    return Audience.from_bytes(b"".join(parts))


def pages(ids: Audience) -> dict[int, BitMap]:
    """An audience as 32-bit bitmaps by page: ``joined`` the other way round."""
    stored = bytes(ids)
    (count,) = struct.unpack_from("<Q", stored)
    found: dict[int, BitMap] = {}
    at = 8
    for _number in range(count):
        (page,) = struct.unpack_from("<I", stored, at)
        part = BitMap.deserialize(stored[at + 4 :])
        found[page] = part
        at += 4 + len(part.serialize())
    return found


def common(chunks: Chunks, held: Mapping[int, BitMap]) -> int:
    """How many ids of the chunks are in the pages."""
    total = 0
    for chunk, ids in chunks.items():
        page = held.get(chunk >> _CHUNKS_OF_A_PAGE)
        if page is not None:
            total += ids.intersection_cardinality(page)
    return total


def union(some: Iterable[Chunks]) -> Chunks:
    """All of them together."""
    by_chunk: dict[int, list[BitMap]] = {}
    for chunks in some:
        for chunk, ids in chunks.items():
            by_chunk.setdefault(chunk, []).append(ids)
    return {chunk: BitMap.union(*ids) if len(ids) > 1 else ids[0] for chunk, ids in by_chunk.items()}


def less(chunks: Chunks, taken: Chunks) -> Chunks:
    return {chunk: ids - taken[chunk] if chunk in taken else ids for chunk, ids in chunks.items()}


def both(chunks: Chunks, others: Chunks) -> Chunks:
    return {chunk: held for chunk, ids in chunks.items() if chunk in others and (held := ids & others[chunk])}


def size(chunks: Chunks) -> int:
    """Bytes in memory, near enough."""
    return 100 + sum(
        ids.get_statistics()["n_bytes_array_containers"]
        + ids.get_statistics()["n_bytes_bitset_containers"]
        + ids.get_statistics()["n_bytes_run_containers"]
        for ids in chunks.values()
    )
