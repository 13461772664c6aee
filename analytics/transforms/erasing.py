"""Erasing a person from the tables of transforms: files that hold him are written anew without his rows.

A row is his when its ``endpoint_id`` is one of his, or when a text of it is his address, an Id of his or his UserId. Of a table that says
of nobody who he is, only numbers are left.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models.functions import Now

from analytics.lake import own_tables
from analytics.lake.store import Store, store
from analytics.models import LakeTransform, TransformFile
from core.striking import Struck

_FILES_AT_ONCE = 20
_ID = "endpoint_id"


def erase_rows(*, project_id: int, endpoint_ids: Sequence[int], names: Sequence[str], after: int) -> Struck:
    """Rewrite those of the next files that hold the person, in the caller's transaction. ``names``: in lower case."""
    transforms = {one.pk: one for one in LakeTransform.objects.filter(project_id=project_id).select_related("project")}
    rows = TransformFile.objects.filter(project_id=project_id, replaced_at=None, pk__gt=after).order_by("pk")
    page = list(rows.select_for_update()[:_FILES_AT_ONCE])
    where, erased = store(), 0
    for one in page:
        if (transform := transforms.get(one.transform_id)) is not None:
            erased += _erased(where, transform, one, endpoint_ids, names)
    return Struck(rows=erased, after=page[-1].pk if len(page) == _FILES_AT_ONCE else None)


def _erased(where: Store, transform: LakeTransform, file: TransformFile, ids: Sequence[int], names: Sequence[str]) -> int:
    path = where.local(file.path)
    schema = own_tables.schema_of(transform)

    def theirs(table: Any) -> Any:
        return _theirs(table, ids, names)

    def others() -> Iterator[Any]:
        with pq.ParquetFile(path) as parquet:
            for number in range(parquet.num_row_groups):
                table = parquet.read_row_group(number).cast(schema)
                yield table.filter(pc.invert(theirs(table)))

    with pq.ParquetFile(path) as parquet:
        groups = (parquet.read_row_group(number).cast(schema) for number in range(parquet.num_row_groups))
        held = sum(pc.sum(theirs(table)).as_py() or 0 for table in groups)
    if not held:
        return 0
    now = Now()  # the database's clock
    new = own_tables.write(
        store=where, transform=transform, app_id=transform.project.public_id, starts_at=file.starts_at, day=file.day, batches=others(),
        now=now,
    )  # fmt: skip
    own_tables.replace(old=[file], new=[new] if new else [], now=now)
    return int(held)


def _theirs(table: Any, ids: Sequence[int], names: Sequence[str]) -> Any:
    """Of each row whether it is the person's."""
    found = [pa.repeat(pa.scalar(False), table.num_rows)]
    for field in table.schema:
        column = table[field.name].combine_chunks()
        if field.name == _ID and pa.types.is_integer(field.type):
            found.append(pc.is_in(column.cast(pa.int64()), value_set=pa.array(ids, pa.int64())))
        elif pa.types.is_string(field.type) and names:
            found.append(pc.is_in(pc.utf8_lower(column), value_set=pa.array(names, pa.string())))
    return functools.reduce(pc.or_, found)
