"""A project's own tables, which transforms write: their columns and files, as views for SQL, written and replaced."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from django.db import transaction

from analytics.lake.catalog import Column, Table
from analytics.lake.files import Instant, Replaced
from analytics.lake.store import Store, new_table_path
from analytics.models import LakeTransform, TransformFile

PARTITION, WINDOW = "partition_day", "window_start"  # columns that are added to a table
TAKEN = (PARTITION, WINDOW, "project", "table")  # names that no other column has
_ARROW = {
    "BOOLEAN": pa.bool_(), "INTEGER": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(),
    "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("ms"), "MAP(VARCHAR, VARCHAR)": pa.map_(pa.string(), pa.string()),
    "MAP(VARCHAR, DOUBLE)": pa.map_(pa.string(), pa.float64()),
}  # fmt: skip


def schema_of(transform: LakeTransform) -> Any:
    """The columns of its files."""
    fields = [pa.field(name, _arrow(kind)) for name, kind in transform.columns]
    if transform.mode == LakeTransform.Mode.HOUR:
        fields.append(pa.field(WINDOW, pa.timestamp("ms")))
    return pa.schema(fields)


def _arrow(kind: str) -> Any:
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        return pa.decimal128(int(found[1]), int(found[2]))
    return _ARROW[kind]


def table_of(transform: LakeTransform) -> Table:
    """The table as SQL finds it."""
    return Table(transform.name, tuple(Column(name, kind) for name, kind in [*transform.columns, *added(transform)]))


def added(transform: LakeTransform) -> list[tuple[str, str]]:
    """The columns that no query gives."""
    if transform.mode == LakeTransform.Mode.WHOLE:
        return []
    return [*([(WINDOW, "TIMESTAMP")] if transform.mode == LakeTransform.Mode.HOUR else []), (PARTITION, "DATE")]


def definition(transform: LakeTransform, *, paths: Sequence[str], where: str = "") -> str:
    """The query of the view over these files. ``where``: a condition of ours."""
    columns = table_of(transform).columns
    if not paths:
        return f"SELECT {', '.join(f'NULL::{one.type} AS {identifier(one.name)}' for one in columns)} WHERE false"
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    partitions = "hive_partitioning = true, hive_types = {'project': VARCHAR, 'table': VARCHAR"
    partitions += f", '{PARTITION}': DATE}}" if PARTITION in {one.name for one in columns} else "}"
    named = ", ".join(identifier(one.name) for one in columns)
    return f"SELECT {named} FROM read_parquet([{listed}], {partitions}){f' WHERE {where}' if where else ''}"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def of_project(*, project_id: int) -> list[LakeTransform]:
    """The transforms that write them, by name."""
    return list(LakeTransform.objects.filter(project_id=project_id).order_by("name"))


def current(transforms: Iterable[LakeTransform]) -> Any:
    """The files of their tables."""
    ids = [one.pk for one in transforms]
    return TransformFile.objects.filter(transform_id__in=ids, replaced_at=None).order_by("pk")


def write(
    *,
    store: Store,
    transform: LakeTransform,
    app_id: str,
    starts_at: datetime.datetime | None,
    day: datetime.date | None,
    batches: Iterable[Any],
    now: Instant,
) -> TransformFile | None:
    """Write a file; None, and no file, when there are no rows. It is of the table when the row that is returned is saved."""
    path = new_table_path(app_id=app_id, table=transform.name, day=day)
    counted = _Counted(batches)
    try:
        size = store.write(path, counted, schema_of(transform))
    except BaseException:
        store.delete(path)
        raise
    if not counted.rows:
        store.delete(path)
        return None
    return TransformFile(
        project_id=transform.project_id, transform_id=transform.pk, starts_at=starts_at, day=day, path=path, rows=counted.rows,
        bytes=size, made_at=now,
    )  # fmt: skip


class _Counted:
    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches, self.rows = batches, 0

    def __iter__(self) -> Any:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def replace(*, old: Sequence[TransformFile], new: Sequence[TransformFile], now: Instant) -> None:
    """Put files in the place of others. Raises ``Replaced`` when one of those is of its table no longer."""
    with transaction.atomic():
        rows = TransformFile.objects.filter(pk__in=[one.pk for one in old], replaced_at=None)
        locked = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        if len(locked) != len(old):
            raise Replaced
        TransformFile.objects.bulk_create(new)
        TransformFile.objects.filter(pk__in=locked).update(replaced_at=now)
