"""The index against the tables: built anew, and verified."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import Binary
from psycopg2.extras import execute_values
from pyroaring import BitMap64

from core.audience import Audience
from core.sql import bigint_array, id_set, id_sets, text_array
from endpoints.facets import reading, store
from endpoints.facets.spill import Spilled
from endpoints.facets.subjects import ADDRESS, SHARED, Subject, SubjectKind
from endpoints.facets.tracking import FIELDS, row_values
from endpoints.models import FacetState

_BATCH = 20_000  # endpoints read at once
_STRETCH = 200_000  # of which the index is in memory at once

_ROWS = f"""
    SELECT {FIELDS} FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s ORDER BY e.id
"""
_TWINS = """
    SELECT id FROM (
        SELECT id, count(*) OVER (PARTITION BY channel_type, address_key) AS holders
          FROM endpoints_endpoint WHERE project_id = %s AND address_key <> '') held
     WHERE holders > 1
"""
# age() counts back from the newest transaction, so that numbers that have begun anew compare rightly.
_NOBODY_OLDER = """
    SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity
                        WHERE datname = current_database() AND backend_xid IS NOT NULL AND age(backend_xid) > age(%s::xid))
"""
_UNMARKED_ROWS = """
    project_id = %(project)s AND state <> 'FILLING'
    AND (kind, name) NOT IN (SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[]))
"""
_MARK = f"""
    UPDATE endpoints_facetsubject SET state = 'FILLING'
     WHERE id IN (SELECT id FROM endpoints_facetsubject WHERE {_UNMARKED_ROWS} FOR NO KEY UPDATE SKIP LOCKED)
"""
_UNMARKED = f"SELECT EXISTS (SELECT 1 FROM endpoints_facetsubject WHERE {_UNMARKED_ROWS})"
_MAKE = """
    INSERT INTO endpoints_facetsubject (project_id, kind, name, state, fold, floor) VALUES (%s, %s, %s, 'FILLING', 0, 0)
    ON CONFLICT (project_id, kind, name) DO NOTHING RETURNING id
"""
_COUNT = "SELECT count(*) FROM endpoints_facetsubject WHERE project_id = %s AND state = %s"
_REBUILD_LOCK = 0x7061_6672  # with the project's id
_PAUSE_SECONDS = 0.05  # between two tries
_PATIENCE = 100  # tries to find a moment when nobody reads within a transaction


@dataclass(frozen=True, slots=True)
class Difference:
    """Endpoints that the index lacks for a value, and those that it has too many."""

    subject: Subject
    value: str
    missing: int
    extra: int

    def __str__(self) -> str:
        return f"{self.subject.kind} {self.subject.name} “{self.value}”: {self.missing} missing, {self.extra} too many"


def verify(*, project_id: int) -> list[Difference]:
    """What the index says against what the tables say, at one moment; nothing when all is well. Reads every endpoint."""
    found = []
    with reading.moment(project_id=project_id), _expected(project_id) as expected:
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, name FROM endpoints_facetsubject WHERE project_id = %s", [project_id])
            known = {Subject(SubjectKind(kind), name) for kind, name in cursor.fetchall()}
        snapshot = reading.read(project_id=project_id, subjects=known | expected.keys())
        for subject in sorted(known | expected.keys(), key=lambda one: (one.kind, one.name)):
            facet = snapshot.facet(subject)
            if facet is None:
                continue
            right = expected.get(subject)
            if len(right) > settings.FACET_VALUES_LIMIT:
                continue  # the next fold gives it up; what it says until then is not known as a whole here
            values = facet.values() | right.keys()
            facet.load(values)
            for value in sorted(values):
                held, wanted = facet.carrying([value]), Audience(right.get(value, BitMap64()))
                missing, extra = len(wanted - held), len(held - wanted)
                if subject == ADDRESS and value == SHARED:
                    extra = 0  # a superset is what it is
                if missing or extra:
                    found.append(Difference(subject, value, missing, extra))
    return found


def rebuild(*, project_id: int) -> int:
    """Build a project's index from its tables while writers and counts go on; returns the number of subjects that answer afterwards.

    First every subject takes deltas again, is not folded, and SQL answers; when the last transaction that may not have seen this has
    ended, one snapshot says what the chunks should be, and which deltas it has seen. Then each subject gets its chunks and loses those
    deltas, in a transaction of its own, and answers again. Killed anywhere, the subjects that are left are filled by ``resume``.
    """
    with _alone(project_id):
        _fill(project_id, asked=True)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [project_id, FacetState.LIVE])
            return int(cursor.fetchone()[0])


def resume(*, project_id: int) -> bool:
    """Fill what a rebuild left that was killed; False when there is nothing, or a rebuild is under way."""
    with _alone_at_once(project_id) as is_alone:
        if not is_alone or not is_filling(project_id=project_id):
            return False
        _fill(project_id, asked=False)
    return True


def is_filling(*, project_id: int) -> bool:
    """Whether a subject waits for its chunks."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [project_id, FacetState.FILLING])
        return bool(cursor.fetchone()[0])


