"""One piece of a file into the tables. The caller's transaction holds all of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
from django.db import IntegrityError, OperationalError, connection, transaction

from core.audience import Audience
from core.sql import id_set, text_array
from endpoints.importer import bulk
from endpoints.importer.columnar import Mask, Positions
from endpoints.importer.newcomers import Newcomers, entangled, insert, newcomers
from endpoints.importer.prepared import Prepared as Prepared
from endpoints.importer.prepared import is_in, prepare
from endpoints.importer.scan import Readable
from endpoints.models import OptOutEntry
from endpoints.services import catalogue
from endpoints.writing import addresses
from endpoints.writing.before import Before
from endpoints.writing.documents import Item, Refused
from endpoints.writing.fold import Folded, fold, keys_by_address
from endpoints.writing.write import Write, Written, is_conflict, write_lines
from projects.models import Project

_CONFLICTS = 5  # tries, when other writers keep coming between
_FEW = 1_000  # new endpoints that change no plan
# Looking up some ten thousand keys takes less time than handing them to another process.
_ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
_ANALYZE = """
    ANALYZE (SKIP_LOCKED)
        endpoints_endpoint (id, project_id, endpoint_key, channel_type, address_key, user_id, opt_out, status),
        endpoints_endpointuser (id, project_id, user_id)
"""
_MEMBERS = """
    SELECT id FROM endpoints_endpoint WHERE project_id = %(project)s AND endpoint_key = ANY(%(keys)s::text[])
     UNION
    SELECT id FROM endpoints_endpoint WHERE user_id = ANY(ARRAY(
        SELECT id FROM endpoints_endpointuser WHERE project_id = %(project)s AND user_id = ANY(%(users)s::text[])))
"""


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


def prepare_piece(
    *, stream: Readable, header: Sequence[str], first_line: int, on_bytes: Callable[[int], None], expect_new: bool = False
) -> Prepared:
    """Read a stretch of whole lines: CSV under ``header``, JSON lines when that is empty. Touches no database; any thread may do it.

    ``on_bytes`` is told of progress. ``expect_new`` only says which work is worth doing here.
    """
    return prepare(stream=stream, header=header, first_line=first_line, on_bytes=on_bytes, expect_new=expect_new)


def write_piece(
    *, project: Project, prepared: Prepared, now: datetime.datetime, register: bool = True, keep_before: bool = False
) -> PieceResult:
    """Write a prepared piece in the caller's transaction; it may be called again with the same piece after a rollback.

    Pieces of a project are written one after the other (a lock of the transaction's). Which of two comes first is the caller's
    to see to: a later line of a file wins over an earlier one only if its piece is written later. ``register=False`` writes
    nothing: it only finds the endpoints that the lines name. Raises ``FileRefused`` for too many attribute names.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
    if not register:
        return _find(project, prepared, now)
    addresses.lock_project(project.pk)
    _note_names(project, prepared)
    conflicts = 0
    while True:
        try:
            with transaction.atomic():
                return _write(project, prepared, now, keep_before)
        except (IntegrityError, OperationalError) as conflict:
            conflicts += 1
            if conflicts == _CONFLICTS or not is_conflict(conflict):
                raise


def refresh_statistics(*, created: int) -> None:
    """Tell the planner what the tables hold now; autovacuum comes a minute later, a campaign may come at once.

    Takes a sample of the columns that conditions and joins name, a tenth of a second whatever the size: the documents would take
    twenty times as long. A table that is being analysed already is left out, and so are all when few endpoints are new.
    """
    if created < _FEW:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ANALYZE)


