"""A transform's SQL, checked and asked, in the process that answers queries."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analytics.lake import catalog, files, process
from analytics.lake import own_tables as tables
from analytics.lake import sql as lake
from analytics.lake.refusals import SqlRefused
from analytics.lake.store import Store
from analytics.models import LakeFile, LakeTransform
from analytics.transforms import periods, windows
from analytics.transforms.periods import Mode
from analytics.transforms.windows import HISTORY

ROWS = 1_000_000  # of a window
_BYTES = 512 << 20  # of its answer, in Arrow
_CHECKED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Checked:
    """``columns``: of the table, (name, type); ``reads``: the names of the tables that are read."""

    columns: list[tuple[str, str]]
    reads: list[str]


def spanned(sql: str, mode: str, starts_at: datetime.datetime) -> str:
    """The query with the window's ends for ``:from`` and ``:to``. Raises ``SqlRefused`` for any other ``:name``."""
    if len(sql) > lake.CHARACTERS:
        raise SqlRefused("characters", limit=f"{lake.CHARACTERS:,}")
    given = {}
    if mode != Mode.WHOLE:
        given = {"from": starts_at, "to": periods.end_of(mode, starts_at)}
    if others := [name for name in lake.parameters_of(sql) if name not in given]:
        raise SqlRefused("span_only" if given else "no_span", names=", ".join(others))
    return lake.with_literals(sql, {name: f"(TIMESTAMP '{at:%Y-%m-%d %H:%M:%S}')" for name, at in given.items()})


def check(*, project_id: int, sql: str, mode: str, others: Sequence[LakeTransform]) -> Checked:
    """What the query's table would be. No file is opened. Raises ``SqlRefused``.

    ``others``: the transforms whose tables it may read.
    """
    schemas = ["main"] if mode == Mode.WHOLE else ["main", HISTORY]
    found = [*catalog.tables(), *(tables.table_of(one) for one in others)]
    unreadable = {one.name for one in others if not periods.can_read(mode, one.mode)}
    listed = [
        (f"{schema}.{tables.identifier(table.name)}", ", ".join(f"{tables.identifier(one.name)} {one.type}" for one in table.columns))
        for schema in schemas for table in found if schema == HISTORY or table.name not in unreadable
    ]  # fmt: skip
    request = {
        "sql": spanned(sql, mode, periods.START), "parameters": {}, "files": [], "views": [], "tables": listed,
        "schemas": schemas[1:], "answer": "columns", "taken": list(tables.TAKEN),
    }  # fmt: skip
    with process.slot(project_id), process.asked(request, limit=_CHECKED_BYTES) as listener:
        columns = [(one["name"], one["type"]) for one in listener.line()["columns"]]
        reads = [_bare(name) for name in listener.line()["reads"]]
    return Checked(columns, sorted(set(reads)))


def _bare(name: str) -> str:
    """As ``reads`` keeps it: ``history.x`` or ``x``; DuckDB says ``history.x AS y``, too."""
    parts = [part.strip('"') for part in name.partition(" AS ")[0].split(".")]
    return f"{HISTORY}.{parts[-1]}" if HISTORY in parts[:-1] else parts[-1]


@contextlib.contextmanager
def asked(*, transform: LakeTransform, starts_at: datetime.datetime, store: Store) -> Iterator[Iterator[Any]]:
    """The rows of a window, as tables of its schema. Raises ``SqlRefused`` before the first of them or after any."""
    inputs = _inputs(transform, starts_at, store)
    request = {
        "sql": spanned(transform.sql, transform.mode, starts_at), "parameters": {}, "files": inputs.paths, "views": inputs.views,
        "schemas": [HISTORY] if transform.mode != Mode.WHOLE else [], "answer": "arrow", "rows": ROWS, "taken": list(tables.TAKEN),
    }  # fmt: skip
    with process.slot(transform.project_id), process.asked(request, limit=_BYTES) as listener:
        yield _batches(transform, starts_at, listener)


