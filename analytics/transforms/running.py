"""Asking about the windows that hold something new, one after the other, and putting the answers in their place.

The file is written first, under a name of its own. Then one transaction says that the window is done, puts the file in the place of the
one before and tells whoever reads the table. Killed before that, the window is still due and the file belongs to nobody; two at once: the
window is done for the second, whose file goes.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from analytics.lake import own_tables as tables
from analytics.lake.files import Replaced
from analytics.lake.refusals import SqlRefused
from analytics.lake.store import Store, store
from analytics.models import LakeTransform, TransformFile, TransformWindow
from analytics.transforms import asking, periods, windows
from analytics.transforms.periods import Mode

TURN_SECONDS = 45.0  # of a project; the next tick goes on
_AGAIN = (5, 10, 30, 60, 180, 360)  # minutes after the first, second… failure in a row
_LOCK = 0x7061_6C73


class _Gone(Exception):
    """The transform was deleted, paused or changed meanwhile, or somebody else was faster: what was made is for nothing."""


def due_projects(*, now: datetime.datetime) -> list[int]:
    """The projects that have a transform to look at, or a window to ask about."""
    open_ones = TransformWindow.objects.filter(transform=OuterRef("pk"), asked__gt=F("done")).filter(
        ~Q(transform__mode=Mode.HOUR) | Q(starts_at__lte=now - periods.LENGTH[Mode.HOUR] - periods.SETTLES)
    )
    rows = _running(now).filter(Q(next_at__lte=now) | Exists(open_ones))
    return sorted(set(rows.values_list("project_id", flat=True)))


def _running(now: datetime.datetime) -> Any:
    return LakeTransform.objects.filter(state=LakeTransform.State.RUNNING, project__deleted_at=None).filter(
        Q(not_before=None) | Q(not_before__lte=now)
    )


def run_project(
    *, project_id: int, clock: Callable[[], datetime.datetime], should_stop: Callable[[], bool] = lambda: False,
    seconds: float = TURN_SECONDS,
) -> int:  # fmt: skip
    """Look for what is new, then ask about due windows until none is left or the turn is over; returns how many were done."""
    done, until = 0, time.monotonic() + seconds
    with _alone(project_id) as is_mine:
        if not is_mine:
            return 0
        where = store()
        for one in _running(clock()).filter(project_id=project_id, next_at__lte=clock()).order_by("pk"):
            windows.look(transform=one, store=where, now=clock())
        while time.monotonic() < until and not should_stop():
            found = _next(project_id, clock())
            if found is None or not _tried(*found, where, clock):
                break
            done += 1
    return done


def _next(project_id: int, now: datetime.datetime) -> tuple[LakeTransform, TransformWindow] | None:
    """The first window that can be asked about, of the transforms in the order in which they read each other."""
    ready = set(_running(now).filter(project_id=project_id).values_list("pk", flat=True))
    position = windows.lake_position()
    for one in windows.in_order(list(LakeTransform.objects.filter(project_id=project_id).select_related("project"))):
        if one.pk not in ready or position < one.position:  # the lake is being written anew
            continue
        for window in windows.due(transform=one):
            if periods.can_be_asked(one.mode, window.starts_at, now) and windows.waits_for(one, window, now=now) is None:
                return one, window
    return None


def _tried(transform: LakeTransform, window: TransformWindow, where: Store, clock: Callable[[], datetime.datetime]) -> bool:
    """False: all places for queries are taken, and the next tick tries again."""
    try:
        run_window(transform=transform, window=window, store=where, now=clock())
    except SqlRefused as refusal:
        if refusal.code == "busy":
            return False
        _note_failure(transform, refusal, clock())
    except _Gone:
        pass
    return True


def run_window(*, transform: LakeTransform, window: TransformWindow, store: Store, now: datetime.datetime) -> None:
    """Ask about a window and put the answer in its place. Raises ``SqlRefused``."""
    asked, began = window.asked, time.monotonic()
    is_whole, is_hour = transform.mode == Mode.WHOLE, transform.mode == Mode.HOUR
    day = None if is_whole else window.starts_at.date()
    made: list[TransformFile] = []
    is_kept = False
    try:
        with asking.asked(transform=transform, starts_at=window.starts_at, store=store) as batches:
            new = tables.write(
                store=store, transform=transform, app_id=transform.project.public_id, starts_at=window.starts_at, day=day,
                batches=batches, now=now,
            )  # fmt: skip
        made += [new] if new else []
        old = list(tables.current([transform]).filter(starts_at=window.starts_at))
        if is_hour:
            for merged in tables.current([transform]).filter(starts_at=None, day=day):
                old.append(merged)
                rest = _without(store, transform, merged, window.starts_at, now)
                made += [rest] if rest else []
        rows = new.rows if new else 0
        with transaction.atomic():
            _note_done(transform, window, asked=asked, rows=rows, seconds=time.monotonic() - began, now=now)
            tables.replace(old=old, new=made, now=now)
            windows.ask_downstream(transform=transform, starts_at=window.starts_at, now=now)
        is_kept = True
    except Replaced:
        raise _Gone from None  # a person was erased from the table meanwhile: it is asked again
    finally:
        if not is_kept:
            for one in made:
                store.delete(one.path)


def _note_done(
    transform: LakeTransform, window: TransformWindow, *, asked: int, rows: int, seconds: float, now: datetime.datetime
) -> None:
    values: dict[str, Any] = {"succeeded_at": now, "failed_at": None, "failure": {}, "failures": 0, "not_before": None}
    mine = LakeTransform.objects.filter(pk=transform.pk, version=transform.version, state=LakeTransform.State.RUNNING)
    if not mine.update(**values):
        raise _Gone
    still = TransformWindow.objects.filter(pk=window.pk, done__lt=asked)
    if not still.update(done=asked, done_at=now, rows=rows, seconds=seconds):
        raise _Gone


def _note_failure(transform: LakeTransform, refusal: SqlRefused, now: datetime.datetime) -> None:
    pause = datetime.timedelta(minutes=_AGAIN[min(transform.failures, len(_AGAIN) - 1)])
    failure = {"code": refusal.code, "params": refusal.params, "detail": refusal.detail.replace("\0", "")}
    LakeTransform.objects.filter(pk=transform.pk, version=transform.version).update(
        failed_at=now, failure=failure, failures=F("failures") + 1, not_before=now + pause
    )


def _without(
    store: Store, transform: LakeTransform, merged: TransformFile, starts_at: datetime.datetime, now: datetime.datetime
) -> TransformFile | None:
    """The file of a whole day without one hour of it."""

    def others() -> Iterator[Any]:
        with pq.ParquetFile(store.local(merged.path)) as parquet:
            for number in range(parquet.num_row_groups):
                table = parquet.read_row_group(number).cast(tables.schema_of(transform))
                yield table.filter(pc.not_equal(table[tables.WINDOW], starts_at.replace(tzinfo=None)))

    return tables.write(
        store=store, transform=transform, app_id=transform.project.public_id, starts_at=None, day=merged.day, batches=others(), now=now
    )  # fmt: skip


@contextlib.contextmanager
def _alone(project_id: int) -> Iterator[bool]:
    """Whether nobody else is at the project's transforms: they would ask the same. That nothing is done twice does not depend on it."""
    key: Sequence[int] = [_LOCK, project_id % (1 << 31)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine and connection.connection is not None and not connection.needs_rollback:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
