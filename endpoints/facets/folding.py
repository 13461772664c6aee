"""Folding: deltas into chunks, a subject a transaction. Killed anywhere it leaves things as they were; twice at once, one does nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.db import connection, transaction
from psycopg2 import Binary
from psycopg2.extras import execute_values
from pyroaring import BitMap

from core.sql import bigint_array, copy_rows, text_array
from endpoints.facets import store
from endpoints.facets.deltas import Delta
from endpoints.facets.reading import FOLD_LOCK

_LEAP = 1_000_000_000  # more folds than there are between a backup and its restore
MANY = 2_000  # deltas of a subject that are worth a fold at once
OLD = datetime.timedelta(seconds=10)  # or the age of the first: readers go through all of them each time
_AT_ONCE = 20_000  # deltas of one transaction
_EMPTY_LIMIT = 1_000  # rows of values that nobody carries any more, before they are swept out

_DUE = """
    SELECT d.subject_id, s.project_id FROM endpoints_facetdelta d JOIN endpoints_facetsubject s ON s.id = d.subject_id
     WHERE s.state <> 'FILLING'
     GROUP BY 1, 2 HAVING count(*) >= %s OR min(d.created_at) <= %s OR bool_or(s.state = 'TOO_MANY')
     ORDER BY count(*) DESC
"""
_GIVEN_UP = """
    SELECT s.id, s.project_id FROM endpoints_facetsubject s
     WHERE s.state = 'TOO_MANY' AND EXISTS (SELECT 1 FROM endpoints_facetchunk c WHERE c.subject_id = s.id)
"""
_TAKE = """
    DELETE FROM endpoints_facetdelta
     WHERE id = ANY(ARRAY(SELECT id FROM endpoints_facetdelta WHERE subject_id = %s ORDER BY id LIMIT %s))
    RETURNING id, value, added, removed
"""
_OLD_ROWS = """
    SELECT value, chunk, ids FROM endpoints_facetchunk
     WHERE subject_id = %s AND (value, chunk) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
"""
_PUT = """
    INSERT INTO endpoints_facetchunk (subject_id, value, chunk, ids, total, fold) VALUES %s
    ON CONFLICT (subject_id, value, chunk) DO UPDATE SET ids = excluded.ids, total = excluded.total, fold = excluded.fold
"""
_COUNT = """
    SELECT count(DISTINCT value) FILTER (WHERE total > 0), count(*) FILTER (WHERE total = 0)
      FROM endpoints_facetchunk WHERE subject_id = %s
"""


def fold_due(*, now: datetime.datetime) -> int:
    """Fold the subjects that are due; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [MANY, now - OLD])
        due = cursor.fetchall()
        cursor.execute(_GIVEN_UP)
        due += [one for one in cursor.fetchall() if one not in due]
    return sum(fold_subject(subject_id=subject_id, project_id=project_id) for subject_id, project_id in due)


def fold_project(*, project_id: int) -> None:
    """Fold everything of a project, whatever its age."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM endpoints_facetsubject WHERE project_id = %s", [project_id])
        subjects = [pk for (pk,) in cursor.fetchall()]
    for subject_id in subjects:
        fold_subject(subject_id=subject_id, project_id=project_id)


def fold_subject(*, subject_id: int, project_id: int) -> bool:
    """Fold a subject's deltas, unless somebody else is at it, readers are within a transaction, or it is being rebuilt; whether it
    was done. It waits for nobody: counts would wait behind it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [FOLD_LOCK, project_id % (1 << 31)])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(
            "SELECT state, fold FROM endpoints_facetsubject WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", [subject_id]
        )  # fmt: skip
        row = cursor.fetchone()
        if row is None or row[0] == "FILLING":
            return False
        if row[0] == "TOO_MANY":
            _sweep_out(subject_id)
            return True
        fold = row[1] + 1
        cursor.execute(_TAKE, [subject_id, _AT_ONCE])
        taken = sorted(cursor.fetchall(), key=lambda one: one[0])
        if not taken:
            return False
        _merge(subject_id, fold, taken)
        cursor.execute(_COUNT, [subject_id])
        values, empty = cursor.fetchone()
        if values > settings.FACET_VALUES_LIMIT:
            cursor.execute("UPDATE endpoints_facetsubject SET state = 'TOO_MANY' WHERE id = %s", [subject_id])
            _sweep_out(subject_id)
            return True
        floor = ""
        if empty > _EMPTY_LIMIT:  # a row that is gone can't tell a cache that it changed: caches begin anew
            cursor.execute("DELETE FROM endpoints_facetchunk WHERE subject_id = %s AND total = 0", [subject_id])
            floor = ", floor = fold + 1"
        cursor.execute(f"UPDATE endpoints_facetsubject SET fold = fold + 1{floor} WHERE id = %s", [subject_id])
    return True