def left_behind() -> list[int]:
    """Projects with subjects that wait for their chunks, though nobody may be at it: ``resume`` finds out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT project_id FROM endpoints_facetsubject WHERE state = 'FILLING' ORDER BY 1")
        return [pk for (pk,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one snapshot says: the whole index, the subjects with their states, and the deltas of those that are to be filled."""

    expected: Spilled
    subjects: dict[Subject, tuple[int, str]]
    deltas: dict[str, Audience]  # by the subject's primary key


def _fill(project_id: int, *, asked: bool) -> None:
    """Fill every subject (``asked``), or those that wait for it. One round, unless subjects come into being meanwhile."""
    done: set[Subject] = set()
    left = True
    while left:
        if asked:
            _mark(project_id, done)
        _wait_for_older()
        seen = _look(project_id)
        left = False
        with seen.expected:
            for subject, (pk, state) in seen.subjects.items():
                if state == FacetState.FILLING:
                    _put(pk, seen.expected.get(subject), seen.deltas.get(str(pk), Audience()))
                    done.add(subject)
                elif asked and state == FacetState.LIVE and subject not in done:
                    left = True  # named for the first time after the others were marked
            for subject in seen.expected.keys() - seen.subjects.keys():
                if _put_first(project_id, subject, seen.expected.get(subject)):
                    done.add(subject)
                else:
                    left = asked = True


def _mark(project_id: int, done: Collection[Subject]) -> None:
    """Every subject but those done takes deltas and answers no more. Nobody reads within a transaction, and no fold runs, then.

    A subject that a writer is about to give up is left out, and taken the next time: who waited here would have counts wait, too.
    """
    given: dict[str, Any] = {
        "project": project_id, "kinds": text_array(one.kind for one in done), "names": text_array(one.name for one in done),
    }  # fmt: skip
    tries = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            if _lock_folds(cursor, project_id, waits=tries >= _PATIENCE):
                cursor.execute(_MARK, given)
                cursor.execute(_UNMARKED, given)
                if not cursor.fetchone()[0]:
                    return
        tries += 1
        time.sleep(_PAUSE_SECONDS)


def _lock_folds(cursor: Any, project_id: int, *, waits: bool) -> bool:
    """Until the end of the transaction. Whoever waits has all later readers wait behind him: only after many tries."""
    name = "pg_advisory_xact_lock" if waits else "pg_try_advisory_xact_lock"
    cursor.execute(f"SELECT {name}(%s, %s)", [reading.FOLD_LOCK, project_id % (1 << 31)])
    return waits or bool(cursor.fetchone()[0])


