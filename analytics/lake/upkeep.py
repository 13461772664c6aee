"""Many small files into one, files past their time, and files that belong to nobody."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings
from django.db.models import Count

from analytics.event_names import names_of
from analytics.lake import files
from analytics.lake.files import Place
from analytics.lake.schema import SCHEMA
from analytics.lake.store import Store, store
from analytics.models import LakeFile, LakePosition, TransformFile
from projects.models import Project

SMALL_BYTES = 32 << 20  # a file that is larger stays as it is
MERGED_FROM = 8  # small files of a day that is not over
MERGED_ROWS = 5_000_000  # of one file, by which a merge is bounded
GRACE = datetime.timedelta(minutes=5)  # longer than any query: those that have opened a file read it to its end
ORPHAN_AGE = datetime.timedelta(hours=6)  # longer than a file may wait for its row
_UPKEEP = 2


def keep_up(*, now: datetime.datetime, everything: bool = False) -> int:
    """Compact, retain, sweep; returns how many files were compacted. ``everything``: from two files on, and orphans, too."""
    with files.alone(_UPKEEP) as is_mine:
        if not is_mine:
            return 0
        where = store()
        merged = sum(compact(where=where, now=now, everything=everything))
        retain(now=now)
        sweep(where=where, now=now)
        if everything:  # or else the tick of its own, for a walk through all files
            sweep_orphans(where=where, now=now)
    return merged


def compact(*, where: Store, now: datetime.datetime, everything: bool) -> Iterator[int]:
    """Merge the small files of each project, type and day; gives how many went into each new one."""
    small = LakeFile.objects.filter(replaced_at=None, bytes__lt=SMALL_BYTES)
    groups = small.values_list("project_id", "kind", "day").annotate(count=Count("pk")).filter(count__gt=1).order_by("day")
    for project_id, kind, day, count in groups:
        is_over = day < (now - datetime.timedelta(hours=1)).date()
        if everything or is_over or count >= MERGED_FROM:
            yield from _merged(where, small.filter(project_id=project_id, kind=kind, day=day), now)


def _merged(where: Store, rows: Any, now: datetime.datetime) -> Iterator[int]:
    waiting: list[LakeFile] = []
    for one in rows.order_by("first_position", "pk"):
        if waiting and sum(other.rows for other in waiting) + one.rows > MERGED_ROWS:
            yield _merge(where, waiting, now)
            waiting = []
        waiting.append(one)
    yield _merge(where, waiting, now)


def _merge(where: Store, old: Sequence[LakeFile], now: datetime.datetime) -> int:
    if len(old) < 2:
        return 0
    one = old[0]
    new = files.write(
        store=where, place=place_of(one), tables=_tables(where, old), rows=sum(other.rows for other in old),
        first=min(other.first_position for other in old), last=max(other.last_position for other in old), now=now,
    )  # fmt: skip
    try:
        files.replace(old=old, new=new, now=now)
    except files.Replaced:  # a person was erased from one meanwhile: the next tick reads what is there then
        where.delete(new.path)
        return 0
    return len(old)


def place_of(file: LakeFile) -> Place:
    """Where a file that takes this one's place belongs."""
    app_id = Project.objects.values_list("public_id", flat=True).get(pk=file.project_id)
    name = names_of(project_id=file.project_id).get(file.kind, f"custom.{file.kind}")
    return Place(file.project_id, app_id, file.kind, name, file.day)


def _tables(where: Store, old: Sequence[LakeFile]) -> Iterator[Any]:
    for one in old:
        with pq.ParquetFile(where.local(one.path)) as parquet:
            for number in range(parquet.num_row_groups):
                yield parquet.read_row_group(number).cast(SCHEMA)


def retain(*, now: datetime.datetime) -> int:
    """Take the days that are kept no longer out of the lake (``LAKE_RETENTION_DAYS``; 0: all are kept)."""
    if settings.LAKE_RETENTION_DAYS <= 0:
        return 0
    first = now.date() - datetime.timedelta(days=settings.LAKE_RETENTION_DAYS)
    return LakeFile.objects.filter(replaced_at=None, day__lt=first).update(replaced_at=now)


def sweep(*, where: Store, now: datetime.datetime) -> int:
    """Delete the files that were replaced a while ago, and then their rows."""
    gone = list(LakeFile.objects.filter(replaced_at__lte=now - GRACE).order_by("pk")[:10_000])
    for one in gone:
        where.delete(one.path)
    LakeFile.objects.filter(pk__in=[one.pk for one in gone]).delete()
    return len(gone)


def sweep_orphans(*, where: Store, now: datetime.datetime) -> int:
    """Delete the files without a row that whoever wrote them left behind."""
    known = set(LakeFile.objects.values_list("path", flat=True)) | set(TransformFile.objects.values_list("path", flat=True))
    orphans = [path for path in where.paths(before=now - ORPHAN_AGE) if path not in known]
    for path in orphans:
        where.delete(path)
    return len(orphans)


def begin_anew(*, now: datetime.datetime) -> int:
    """Take every file out of the lake and the position back: all that is in the event table is written again."""
    taken = LakeFile.objects.filter(replaced_at=None).update(replaced_at=now)
    LakePosition.objects.update_or_create(pk=1, defaults={"position": 0, "moved_at": now})
    return taken