def forget_values(*, project_id: int, after: int) -> tuple[int, int | None]:
    """Values of the project's next subject that nobody carries any more are gone when this commits, deltas included.

    Returns how many rows were deleted, and the subject to go on after (None: that was the last).
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [FOLD_LOCK, project_id % (1 << 31)])
        cursor.execute(
            "SELECT id FROM endpoints_facetsubject WHERE project_id = %s AND id > %s ORDER BY id LIMIT 1", [project_id, after]
        )
        row = cursor.fetchone()
        if row is None:
            return 0, None
        while fold_subject(subject_id=row[0], project_id=project_id) and _has_deltas(row[0]):
            pass
        cursor.execute("DELETE FROM endpoints_facetchunk WHERE subject_id = %s AND total = 0", [row[0]])
        gone = cursor.rowcount
        if gone:
            cursor.execute("UPDATE endpoints_facetsubject SET fold = fold + 1, floor = fold + 1 WHERE id = %s", [row[0]])
    return gone, row[0]


def leap() -> None:
    """What any process keeps of any subject is worth nothing: the database is a restored one, in which folds are counted again."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE endpoints_facetsubject SET fold = fold + %(leap)s, floor = fold + %(leap)s", {"leap": _LEAP})


def _has_deltas(subject_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM endpoints_facetdelta WHERE subject_id = %s)", [subject_id])
        return bool(cursor.fetchone()[0])


def _sweep_out(subject_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM endpoints_facetchunk WHERE subject_id = %s", [subject_id])
        cursor.execute("DELETE FROM endpoints_facetdelta WHERE subject_id = %s", [subject_id])


def _merge(subject_id: int, fold: int, taken: Iterable[tuple[int, str, memoryview | None, memoryview | None]]) -> None:
    deltas: dict[str, Delta] = {}
    for _pk, value, more, fewer in taken:
        deltas.setdefault(value, Delta()).take(more, fewer)
    places: dict[tuple[str, int], list[BitMap]] = {}
    for value, delta in deltas.items():
        for which, whole in enumerate((delta.added, delta.removed)):
            for chunk, part in store.split(whole).items():
                places.setdefault((value, chunk), [BitMap(), BitMap()])[which] = part
    held: dict[tuple[str, int], BitMap] = {}
    asked = sorted(places)
    wanted = [text_array(value for value, _chunk in asked), bigint_array(chunk for _value, chunk in asked)]
    for name, place, stored in copy_rows(_OLD_ROWS, [subject_id, *wanted]):
        held[name.decode(), int.from_bytes(place)] = BitMap.deserialize(stored)
    rows = []
    for key in asked:
        plus_ids, minus_ids = places[key]
        ids = (held.get(key, BitMap()) - minus_ids) | plus_ids
        if ids or key in held:
            ids.run_optimize()
            rows.append((subject_id, *key, Binary(ids.serialize()), len(ids), fold))
    if rows:
        with connection.cursor() as cursor:
            execute_values(cursor.cursor, _PUT, rows, page_size=500)