def _batches(transform: LakeTransform, starts_at: datetime.datetime, listener: process.Listener) -> Iterator[Any]:
    told = listener.line().get("columns")
    if told != [{"name": name, "type": kind} for name, kind in transform.columns]:
        raise SqlRefused("columns_changed")
    schema = tables.schema_of(transform)
    while "end" not in (said := listener.line()):
        table = _read(listener, said.get("arrow"))
        if transform.mode == Mode.HOUR:
            start = pa.scalar(starts_at.replace(tzinfo=None), pa.timestamp("ms"))
            table = table.append_column(tables.WINDOW, pa.repeat(start, table.num_rows))
        try:
            yield table.cast(schema)
        except (ValueError, pa.ArrowException):  # other columns than it said
            raise SqlRefused("broken_off") from None


def _read(listener: process.Listener, size: Any) -> Any:
    """The next table. Whoever writes SQL may have broken the process: what it says is checked."""
    if not isinstance(size, int):
        raise SqlRefused("broken_off")
    try:
        with pa.ipc.open_stream(listener.exactly(size)) as stream:
            table = stream.read_all()
        table.validate(full=True)
    except (ValueError, pa.ArrowException, OSError):
        raise SqlRefused("broken_off") from None
    return table


@dataclass(slots=True)
class _Inputs:
    paths: list[str]
    views: list[tuple[str, str]]


def _inputs(transform: LakeTransform, starts_at: datetime.datetime, store: Store) -> _Inputs:
    """The files of the window and the views over them; those of all times, where they are read."""
    found = _Inputs([], [])
    names = [name for name in transform.reads if not name.startswith(f"{HISTORY}.")]
    all_times = [name.removeprefix(f"{HISTORY}.") for name in transform.reads if name.startswith(f"{HISTORY}.")]
    by_name = {one.name: one for one in windows.upstream_of(transform)}
    try:
        if any(name == catalog.ALL or catalog.kind_of(name) is not None for name in names):
            _add_events(found, _of_window(transform, starts_at, names), store, where=_span(transform, starts_at))
        if any(name == catalog.ALL or catalog.kind_of(name) is not None for name in all_times):
            _add_events(found, _narrowed(transform, all_times), store, schema=HISTORY)
        for name in names:
            if (own := by_name.get(name)) is not None:
                _add_table(found, own, store, window=(transform, starts_at))
        for name in all_times:
            if (own := by_name.get(name)) is not None:
                _add_table(found, own, store, window=None)
    except FileNotFoundError:
        raise SqlRefused("files") from None
    return found


def _span(transform: LakeTransform, starts_at: datetime.datetime) -> str:
    if transform.mode == Mode.WHOLE:
        return ""
    ends_at = periods.end_of(transform.mode, starts_at)
    return f"arrival_timestamp >= TIMESTAMP '{starts_at:%Y-%m-%d %H:%M:%S}' AND arrival_timestamp < TIMESTAMP '{ends_at:%Y-%m-%d %H:%M:%S}'"


def _narrowed(transform: LakeTransform, names: Sequence[str]) -> Any:
    wanted = files.current(project_id=transform.project_id)
    kinds = windows.kinds_read(names)
    return wanted if kinds is None else wanted.filter(kind__in=kinds)


def _of_window(transform: LakeTransform, starts_at: datetime.datetime, names: Sequence[str]) -> Any:
    wanted = _narrowed(transform, names)
    return wanted if transform.mode == Mode.WHOLE else wanted.filter(day=starts_at.date())


def _add_events(found: _Inputs, wanted: Any, store: Store, *, where: str = "", schema: str = "") -> None:
    listed: list[LakeFile] = list(wanted)
    paths = [str(store.local(one.path).absolute()) for one in listed]
    found.paths += [path for path in paths if path not in found.paths]
    found.views += catalog.views(paths=paths, where=where, schema=schema)


def _add_table(
    found: _Inputs, own: LakeTransform, store: Store, *, window: tuple[LakeTransform, datetime.datetime] | None
) -> None:
    wanted, where = tables.current([own]), ""
    if window is not None and own.mode != Mode.WHOLE and window[0].mode != Mode.WHOLE:
        wanted = wanted.filter(day=window[1].date())
        if window[0].mode == Mode.HOUR:
            where = f"{tables.WINDOW} = TIMESTAMP '{window[1]:%Y-%m-%d %H:%M:%S}'"
    paths = [str(store.local(one.path).absolute()) for one in wanted]
    found.paths += [path for path in paths if path not in found.paths]
    schema = HISTORY if window is None else "main"
    found.views.append((f"{schema}.{tables.identifier(own.name)}", tables.definition(own, paths=paths, where=where)))
