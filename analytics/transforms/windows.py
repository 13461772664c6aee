"""Which parts of time hold something new, and which of them can be asked about now."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence

import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from analytics.lake import catalog, files
from analytics.lake.store import Store
from analytics.models import LakeFile, LakePosition, LakeTransform, TransformFile, TransformWindow
from analytics.transforms import periods
from analytics.transforms.periods import Mode

HISTORY = "history"  # the schema in which tables have all times
_LOOKED_THROUGH = 100  # windows for one that can be asked about
_ASK = """
    INSERT INTO analytics_transformwindow AS held (transform_id, starts_at, asked, done, rows, seconds)
    SELECT %s, starts_at, 1, 0, 0, 0 FROM unnest(%s::timestamptz[]) AS starts_at ORDER BY starts_at
        ON CONFLICT (transform_id, starts_at) DO UPDATE SET asked = held.asked + 1
"""


def ask(*, transform: LakeTransform, starts: Collection[datetime.datetime], now: datetime.datetime) -> int:
    """There is something new in these windows; returns how many they are. In the caller's transaction.

    Windows whose events, or whose part of the table, are kept no longer are left out: their answer would be less than what is there.
    """
    first = _first_kept(transform, now)
    wanted = sorted(one for one in set(starts) if first is None or one >= first)
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(_ASK, [transform.pk, wanted])
    return len(wanted)


def _first_kept(transform: LakeTransform, now: datetime.datetime) -> datetime.datetime | None:
    if transform.mode == Mode.WHOLE:
        return None
    reads_events = kinds_read(transform.reads) != set()
    kept = [settings.LAKE_TABLES_RETENTION_DAYS, settings.LAKE_RETENTION_DAYS if reads_events else 0]
    days = min((one for one in kept if one > 0), default=None)
    return None if days is None else _midnight(now.date() - datetime.timedelta(days=days))


def look(*, transform: LakeTransform, store: Store, now: datetime.datetime) -> int:
    """Ask about the windows of events that came since one looked last; returns how many those are. Two at once: one of them does it."""
    until = lake_position()
    starts = (
        set() if until <= transform.position else _of_events(transform, store, after=transform.position, until=until, first=None)
    )
    with transaction.atomic():
        mine = LakeTransform.objects.filter(pk=transform.pk, position=transform.position, version=transform.version)
        if not mine.update(position=max(until, transform.position), next_at=periods.next_look(now)):
            return 0
        ask(transform=transform, starts=starts, now=now)
    return len(starts)


def since(*, transform: LakeTransform, store: Store, first: datetime.date, until: int) -> set[datetime.datetime]:
    """The windows from a day (UTC) on that hold anything of what the transform reads, in the lake up to a position."""
    starts = _of_events(transform, store, after=0, until=until, first=first)
    for upstream in upstream_of(transform):
        held = TransformFile.objects.filter(transform_id=upstream.pk, replaced_at=None)
        if transform.mode == Mode.WHOLE:
            starts |= {periods.START} if held.exists() else set()
        elif upstream.mode != Mode.WHOLE:
            done = TransformWindow.objects.filter(transform=upstream, rows__gt=0, starts_at__gte=_midnight(first))
            starts |= {periods.start_of(transform.mode, one) for one in done.values_list("starts_at", flat=True)}
    return starts


def lake_position() -> int:
    return LakePosition.objects.filter(pk=1).values_list("position", flat=True).first() or 0


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC)


def _of_events(
    transform: LakeTransform, store: Store, *, after: int, until: int, first: datetime.date | None
) -> set[datetime.datetime]:
    """The windows of the events between two positions."""
    wanted = files.current(project_id=transform.project_id).filter(last_position__gt=after, first_position__lte=until)
    kinds = kinds_read(transform.reads)
    if kinds is not None:
        wanted = wanted.filter(kind__in=kinds)
    if first is not None:
        wanted = wanted.filter(day__gte=first)
    starts: set[datetime.datetime] = set()
    for file in wanted:
        if transform.mode == Mode.HOUR:
            starts |= _hours(store, file, after, until)
        else:
            starts.add(periods.start_of(transform.mode, _midnight(file.day)))
    return starts


def _hours(store: Store, file: LakeFile, after: int, until: int) -> set[datetime.datetime]:
    span = [("position", ">", after), ("position", "<=", until)]
    table = pq.read_table(store.local(file.path), columns=["arrival_timestamp", "position"], filters=span)
    hours = pc.unique(pc.floor_temporal(table["arrival_timestamp"], unit="hour"))
    return {hour.as_py().replace(tzinfo=datetime.UTC) for hour in hours}


def kinds_read(reads: Iterable[str]) -> set[int] | None:
    """The kinds of events that a transform reads within its windows; None: all of them."""
    names = [name for name in reads if not name.startswith(f"{HISTORY}.")]
    if catalog.ALL in names:
        return None
    return {kind for name in names if (kind := catalog.kind_of(name)) is not None}


def upstream_of(transform: LakeTransform) -> list[LakeTransform]:
    """The transforms whose tables it reads, within its windows or at all times."""
    names = {name.removeprefix(f"{HISTORY}.") for name in transform.reads}
    return list(LakeTransform.objects.filter(project_id=transform.project_id, name__in=names).exclude(pk=transform.pk))


def ask_downstream(*, transform: LakeTransform, starts_at: datetime.datetime, now: datetime.datetime) -> None:
    """A window's rows changed: whoever reads them has something new. In the caller's transaction."""
    for other in LakeTransform.objects.filter(project_id=transform.project_id, reads__contains=[transform.name]).order_by("pk"):
        if other.mode == Mode.WHOLE:
            ask(transform=other, starts=[periods.START], now=now)
        elif transform.mode != Mode.WHOLE:
            ask(transform=other, starts=[periods.start_of(other.mode, starts_at)], now=now)


def in_order(transforms: Sequence[LakeTransform]) -> list[LakeTransform]:
    """Each behind those whose tables it reads. Raises ``ValueError`` for a circle."""
    by_name = {one.name: one for one in transforms}
    found: dict[str, LakeTransform] = {}

    def add(one: LakeTransform, path: tuple[str, ...]) -> None:
        if one.name in path:
            raise ValueError(" → ".join((*path[path.index(one.name) :], one.name)))
        if one.name in found:
            return
        for name in one.reads:
            if (upstream := by_name.get(name.removeprefix(f"{HISTORY}."))) is not None:
                add(upstream, (*path, one.name))
        found[one.name] = one

    for one in sorted(transforms, key=lambda each: each.pk or 0):
        add(one, ())
    return list(found.values())


def due(*, transform: LakeTransform) -> list[TransformWindow]:
    """The newest of those to be asked about, which come first."""
    return list(TransformWindow.objects.filter(transform=transform, asked__gt=F("done")).order_by("-starts_at")[:_LOOKED_THROUGH])


def waits_for(transform: LakeTransform, window: TransformWindow, *, now: datetime.datetime) -> LakeTransform | None:
    """The transform whose table is about to change within this window, if it is at work: its answer comes first, and this one's once."""
    ends_at = periods.end_of(transform.mode, window.starts_at)
    for upstream in upstream_of(transform):
        if upstream.is_paused or upstream.failures or not periods.can_read(transform.mode, upstream.mode):
            continue
        open_ones = TransformWindow.objects.filter(transform=upstream, asked__gt=F("done"))
        if upstream.mode != Mode.WHOLE and transform.mode != Mode.WHOLE:
            open_ones = open_ones.filter(starts_at__gte=window.starts_at, starts_at__lt=ends_at)
        if any(periods.can_be_asked(upstream.mode, one.starts_at, now) for one in open_ones):
            return upstream
    return None
