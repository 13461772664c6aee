"""SQL over one project's events: what is asked, the process that answers (``analytics.lake.child``), and its limits."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.lake import catalog, files, own_tables, process
from analytics.lake.refusals import SqlRefused, sentence
from analytics.lake.store import store
from projects.models import Project

__all__ = ["Answer", "SqlRefused", "bound", "parameters_of", "run", "sentence"]

ROWS = 10_000
PEOPLE = ("endpoint_id", "client_id")
BYTES = 8 << 20  # of an answer
CHARACTERS = 20_000  # of a query
# Texts, quoted names and comments are left alone; a ``:name`` follows a space, a bracket or an operator ("::" and "[1:n]" do not).
_PARTS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|(?:(?<=[\s(,=<>+\-*/%|])|^):(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL,
)


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


def with_literals(sql: str, literals: Mapping[str, str]) -> str:
    """The query with text of ours for its ``:name``; those that are not in ``literals`` stay."""
    return _PARTS.sub(lambda found: literals.get(found["name"], found[0]) if found["name"] else found[0], sql)


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
    found = _inputs(project_id, sql, part)
    request = {
        "sql": asked, "parameters": values, "files": found.paths, "views": found.views,
        "rows": rows, "only": list(only), "bytes": BYTES,
    }  # fmt: skip
    with process.slot(project_id):
        return _answered(request)


@dataclass(slots=True)
class _Inputs:
    paths: list[str]
    views: list[tuple[str, str]]


def _inputs(project_id: int, sql: str, part: Part | None) -> _Inputs:
    """The project's files and the views over them. Own tables that the query does not name stay closed."""
    where = store()
    events = list(files.current(project_id=project_id).values_list("path", "kind", "day"))
    own = own_tables.of_project(project_id=project_id)
    of_own: dict[int, list[str]] = {}
    for transform_id, path in own_tables.current(own).values_list("transform_id", "path"):
        of_own.setdefault(transform_id, []).append(path)
    lower = sql.lower()
    is_computed = "query" in lower  # query_table(…) names what it reads in other ways
    try:
        wanted = [path for path, kind, day in events if part is None or (kind == part.kind and part.first <= day <= part.last)]
        found = _Inputs([str(where.local(path).absolute()) for path in wanted], [])
        found.views += catalog.views(paths=found.paths)
        for one in own if part is None else ():
            if is_computed or one.name in lower:
                paths = [str(where.local(path).absolute()) for path in of_own.get(one.pk, ())]
                found.paths += paths
                found.views.append((own_tables.identifier(one.name), own_tables.definition(one, paths=paths)))
    except FileNotFoundError:
        raise SqlRefused("files") from None
    app_id = Project.objects.values_list("public_id", flat=True).get(pk=project_id)
    where.forget_copies(
        app_id=app_id, but={*(path for path, *_of in events), *(path for some in of_own.values() for path in some)}
    )
    return found


def _typed(value: str) -> str | int | float:
    """A number where it is written as one; DuckDB reads texts as dates where it compares them with one."""
    for kind in (int, float):
        if re.fullmatch(r"-?\d{1,18}(\.\d{1,15})?", value) and (kind is float or "." not in value):
            return kind(value)
    return value


def _answered(request: Mapping[str, Any]) -> Answer:
    began = time.monotonic()
    columns: list[catalog.Column] = []
    rows: list[list[Any]] = []
    with process.asked(request, limit=8 * BYTES) as listener:  # characters of up to four bytes, and the last rows
        while True:
            said = listener.line()
            if "columns" in said:
                columns = [catalog.Column(**one) for one in said["columns"]]
            rows += said.get("rows", [])
            if "end" in said:
                return Answer(columns, rows, said["is_cut"], time.monotonic() - began)
