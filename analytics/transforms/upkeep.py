"""Many files of hours into one of a day, and the files that are of no table any more."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Sum

from analytics.lake import own_tables
from analytics.lake.files import Replaced
from analytics.lake.store import Store
from analytics.lake.upkeep import GRACE, MERGED_ROWS
from analytics.models import LakeTransform, TransformFile, TransformWindow
from analytics.transforms import windows
from analytics.transforms.periods import LENGTH, Mode

_SWEPT = 10_000  # files at a time


def keep_up(*, store: Store, now: datetime.datetime) -> int:
    """Merge the hours of days that are over, take away what is past its time or was replaced; returns how many files were merged."""
    merged = sum(compact(store=store, now=now))
    retain(now=now)
    sweep(store=store, now=now)
    return merged


def compact(*, store: Store, now: datetime.datetime) -> Iterator[int]:
    """Merge each day's files of a table by hours; gives how many went into each new one. What is to be asked about stays as it is."""
    over = (now - LENGTH[Mode.HOUR]).date()
    for transform in LakeTransform.objects.filter(mode=Mode.HOUR).select_related("project").order_by("pk"):
        days = own_tables.current([transform]).filter(day__lt=over).order_by("day").values("day")
        many = days.annotate(count=Count("pk"), all_rows=Sum("rows")).filter(count__gt=1, all_rows__lte=MERGED_ROWS)
        for day in many.values_list("day", flat=True):
            if not _is_open(transform, day):
                yield _merge(store, transform, day, now)


def _is_open(transform: LakeTransform, day: datetime.date) -> bool:
    starts = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    opened = TransformWindow.objects.filter(transform=transform, asked__gt=F("done"))
    return bool(opened.filter(starts_at__gte=starts, starts_at__lt=starts + LENGTH[Mode.DAY]).exists())


def _merge(store: Store, transform: LakeTransform, day: datetime.date, now: datetime.datetime) -> int:
    old = list(own_tables.current([transform]).filter(day=day).order_by("starts_at"))
    new = own_tables.write(
        store=store, transform=transform, app_id=transform.project.public_id, starts_at=None, day=day,
        batches=_tables(store, transform, old), now=now,
    )  # fmt: skip
    made = [new] if new else []
    try:
        own_tables.replace(old=old, new=made, now=now)
    except Replaced:  # an hour was written anew meanwhile: the next tick reads what is there then
        for one in made:
            store.delete(one.path)
        return 0
    return len(old)


def _tables(store: Store, transform: LakeTransform, old: Sequence[TransformFile]) -> Iterator[Any]:
    schema = own_tables.schema_of(transform)
    for one in old:
        with pq.ParquetFile(store.local(one.path)) as parquet:
            for number in range(parquet.num_row_groups):
                yield parquet.read_row_group(number).cast(schema)


def retain(*, now: datetime.datetime) -> int:
    """Take the days that are kept no longer out of the tables (``LAKE_TABLES_RETENTION_DAYS``; 0: all are kept)."""
    if settings.LAKE_TABLES_RETENTION_DAYS <= 0:
        return 0
    first = now.date() - datetime.timedelta(days=settings.LAKE_TABLES_RETENTION_DAYS)
    with transaction.atomic():
        old = TransformWindow.objects.exclude(transform__mode=Mode.WHOLE)
        old.filter(starts_at__lt=datetime.datetime.combine(first, datetime.time(), datetime.UTC)).delete()
        return TransformFile.objects.filter(replaced_at=None, day__lt=first).update(replaced_at=now)


def mend(*, store: Store, now: datetime.datetime) -> int:
    """Have windows asked again whose files are gone, as after a backup was restored; returns how many files those are."""
    lost = 0
    for transform in LakeTransform.objects.order_by("pk"):
        for file in own_tables.current([transform]):
            try:
                store.local(file.path)
            except FileNotFoundError:
                lost += _asked_again(transform, file, now)
    return lost


def _asked_again(transform: LakeTransform, file: TransformFile, now: datetime.datetime) -> int:
    asked = TransformWindow.objects.filter(transform=transform)
    if file.starts_at is not None:
        asked = asked.filter(starts_at=file.starts_at)
    elif file.day is not None:
        starts = datetime.datetime.combine(file.day, datetime.time(), datetime.UTC)
        asked = asked.filter(starts_at__gte=starts, starts_at__lt=starts + LENGTH[Mode.DAY])
    with transaction.atomic():
        gone = TransformFile.objects.filter(pk=file.pk, replaced_at=None).update(replaced_at=now)
        if gone:
            windows.ask(transform=transform, starts=list(asked.values_list("starts_at", flat=True)), now=now)
    return gone


def sweep(*, store: Store, now: datetime.datetime) -> int:
    """Delete the files that were replaced a while ago, and then their rows."""
    gone = list(TransformFile.objects.filter(replaced_at__lte=now - GRACE).order_by("pk")[:_SWEPT])
    for one in gone:
        store.delete(one.path)
    TransformFile.objects.filter(pk__in=[one.pk for one in gone]).delete()
    return len(gone)
