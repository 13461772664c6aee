"""One query, in a process of its own: ``python -I child.py``, with a request on standard input and the answer on standard output.

It knows no Django, no settings and no keys, and shuts itself in before it opens anything: no memory past a limit, no file but the lake's
that it was given and Python's own to read, none to write, no network. What DuckDB refuses by itself, it refuses besides.

The request is one line of JSON (``analytics.lake.process`` sends it), the answer JSON a line: ``{"columns": …}``, ``{"rows": …}`` some
times, ``{"end": …}``; or ``{"error": …}``. Asked for ``"arrow"`` it gives ``{"arrow": size}`` some times, and so many bytes after each.
Asked for ``"columns"`` it reads nothing and says what a table of the answer would be, and which tables are read.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import json
import math
import os
import resource
import struct
import sys
import threading
from typing import Any

_CELL = 32 * 1024  # characters
_ERROR = 2_000
_FETCHED = 500  # rows at a time
_ARROW_ROWS = 65_536  # of a batch
_COLUMNS = 100  # of a table
_NAME = 100  # characters
# What a table keeps of DuckDB's types; all others become texts.
_KEPT = {
    "BOOLEAN": "BOOLEAN", "TINYINT": "INTEGER", "SMALLINT": "INTEGER", "INTEGER": "INTEGER", "BIGINT": "BIGINT", "HUGEINT": "BIGINT",
    "UTINYINT": "INTEGER", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "BIGINT", "UHUGEINT": "BIGINT", "FLOAT": "DOUBLE",
    "DOUBLE": "DOUBLE", "VARCHAR": "VARCHAR", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "MAP(VARCHAR, VARCHAR)": "MAP(VARCHAR, VARCHAR)", "MAP(VARCHAR, DOUBLE)": "MAP(VARCHAR, DOUBLE)",
}  # fmt: skip

# Landlock (linux/landlock.h); the numbers of its calls are those of every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many kinds of access there are; 16 later
_NO_NEW_PRIVS = 38
# Libraries, and how much memory and how many processors there are: DuckDB ends the process if it may not ask.
_OF_THE_SYSTEM = (
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/proc/self/cgroup", "/proc/stat", "/proc/meminfo",
    "/sys/fs/cgroup", "/sys/devices/system/cpu",
)  # fmt: skip
_NEW_USER, _NEW_NET = 0x1000_0000, 0x4000_0000


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    _limit(request)
    _shut_in(request["files"])
    watchdog = threading.Timer(request["seconds"] + 2, os._exit, [3])  # if nobody is left to end it
    watchdog.daemon = True
    watchdog.start()
    try:
        _answer(request)
    except MemoryError:
        _say({"error": {"code": "memory", "text": ""}})
    except BrokenPipeError:
        os._exit(1)


def _limit(request: dict[str, Any]) -> None:
    os.nice(10)  # the console comes first
    resource.setrlimit(resource.RLIMIT_AS, (request["address_space"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    processor = math.ceil(request["seconds"] * request["threads"]) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor))


def _shut_in(paths: list[str]) -> None:
    """Before there are threads. A kernel that can't (before 5.13, or in some containers) leaves it to DuckDB's own locks."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NET) != 0:
        libc.unshare(_NEW_USER | _NEW_NET)
    abi = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return
    rules = struct.pack("=QQQ", (1 << _FS_OF_ABI.get(abi, 16)) - 1, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    handle = libc.syscall(_CREATE_RULESET, rules, {1: 8, 2: 8, 3: 8}.get(abi, 16 if abi < 6 else 24), 0)
    if handle < 0:
        return
    for path in {sys.prefix, sys.base_prefix, *filter(None, sys.path), *_OF_THE_SYSTEM}:
        _allow(libc, handle, path, _READ_FILE | _READ_DIR)
    for path in paths:
        _allow(libc, handle, path, _READ_FILE)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.syscall(_RESTRICT_SELF, handle, 0)
    os.close(handle)


def _allow(libc: Any, handle: int, path: str, access: int) -> None:
    with contextlib.suppress(OSError):  # a folder that this machine does not have
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(path):
            access &= ~_READ_DIR
        libc.syscall(_ADD_RULE, handle, _PATH_BENEATH, struct.pack("=Qi", access, beneath), 0)
        os.close(beneath)


def _answer(request: dict[str, Any]) -> None:
    import duckdb

    connection = _opened(request)
    try:
        statements = duckdb.extract_statements(request["sql"])
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            _say({"error": {"code": "not_select", "text": ""}})
            return
        wanted, given = statements[0].named_parameters, request["parameters"]
        if missing := sorted(wanted - given.keys()):
            _say({"error": {"code": "parameters", "text": ", ".join(missing)}})
            return
        answer = request.get("answer", "rows")
        if answer == "rows":
            connection.execute(statements[0], {name: given[name] for name in wanted} if wanted else None)
            _tell(connection, request)
        elif (query := _as_table(connection, statements[0].query, request)) and answer == "columns":
            _say({"reads": sorted(connection.get_table_names(statements[0].query, qualified=True)), "end": True})
        elif query:
            _tell_arrow(connection, query, request)
    except duckdb.OutOfMemoryException:
        _say({"error": {"code": "memory", "text": ""}})
    except duckdb.Error as error:
        code = "memory" if "bad_alloc" in str(error) or "allocate" in str(error) else "sql"
        _say({"error": {"code": code, "text": str(error)[:_ERROR]}})


def _opened(request: dict[str, Any]) -> Any:
    """A database in memory with the views over the files, which are all that it can open from now on.

    By its own rules it might write to them as well: only a SELECT comes that far, no file can grow (``_limit``), and the kernel lets
    none be opened for writing (``_shut_in``).
    """
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": request["threads"], "memory_limit": f"{request['memory'] >> 20}MiB", "max_temp_directory_size": "0MB",
            "temp_directory": "", "autoinstall_known_extensions": False, "autoload_known_extensions": False,
            "python_enable_replacements": False, "preserve_insertion_order": False,
        },
    )  # fmt: skip
    connection.execute(f"SET allowed_paths = [{', '.join(_quoted(path) for path in request['files'])}]")
    for schema in request.get("schemas", ()):
        connection.execute(f"CREATE SCHEMA {schema}")
    for name, definition in request["views"]:
        connection.execute(f"CREATE VIEW {name} AS {definition}")
    for name, columns in request.get("tables", ()):  # empty ones, which a query is checked against
        connection.execute(f"CREATE TABLE {name} ({columns})")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _tell(connection: Any, request: dict[str, Any]) -> None:
    columns = [{"name": name, "type": str(kind)} for name, kind, *_rest in connection.description]
    if request["only"]:
        places = [place for name in request["only"] for place, one in enumerate(columns) if one["name"] == name][:1]
        if not places:
            _say({"error": {"code": "column", "text": ", ".join(request["only"])}})
            return
    else:
        places = list(range(len(columns)))
    _say({"columns": [columns[place] for place in places]})
    told, size, is_cut = 0, 0, False
    while rows := connection.fetchmany(_FETCHED):
        left = request["rows"] - told
        is_cut = len(rows) > left
        line = json.dumps({"rows": [[_plain(row[place]) for place in places] for row in rows[:left]]}, ensure_ascii=False)
        told, size = told + len(rows[:left]), size + len(line)
        is_cut = is_cut or size > request["bytes"]
        _write(line)
        if is_cut:
            break
    _say({"end": True, "is_cut": is_cut})


