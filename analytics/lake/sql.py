"""SQL over one project's events: what is asked, the process that answers (``analytics.lake.child``), and its limits."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from analytics.lake import catalog, files
from analytics.lake.store import store
from core.errors import Refusal
from projects.models import Project

ROWS = 10_000
PEOPLE = ("endpoint_id", "client_id")
BYTES = 8 << 20  # of an answer
CHARACTERS = 20_000  # of a query
_THREADS = 2
_AT_ONCE, _AT_ONCE_OF_PROJECT = 3, 2  # queries; the threads of the web processes are more
_SLOT, _SLOT_OF_PROJECT = 0x7061_6C71, 0x7061_6C80
_ROOM = 1_300 << 20  # bytes of addresses that Python and DuckDB take beside what a query may use
_CHILD = Path(__file__).with_name("child.py")
# No settings, no keys, no home. The answer's texts are UTF-8 whatever the machine's language is.
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
# Texts, quoted names and comments are left alone; a ``:name`` follows a space, a bracket or an operator ("::" and "[1:n]" do not).
_PARTS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|(?:(?<=[\s(,=<>+\-*/%|])|^):(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL,
)


SENTENCES: dict[str, Any] = {
    "characters": _("A query has at most %(limit)s characters."),
    "files": _("Files of the lake are missing. Ask the operator of this installation to run “manage.py lake rebuild”."),
    "busy": _("Other queries are being answered. Try again in some seconds."),
    "seconds": _("The query was stopped after %(seconds)s seconds. Ask about fewer days, or a view instead of all_events."),
    "large": _("The answer is too large. Ask for fewer columns, or shorter texts."),
    "broken_off": _("The query was broken off: it needs more than a query may use. Ask for less at a time."),
    "not_select": _("One SELECT at a time is answered here, and nothing else: the events can't be changed."),
    "parameters": _("Give a value for: %(names)s"),
    "column": _("The result has none of these columns: %(names)s"),
    "memory": _("The query needs more memory than the %(memory)s MB that it may use. Ask for fewer columns, or group them."),
    "sql": _("The query could not be answered."),
}


class SqlRefused(Refusal):
    """A query that was not answered. ``detail``: what DuckDB says of it, with the line and the place."""

    def __init__(self, code: str, detail: str = "", **params: str) -> None:
        super().__init__(sentence(code, params))
        self.code, self.detail, self.params = code, detail, params


def sentence(code: str, params: Mapping[str, Any]) -> str:
    """The refusal as it is read now, in the reader's language."""
    return str(SENTENCES.get(code, SENTENCES["sql"])) % params


@dataclass(frozen=True, slots=True)
class Answer:
    """``rows``: texts, numbers, booleans and None. ``is_cut``: there are more than may be told. ``seconds``: with starting the process."""

    columns: list[catalog.Column]
    rows: list[list[Any]]
    is_cut: bool
    seconds: float

    @property
    def names_people(self) -> bool:
        """Whether a column says which endpoints."""
        return any(column.name in PEOPLE for column in self.columns)


@dataclass(frozen=True, slots=True)
class Part:
    """Files of one type and of some days (UTC, both counted), where a query asks of nothing else."""

    kind: int
    first: datetime.date
    last: datetime.date


def parameters_of(sql: str) -> list[str]:
    """The names of the ``:name`` in a query, in their order."""
    return list(dict.fromkeys(found["name"] for found in _PARTS.finditer(sql) if found["name"]))


def bound(sql: str, parameters: Mapping[str, str]) -> tuple[str, dict[str, str | int | float]]:
    """The query with ``$name`` for ``:name``, as DuckDB's language has it, and the values: numbers where they are written as such."""
    asked = _PARTS.sub(lambda found: f"${found['name']}" if found["name"] else found[0], sql)
    return asked, {name: _typed(value) for name, value in parameters.items()}


