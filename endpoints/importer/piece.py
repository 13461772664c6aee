"""One piece of a file: read, checked, folded, merged. The caller's transaction holds all of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from core.audience import Audience
from endpoints.importer.columns import columns_of
from endpoints.importer.fold import fold
from endpoints.importer.merge import members, merge
from endpoints.importer.rows import Refused, Row, read_csv, read_json
from endpoints.importer.scan import Readable
from endpoints.models import AttributeKind
from endpoints.services import catalogue
from projects.models import Project

_LOCK_CLASS = 0x7061_6263
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?\Z")


@dataclass(frozen=True, slots=True)
class Before:
    """Rows as they stood before a piece changed them: documents fit for JSON, by which ``endpoints.writing`` can put them back."""

    endpoints: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PieceResult:
    """What a piece came to. ``processed`` counts lines, refused ones included; ``members`` are the endpoints that its lines name.

    ``created``, ``changed`` and ``unchanged`` divide the endpoints that the lines give fields of; with ``register=False`` nothing
    is written and all three are empty. ``kept_opted_out`` counts those whom the file would have opted in again.
    """

    members: Audience
    processed: int
    refused: list[Refused]
    kept_opted_out: int
    created: Audience
    changed: Audience
    unchanged: int
    before: Before


@dataclass(frozen=True, slots=True)
class Prepared:
    """A piece that was read and checked as far as that goes without the database."""

    lines: list[Row | Refused]


def import_piece(
    *,
    project: Project,
    stream: Readable,
    header: Sequence[str],
    first_line: int,
    now: datetime.datetime,
    on_bytes: Callable[[int], None],
    await_turn: Callable[[], None] = lambda: None,
    register: bool = True,
    keep_before: bool = False,
) -> PieceResult:
    """``prepare_piece`` and ``write_piece`` in one: import a stretch of whole lines in the caller's transaction.

    Many workers read pieces side by side; before the first query ``await_turn`` comes back when every earlier piece of the job
    is written, so that a later line wins over an earlier one whichever worker has it.
    """
    prepared = prepare_piece(stream=stream, header=header, first_line=first_line, on_bytes=on_bytes)
    await_turn()
    return write_piece(project=project, prepared=prepared, now=now, register=register, keep_before=keep_before)


def prepare_piece(*, stream: Readable, header: Sequence[str], first_line: int, on_bytes: Callable[[int], None]) -> Prepared:
    """Read a stretch of whole lines: CSV under ``header``, JSON lines when that is empty. Touches no database; any thread may do it.

    ``on_bytes`` is told of progress.
    """
    return Prepared(lines=list(_read(stream, header, first_line, on_bytes)))


def write_piece(
    *, project: Project, prepared: Prepared, now: datetime.datetime, register: bool = True, keep_before: bool = False
) -> PieceResult:
    """Write a prepared piece in the caller's transaction; it may be called again with the same piece after a rollback.

    Pieces of a project are written one after the other (a lock of the transaction's). Which of two comes first is the caller's
    to see to: a later line of a file wins over an earlier one only if its piece is written later. ``register=False`` writes
    nothing: it only finds the endpoints that the lines name. Raises ``FileRefused`` for too many attribute names.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, project.pk % (1 << 31)])
    folded = fold(project_id=project.pk, lines=prepared.lines, register=register)
    if not register:
        found = members(project_id=project.pk, folded=folded)
        return PieceResult(
            members=found, processed=folded.processed, refused=folded.refused, kept_opted_out=0,
            created=Audience(), changed=Audience(), unchanged=0, before=Before(),
        )  # fmt: skip
    _note_names(project, folded.endpoints.values(), folded.users.values())
    merged = merge(project_id=project.pk, folded=folded, now=now, keep_before=keep_before)
    return PieceResult(
        members=merged.members, processed=folded.processed, refused=folded.refused, kept_opted_out=merged.kept_opted_out,
        created=merged.created, changed=merged.changed,
        unchanged=len(folded.endpoints) - len(merged.created) - len(merged.changed), before=Before(),
    )  # fmt: skip


def _read(stream: Readable, header: Sequence[str], first_line: int, on_bytes: Callable[[int], None]) -> Iterator[Row | Refused]:
    if header:
        return read_csv(stream, columns=columns_of(header), first_line=first_line, on_bytes=on_bytes)
    return read_json(stream, first_line=first_line, on_bytes=on_bytes)


def _note_names(project: Project, rows: Iterable[Row], users: Iterable[dict[str, list[str]]]) -> None:
    attributes: dict[str, list[int]] = {}
    user_attributes: dict[str, list[int]] = {}
    metrics: dict[str, bool] = {}
    for row in rows:
        _tally(attributes, row.attributes)
        metrics.update(dict.fromkeys(row.metrics, False))
    for values in users:
        _tally(user_attributes, values)
    names: dict[AttributeKind, dict[str, bool]] = {
        AttributeKind.ATTRIBUTE: _dated(attributes),
        AttributeKind.USER_ATTRIBUTE: _dated(user_attributes),
        AttributeKind.METRIC: metrics,
    }
    catalogue.check_room(project=project, names={kind: set(some) for kind, some in names.items()})
    for kind, some in names.items():
        catalogue.note_names(project=project, kind=kind, names=some)


def _tally(tally: dict[str, list[int]], values: dict[str, Any]) -> None:
    for name, texts in values.items():
        count = tally.setdefault(name, [0, 0])
        if texts and count[0] < 1000:  # a sample is enough to tell dates
            count[0] += 1
            count[1] += bool(_DATE.match(texts[0]))


def _dated(tally: dict[str, list[int]]) -> dict[str, bool]:
    return {name: seen > 0 and dates * 2 > seen for name, (seen, dates) in tally.items()}