def _as_table(connection: Any, query: str, request: dict[str, Any]) -> str | None:
    """The query with the columns as a table keeps them, which are told; None after an error that is told."""
    query = _without_end(query)
    described = connection.execute(f"SELECT * FROM (\n{query}\n) LIMIT 0").description
    columns = [(str(name), str(kind)) for name, kind, *_rest in described]
    names = [name.lower() for name, _kind in columns]
    if len(names) > _COLUMNS:
        _say({"error": {"code": "columns", "text": str(_COLUMNS)}})
        return None
    for place, name in enumerate(names):
        code = (
            "column_name" if len(name) > _NAME or not (name.isidentifier() and name.isprintable())
            else "column_taken" if name in request["taken"]
            else ""
        )  # fmt: skip
        if code:
            _say({"error": {"code": code, "text": columns[place][0][:_NAME]}})
            return None
    kinds = [kind if kind.startswith("DECIMAL(") else _KEPT.get(kind, "VARCHAR") for _name, kind in columns]
    _say({"columns": [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)]})
    wanted = [
        f"CAST({_identifier(name)} AS {'TIMESTAMP_MS' if kind == 'TIMESTAMP' else kind}) AS {_identifier(name)}"
        for name, kind in zip(names, kinds, strict=True)
    ]
    return f"SELECT {', '.join(wanted)} FROM (\n{query}\n)"


def _without_end(query: str) -> str:
    """The statement without its semicolon, so that it can stand in brackets."""
    import duckdb

    with contextlib.suppress(duckdb.Error):  # a semicolon within a text or a comment
        while (place := query.rfind(";")) >= 0 and not duckdb.extract_statements(query[place + 1 :]):
            query = query[:place]
    return query


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tell_arrow(connection: Any, query: str, request: dict[str, Any]) -> None:
    import io

    import duckdb
    import pyarrow as pa

    statements = duckdb.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        _say({"error": {"code": "not_select", "text": ""}})
        return
    told = 0
    for batch in connection.sql(query).to_arrow_reader(_ARROW_ROWS):
        told += batch.num_rows
        if told > request["rows"]:
            _say({"error": {"code": "rows", "text": f"{request['rows']:,}"}})
            return
        out = io.BytesIO()
        with pa.ipc.new_stream(out, batch.schema) as stream:
            stream.write_batch(batch)
        _write(json.dumps({"arrow": out.tell()}))
        sys.stdout.buffer.write(out.getbuffer())
    _say({"end": True, "rows": told})


def _plain(cell: Any) -> Any:
    """What JSON can say; the rest as text."""
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else str(cell)
    if isinstance(cell, dict):
        cell = json.dumps({str(name): _plain(value) for name, value in cell.items()}, ensure_ascii=False)
    elif isinstance(cell, list | tuple):
        cell = json.dumps([_plain(value) for value in cell], ensure_ascii=False)
    elif isinstance(cell, datetime.datetime):
        cell = cell.isoformat(sep=" ")
    elif isinstance(cell, bytes):
        cell = cell.hex()
    text = str(cell).encode("utf-8", "replace").decode()
    return text if len(text) <= _CELL else text[:_CELL] + "…"


def _say(line: dict[str, Any]) -> None:
    _write(json.dumps(line, ensure_ascii=False))


def _write(line: str) -> None:
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
