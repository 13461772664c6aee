"""The index against the tables: built anew, and verified."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import Binary
from psycopg2.extras import execute_values
from pyroaring import BitMap64

from core.audience import Audience
from endpoints.facets import reading, store
from endpoints.facets.subjects import ADDRESS, SHARED, Subject, SubjectKind
from endpoints.facets.tracking import FIELDS, row_values

_BATCH = 20_000  # endpoints read at once

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
_WAIT = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND backend_xid::text::bigint < %s)"


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
    with reading.moment(project_id=project_id):
        expected = _expected(project_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, name FROM endpoints_facetsubject WHERE project_id = %s", [project_id])
            known = {Subject(SubjectKind(kind), name) for kind, name in cursor.fetchall()}
        snapshot = reading.read(project_id=project_id, subjects=known | expected.keys())
        for subject in sorted(known | expected.keys(), key=lambda one: (one.kind, one.name)):
            facet = snapshot.facet(subject)
            if facet is None:
                continue
            right = expected.get(subject, {})
            for value in sorted(facet.values() | right.keys()):
                held, wanted = facet.carrying([value]), Audience(right.get(value, BitMap64()))
                missing, extra = len(wanted - held), len(held - wanted)
                if subject == ADDRESS and value == SHARED:
                    extra = 0  # a superset is what it is
                if missing or extra:
                    found.append(Difference(subject, value, missing, extra))
    return found


def rebuild(*, project_id: int) -> int:
    """Build a project's index from its tables while writers go on; returns the number of subjects that answer afterwards.

    First every subject takes deltas again and SQL answers; when the last transaction that may not have seen this has ended, one
    snapshot gives the chunks and loses the deltas that it saw. Deltas that come later are about what came later.
    """
    with _alone(project_id):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE endpoints_facetsubject SET state = 'FILLING' WHERE project_id = %s", [project_id])
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            mine = cursor.fetchone()[0]
        _wait_for_older(mine)
        with transaction.atomic():
            with connection.cursor() as cursor:
                if not connection.savepoint_ids:  # in a test's own transaction nobody else writes
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return _fill(project_id)


def _wait_for_older(xid: int) -> None:
    """Until no transaction is left that began to write before ``xid``."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_WAIT, [xid])
            if cursor.fetchone()[0] or connection.in_atomic_block:
                return
            cursor.execute("SELECT pg_sleep(0.05)")


def _fill(project_id: int) -> int:
    expected = _expected(project_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, kind, name, fold FROM endpoints_facetsubject WHERE project_id = %s", [project_id])
        known = {Subject(SubjectKind(kind), name): (pk, fold) for pk, kind, name, fold in cursor.fetchall()}
        new = [(project_id, str(one.kind), one.name, "LIVE", 0, 0) for one in expected.keys() - known.keys()]
        if new:
            sql = "INSERT INTO endpoints_facetsubject (project_id, kind, name, state, fold, floor) VALUES %s RETURNING id, kind, name"
            made = execute_values(cursor.cursor, sql, new, fetch=True)
            known |= {Subject(SubjectKind(kind), name): (pk, 0) for pk, kind, name in made}
        live = 0
        for subject, (pk, fold) in known.items():
            values = expected.get(subject, {})
            is_live = len(values) <= settings.FACET_VALUES_LIMIT
            live += is_live
            cursor.execute("DELETE FROM endpoints_facetchunk WHERE subject_id = %s", [pk])
            cursor.execute("DELETE FROM endpoints_facetdelta WHERE subject_id = %s", [pk])
            if is_live:
                _write(pk, fold + 1, values)
            cursor.execute(
                "UPDATE endpoints_facetsubject SET state = %s, fold = %s, floor = %s WHERE id = %s",
                ["LIVE" if is_live else "TOO_MANY", fold + 1, fold + 1, pk],
            )
    return live


def _write(subject_id: int, fold: int, values: dict[str, BitMap64]) -> None:
    rows = (
        (subject_id, value, chunk, Binary(part.serialize()), len(part), fold)
        for value in sorted(values)
        for chunk, part in store.split(values[value]).items()
    )
    sql = "INSERT INTO endpoints_facetchunk (subject_id, value, chunk, ids, total, fold) VALUES %s"
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, sql, rows, page_size=500)


def _expected(project_id: int) -> dict[Subject, dict[str, BitMap64]]:
    """The whole index as the tables have it. A subject with more values than the limit keeps the first of them only."""
    found: dict[Subject, dict[str, BitMap64]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"DECLARE facet_rows NO SCROLL CURSOR FOR {_ROWS}", [project_id])
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
                values = found.setdefault(subject, {})
                if value in values or len(values) <= settings.FACET_VALUES_LIMIT:
                    values.setdefault(value, BitMap64()).update(ids)
        cursor.execute("CLOSE facet_rows")
        cursor.execute(_TWINS, [project_id])
        twins = BitMap64([pk for (pk,) in cursor.fetchall()])
    if twins:
        found.setdefault(ADDRESS, {})[SHARED] = twins
    return found


@contextlib.contextmanager
def _alone(project_id: int) -> Iterator[None]:
    """Nobody folds meanwhile; taken before any snapshot."""
    key = [reading.FOLD_LOCK, project_id % (1 << 31)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