def _find(project: Project, prepared: Prepared, now: datetime.datetime) -> PieceResult:
    plain, others = prepared.plain, dict(prepared.others)
    found = Audience()
    if plain is not None and len(plain):
        stored = bulk.stored_endpoints(project_id=project.pk, lines=plain, line_hashes=prepared.line_hashes)
        found = _audience(stored.ids[stored.ids > 0])
        others |= prepared.plain_items(stored.ids == 0)
    folded = fold(project_id=project.pk, lines=_in_order(others), now=now, register=False)
    return PieceResult(
        members=found | _named(project, keys=folded.endpoints, users=folded.reached_users),
        processed=len(found) + folded.processed, refused=folded.refused, kept_opted_out=0,
        created=Audience(), changed=Audience(), unchanged=0, before=Before(),
    )  # fmt: skip


@dataclass(slots=True)
class _Division:
    """A piece against what is stored. ``others`` are all lines that are folded; ``line_hashes`` of those that are whole, by key."""

    others: dict[int, Item | Refused]
    line_hashes: dict[str, int]
    unchanged: Audience
    new: Newcomers | None = None
    stay: Mask | None = None


def _divide(project: Project, prepared: Prepared) -> _Division:
    """Plain lines that change an endpoint, or touch whom such a line touches, join the others."""
    plain, others = prepared.plain, dict(prepared.others)
    if plain is None or not len(plain):
        return _Division(others=others, line_hashes={}, unchanged=Audience())
    stored = bulk.stored_endpoints(project_id=project.pk, lines=plain, line_hashes=prepared.line_hashes)
    items = [item for item in others.values() if isinstance(item, Item)]
    by_address = is_in(plain.keys, keys_by_address(project_id=project.pk, items=items))
    apart = by_address | ((stored.ids > 0) & ~stored.is_unchanged)
    new = newcomers(project_id=project.pk, prepared=prepared, is_new=(stored.ids == 0) & ~apart)
    stay = ~entangled(new, others=plain.users.filter(pa.array(apart)))
    apart[new.rows[~stay]] = True
    whole = apart & ~by_address
    keys = plain.keys.filter(pa.array(whole)).to_pylist()
    return _Division(
        others=others | prepared.plain_items(apart),
        line_hashes=dict(zip(keys, prepared.line_hashes[whole].tolist(), strict=True)),
        unchanged=_audience(stored.ids[stored.is_unchanged & ~apart]),
        new=new,
        stay=stay,
    )


def _write(project: Project, prepared: Prepared, now: datetime.datetime, keep_before: bool) -> PieceResult:
    divided = _divide(project, prepared)
    how = Write(
        project_id=project.pk, source=OptOutEntry.Source.IMPORT, now=now, keep_before=keep_before, has_project=True,
        hashes=divided.line_hashes,
    )  # fmt: skip
    folded, written = Folded(), Written()
    if divided.others:
        folded, written = write_lines(lines=_in_order(divided.others), how=how)
    created = Audience()
    if divided.new is not None and divided.stay is not None:
        created = _audience(insert(divided.new, stay=divided.stay, line_hashes=prepared.line_hashes, now=now))
    processed = len(divided.unchanged) + len(created) + folded.processed
    return PieceResult(
        members=divided.unchanged | created | Audience(written.ids.values())
        | _named(project, keys=(), users=folded.reached_users),
        processed=processed, refused=folded.refused, kept_opted_out=written.kept_opted_out,
        created=created | Audience(written.created), changed=Audience(written.changed),
        unchanged=len(divided.unchanged) + written.unchanged, before=written.before,
    )  # fmt: skip


def _in_order(lines: dict[int, Item | Refused]) -> list[Item | Refused]:
    return [lines[place] for place in sorted(lines)]


def _audience(ids: Positions) -> Audience:
    return Audience(ids.tolist())


def _named(project: Project, *, keys: Collection[str], users: Collection[str]) -> Audience:
    """The stored endpoints with these keys, and those of these users."""
    if not keys and not users:
        return Audience()
    return id_set(_MEMBERS, {"project": project.pk, "keys": text_array(keys), "users": text_array(sorted(users))})


def _note_names(project: Project, prepared: Prepared) -> None:
    catalogue.check_room(project=project, names={kind: set(some) for kind, some in prepared.names.items()})
    catalogue.note_names(project=project, names=prepared.names)
