"""One piece of a file: read, checked, folded, merged. The caller's transaction holds all of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from core.audience import Audience
from endpoints.importer.columns import columns_of
from endpoints.importer.fold import fold
from endpoints.importer.merge import merge
from endpoints.importer.rows import Refused, Row, read_csv, read_json
from endpoints.importer.scan import Readable
from endpoints.models import AttributeKind
from endpoints.services import catalogue
from projects.models import Project

_LOCK_CLASS = 0x7061_6263
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?\Z")


@dataclass(frozen=True, slots=True)
class PieceResult:
    """``processed`` counts lines, refused ones included; ``kept_opted_out`` those whom the file would have opted in again."""

    members: Audience
    processed: int
    refused: list[Refused]
    kept_opted_out: int


def import_piece(
    *,
    project: Project,
    stream: Readable,
    header: Sequence[str],
    first_line: int,
    now: datetime.datetime,
    on_bytes: Callable[[int], None],
    await_turn: Callable[[], None] = lambda: None,
) -> PieceResult:
    """Import a stretch of whole lines: CSV under ``header``, JSON lines when that is empty.

    Many workers read pieces side by side; before the first query ``await_turn`` comes back when every earlier piece of the job
    is written, so that a later line wins over an earlier one whichever worker has it. Jobs of one project take turns by a lock of
    the transaction's. ``on_bytes`` is told of progress. Raises ``FileRefused`` for too many attribute names.
    """
    lines = list(_read(stream, header, first_line, on_bytes))
    await_turn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, project.pk % (1 << 31)])
    folded = fold(project_id=project.pk, lines=lines)
    del lines
    _note_names(project, folded.endpoints.values(), folded.users.values())
    members, kept = merge(project_id=project.pk, folded=folded, now=now)
    return PieceResult(members=members, processed=folded.processed, refused=folded.refused, kept_opted_out=kept)


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