def _wait_for_older() -> None:
    """Until no transaction is left that began to write before now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::xid::text")
        mine = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_NOBODY_OLDER, [mine])
            if cursor.fetchone()[0] or connection.in_atomic_block:  # in a test's own transaction nobody else writes
                return
            time.sleep(_PAUSE_SECONDS)


def _look(project_id: int) -> _Seen:
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT id, kind, name, state FROM endpoints_facetsubject WHERE project_id = %s", [project_id])
            subjects = {Subject(SubjectKind(kind), name): (pk, state) for pk, kind, name, state in cursor.fetchall()}
        filling = bigint_array(pk for pk, state in subjects.values() if state == FacetState.FILLING)
        deltas = id_sets("SELECT subject_id, id FROM endpoints_facetdelta WHERE subject_id = ANY(%s::bigint[])", [filling])
        return _Seen(_expected(project_id), subjects, deltas)


def _put(pk: int, values: dict[str, BitMap64], seen: Audience) -> None:
    """Give a subject its chunks and take away the deltas that are in them, unless a writer has given it up meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT state, fold FROM endpoints_facetsubject WHERE id = %s FOR NO KEY UPDATE", [pk])
        state, fold = cursor.fetchone()
        if state != FacetState.FILLING:
            return
        is_live = len(values) <= settings.FACET_VALUES_LIMIT
        cursor.execute("DELETE FROM endpoints_facetchunk WHERE subject_id = %s", [pk])
        cursor.execute("DELETE FROM endpoints_facetdelta WHERE id = ANY(%s::bigint[])", [bigint_array(seen)])
        if is_live:
            _write(pk, fold + 1, values)
        cursor.execute(
            "UPDATE endpoints_facetsubject SET state = %s, fold = %s, floor = %s WHERE id = %s",
            ["LIVE" if is_live else "TOO_MANY", fold + 1, fold + 1, pk],
        )


def _put_first(project_id: int, subject: Subject, values: dict[str, BitMap64]) -> bool:
    """The chunks of a subject that had no row, though endpoints carry it; False when a writer has made the row since."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MAKE, [project_id, str(subject.kind), subject.name])
        made = cursor.fetchone()
        if made is None:
            return False
        _put(made[0], values, Audience())
    return True


def _write(subject_id: int, fold: int, values: dict[str, BitMap64]) -> None:
    rows = (
        (subject_id, value, chunk, Binary(part.serialize()), len(part), fold)
        for value in sorted(values)
        for chunk, part in store.split(values[value]).items()
    )
    sql = "INSERT INTO endpoints_facetchunk (subject_id, value, chunk, ids, total, fold) VALUES %s"
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, sql, rows, page_size=500)


def _expected(project_id: int) -> Spilled:
    """The whole index as the tables have it; the caller closes it."""
    found = Spilled(limit=settings.FACET_VALUES_LIMIT)
    with connection.cursor() as cursor:
        cursor.execute(f"DECLARE facet_rows NO SCROLL CURSOR FOR {_ROWS}", [project_id])
        read = 0
        while True:
            cursor.execute(f"FETCH {_BATCH} FROM facet_rows")
            rows = cursor.fetchall()
            if not rows:
                break
            batch: dict[tuple[Subject, str], list[int]] = {}
            for row in rows:
                for pair in row_values(row):
                    batch.setdefault(pair, []).append(row[0])
            for (subject, value), ids in batch.items():
                found.add(subject, value, ids)
            read += len(rows)
            if read >= _STRETCH:
                found.write_out()
                read = 0
        cursor.execute("CLOSE facet_rows")
    twins = id_set(_TWINS, [project_id])
    if twins:
        found.add(ADDRESS, SHARED, twins)
    return found


@contextlib.contextmanager
def _alone(project_id: int) -> Iterator[None]:
    """One rebuild of a project at a time. The session's lock goes with its process."""
    key = [_REBUILD_LOCK, project_id % (1 << 31)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
    try:
        yield
    finally:
        _leave(key)


@contextlib.contextmanager
def _alone_at_once(project_id: int) -> Iterator[bool]:
    """Gives whether nobody else rebuilds the project; waits for nobody."""
    key = [_REBUILD_LOCK, project_id % (1 << 31)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            _leave(key)


def _leave(key: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
