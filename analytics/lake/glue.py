"""The lake's files as a table of Glue, for Athena and whatever else reads that catalog: one partition for each project, type and day.

A partition's folder holds a list of files (as Hive's symlink tables do), and not the files: one object, put in one go, says which are of
the lake. So who asks while files are merged, or while an erased person's are written anew, counts nothing twice.
"""

from __future__ import annotations

import datetime
import hashlib
import urllib.parse
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from analytics.lake import catalog, files
from analytics.lake.aws import Glue, Partition
from analytics.lake.schema import SCHEMA
from analytics.lake.store import BucketStore, store
from analytics.models import CataloguedDay
from core.errors import Refusal

_CATALOGUE = 3
AT_ONCE = 1_000  # partitions of a turn
_LISTS, _LIST = "_athena", "files"  # a list is _athena/project=…/type=…/day=…/files
_FORMAT: dict[str, Any] = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
_KEYS = [{"Name": "project", "Type": "string"}, {"Name": "type", "Type": "string"}, {"Name": "day", "Type": "date"}]
_TYPES = {
    "string": "string", "int64": "bigint", "int32": "int", "timestamp[ms]": "timestamp", "map<string, string>": "map<string,string>",
    "map<string, double>": "map<string,double>",
}  # fmt: skip
# Of each partition the files that it has now, beside the list that was written last.
_CHANGED = """
    WITH now AS (SELECT project_id, kind, day, array_agg(path ORDER BY path) AS paths
                   FROM analytics_lakefile WHERE replaced_at IS NULL GROUP BY 1, 2, 3)
    SELECT project_id, kind, day, now.paths, held.id
      FROM now FULL JOIN analytics_cataloguedday held USING (project_id, kind, day)
     WHERE now.paths IS NULL OR held.id IS NULL OR md5(array_to_string(now.paths, chr(10))) <> held.listed
     ORDER BY day DESC LIMIT %s
"""


class NoCatalog(Refusal):
    """The lake has no Glue database, or is not on S3."""


class _Day(NamedTuple):
    project_id: int
    kind: int
    day: datetime.date
    paths: tuple[str, ...]
    held: int | None


def bring_up_to_date(*, now: datetime.datetime) -> int:
    """Make the catalog say what the lake has; returns how many partitions changed. Killed anywhere, the rest is done next time.

    Raises ``NoCatalog``, or ``AwsFailed``.
    """
    where = store()
    if not settings.LAKE_GLUE_DATABASE or not isinstance(where, BucketStore):
        raise NoCatalog(_("Set LAKE_URL to a bucket of S3 and LAKE_GLUE_DATABASE to the name of a database."))
    with files.alone(_CATALOGUE) as is_mine:
        if not is_mine:
            return 0
        glue = Glue(database=settings.LAKE_GLUE_DATABASE, table=catalog.ALL)
        glue.ensure_table(_description(where))
        total = 0
        while days := _changed():
            _write(glue, where, days, now)
            total += len(days)
        return total


def _changed() -> list[_Day]:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [AT_ONCE])
        return [_Day(project_id, kind, day, tuple(paths or ()), held) for project_id, kind, day, paths, held in cursor.fetchall()]


def _write(glue: Glue, where: BucketStore, days: Sequence[_Day], now: datetime.datetime) -> None:
    """The lists first, then the partitions, then what we know of them."""
    kept = {one: one.paths[0].rpartition("/")[0] for one in days if one.paths}
    for one, folder in kept.items():
        where.put(f"{_LISTS}/{folder}/{_LIST}", "".join(f"{where.address(path)}\n" for path in one.paths).encode())
    new = [Partition(_values(folder), where.address(f"{_LISTS}/{folder}")) for one, folder in kept.items() if one.held is None]
    glue.create_partitions(new, {"Columns": _columns()} | _FORMAT)
    CataloguedDay.objects.bulk_create(
        (
            CataloguedDay(
                project_id=one.project_id, kind=one.kind, day=one.day, listed=_digest(one.paths), folder=folder, written_at=now
            )
            for one, folder in kept.items()
        ),
        update_conflicts=True, unique_fields=["project_id", "kind", "day"], update_fields=["listed", "folder", "written_at"],
    )  # fmt: skip
    gone = CataloguedDay.objects.in_bulk([one.held for one in days if one.held is not None and not one.paths])
    glue.delete_partitions([_values(row.folder) for row in gone.values()])
    for row in gone.values():
        where.delete(f"{_LISTS}/{row.folder}/{_LIST}")
    CataloguedDay.objects.filter(pk__in=gone).delete()


def _values(folder: str) -> tuple[str, ...]:
    """The partition's values of ``project=…/type=…/day=…``."""
    return tuple(urllib.parse.unquote(part.partition("=")[2]) for part in folder.split("/"))


def _digest(paths: Sequence[str]) -> str:
    """As ``_CHANGED`` computes it."""
    return hashlib.md5("\n".join(paths).encode(), usedforsecurity=False).hexdigest()


def _columns() -> list[dict[str, str]]:
    return [{"Name": field.name, "Type": _TYPES[str(field.type).split(" ('")[0]]} for field in SCHEMA]


def _description(where: BucketStore) -> dict[str, Any]:
    return {
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": _KEYS,
        "StorageDescriptor": {"Columns": _columns(), "Location": where.address(_LISTS)} | _FORMAT,
    }
