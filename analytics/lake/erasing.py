"""Erasing endpoints from the lake: the files that hold them are written anew without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models.functions import Now

from analytics.lake import files
from analytics.lake.schema import SCHEMA
from analytics.lake.store import Store, store
from analytics.lake.upkeep import place_of
from analytics.models import LakeFile
from core.striking import Struck

_FILES_AT_ONCE = 20


def erase_rows(*, project_id: int, endpoint_ids: Sequence[int], after: int) -> Struck:
    """Rewrite those of the next files that hold one of the endpoints, in the caller's transaction. Killed: it is done again.

    The old files are out of the lake at once, and gone after the grace that running queries have.
    """
    where, ids = store(), pa.array(sorted(endpoint_ids), pa.int64())
    page = list(files.current(project_id=project_id).filter(pk__gt=after).select_for_update()[:_FILES_AT_ONCE])
    erased = sum(_erased(where, one, ids) for one in page)
    return Struck(rows=erased, after=page[-1].pk if len(page) == _FILES_AT_ONCE else None)


def _erased(where: Store, file: LakeFile, ids: Any) -> int:
    path = where.local(file.path)
    held = int(pq.read_table(path, columns=["endpoint_id"], filters=[("endpoint_id", "in", ids.to_pylist())]).num_rows)
    if not held:
        return 0
    new, now = None, Now()  # the database's clock
    if held < file.rows:
        new = files.write(
            store=where, place=place_of(file), tables=_others(path, ids), rows=file.rows - held,
            first=file.first_position, last=file.last_position, now=now,
        )  # fmt: skip
    files.replace(old=[file], new=new, now=now)
    return held


def _others(path: Path, ids: Any) -> Iterator[Any]:
    with pq.ParquetFile(path) as parquet:
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number).cast(SCHEMA)
            yield table.filter(pc.invert(pc.is_in(table["endpoint_id"], value_set=ids)))