def run(
    *,
    project_id: int,
    sql: str,
    parameters: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    rows: int = ROWS,
    part: Part | None = None,
) -> Answer:
    """The answer to one SELECT over the project's events, and nobody else's. Raises ``SqlRefused``.

    ``only``: the answer has one column, the first of these that the query has. ``part``: no other files are opened.
    """
    if len(sql) > CHARACTERS:
        raise SqlRefused("characters", limit=f"{CHARACTERS:,}")
    asked, values = bound(sql, parameters or {})
    paths = _paths(project_id, part)
    request = {
        "sql": asked, "parameters": values,
        "files": paths, "views": catalog.views(paths=paths),
        "rows": rows, "only": list(only), "bytes": BYTES, "seconds": settings.SQL_SECONDS, "memory": settings.SQL_MEMORY_BYTES,
        "address_space": settings.SQL_MEMORY_BYTES + _ROOM, "threads": _THREADS,
    }  # fmt: skip
    with _slot(project_id):
        return _answered(json.dumps(request).encode() + b"\n")


def _paths(project_id: int, part: Part | None) -> list[str]:
    where = store()
    try:
        listed = list(files.current(project_id=project_id).values_list("path", "kind", "day"))
        wanted = [path for path, kind, day in listed if part is None or (kind == part.kind and part.first <= day <= part.last)]
        found = [str(where.local(path).absolute()) for path in wanted]
    except FileNotFoundError:
        raise SqlRefused("files") from None
    app_id = Project.objects.values_list("public_id", flat=True).get(pk=project_id)
    where.forget_copies(app_id=app_id, but={path for path, *_of in listed})
    return found


def _typed(value: str) -> str | int | float:
    """A number where it is written as one; DuckDB reads texts as dates where it compares them with one."""
    for kind in (int, float):
        if re.fullmatch(r"-?\d{1,18}(\.\d{1,15})?", value) and (kind is float or "." not in value):
            return kind(value)
    return value


@contextlib.contextmanager
def _slot(project_id: int) -> Iterator[None]:
    """A place among the queries that may run at the same time: the processors and the pages' threads are everybody's."""
    with connection.cursor() as cursor:
        held: list[tuple[int, int]] = []
        try:
            for places in (
                [(_SLOT_OF_PROJECT + place, project_id % (1 << 31)) for place in range(_AT_ONCE_OF_PROJECT)],
                [(_SLOT, place) for place in range(_AT_ONCE)],
            ):
                if not any(_taken(cursor, place, held) for place in places):
                    raise SqlRefused("busy")
            yield
        finally:
            for place in held:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", place)


def _taken(cursor: Any, place: tuple[int, int], held: list[tuple[int, int]]) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", place)
    (is_mine,) = cursor.fetchone()
    if is_mine:
        held.append(place)
    return bool(is_mine)


def _answered(request: bytes) -> Answer:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as nowhere:
        child = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=_ENVIRONMENT, cwd=nowhere, start_new_session=True, close_fds=True,
        )  # fmt: skip
        try:
            output = _output(child, request, began + settings.SQL_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
    return _read(output, time.monotonic() - began)


def _output(child: subprocess.Popen[bytes], request: bytes, deadline: float) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(request)
        child.stdin.close()
    parts: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise SqlRefused("seconds", seconds=f"{settings.SQL_SECONDS:g}")
            part = os.read(child.stdout.fileno(), 1 << 16)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > 8 * BYTES:  # characters of up to four bytes, and the last rows
                raise SqlRefused("large")


def _read(output: bytes, seconds: float) -> Answer:
    columns: list[catalog.Column] = []
    rows: list[list[Any]] = []
    for line in output.splitlines():
        said = json.loads(line)
        if "error" in said:
            raise _refusal(**said["error"])
        if "columns" in said:
            columns = [catalog.Column(**one) for one in said["columns"]]
        rows += said.get("rows", [])
        if "end" in said:
            return Answer(columns, rows, said["is_cut"], seconds)
    raise SqlRefused("broken_off")


def _refusal(code: str, text: str) -> SqlRefused:
    match code:
        case "parameters" | "column":
            return SqlRefused(code, names=text)
        case "memory":
            return SqlRefused(code, memory=f"{settings.SQL_MEMORY_BYTES >> 20:,}")
    return SqlRefused(code, text)
