"""What a write changes in the index, recorded in the writer's own transaction."""

from __future__ import annotations

import array
from collections.abc import Iterable

import numpy as np
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from psycopg2.extras import execute_values
from pyroaring import BitMap64

from core.sql import Together, bigint_array, text_array
from endpoints.facets.subjects import Subject, SubjectKind

# A subject that nobody has named yet begins complete: its row is made by the first transaction that names it.
_MAKE = """
    INSERT INTO endpoints_facetsubject (project_id, kind, name, state, fold, floor) VALUES %s
    ON CONFLICT (project_id, kind, name) DO NOTHING
"""
# The state is read by the statement that writes: a subject that has been given up takes no more rows. One without a row, although this
# process knew it, is an error (subject_id is never NULL): what is not in the index is missing from every count.
_RECORD = """
    INSERT INTO endpoints_facetdelta (subject_id, value, added, removed)
    SELECT s.id, given.value, given.added, given.removed
      FROM unnest(%s::int[], %s::text[], %s::bytea[], %s::bytea[]) WITH ORDINALITY AS given (subject, value, added, removed, place)
      JOIN unnest(%s::text[], %s::text[]) WITH ORDINALITY AS named (kind, name, subject) USING (subject)
      LEFT JOIN endpoints_facetsubject s ON (s.project_id, s.kind, s.name) = (%s, named.kind, named.name)
     WHERE s.state IS DISTINCT FROM 'TOO_MANY'
     ORDER BY given.place
"""
_GIVE_UP = """
    UPDATE endpoints_facetsubject SET state = 'TOO_MANY' WHERE project_id = %s AND kind = %s AND name = %s AND state <> 'TOO_MANY'
"""
_GIVEN_UP = "SELECT kind, name FROM endpoints_facetsubject WHERE project_id = %s AND state = 'TOO_MANY'"
Ids = Iterable[int] | BitMap64 | np.ndarray

_known: set[tuple[int, Subject]] = set()  # subjects whose row is committed; rows go only with their project


class Changes:
    """Ids that begin or cease to carry a value. The last word on an id, in the order of the calls, is what counts."""

    def __init__(self) -> None:
        self._added: dict[Subject, dict[str, BitMap64]] = {}
        self._removed: dict[Subject, dict[str, BitMap64]] = {}
        self._too_many: set[Subject] = set()

    def __bool__(self) -> bool:
        return bool(self._added or self._removed or self._too_many)

    def give_up(self, subject: Subject) -> None:
        """The subject has more values than the index takes: whoever sees that beforehand need not add them."""
        self._too_many.add(subject)

    def add(self, subject: Subject, value: str, ids: Ids) -> None:
        _put(self._added, self._removed, subject, value, ids)

    def remove(self, subject: Subject, value: str, ids: Ids) -> None:
        _put(self._removed, self._added, subject, value, ids)

    def record(self, *, project_id: int, together: Together | None = None) -> None:
        """Write what was collected, in the caller's transaction. The rows of the endpoints concerned are locked by then.

        ``together`` has statements that wait for this one, and are sent with it.
        """
        together = together or Together()
        self._record(project_id, together)
        try:
            together.send()
        except IntegrityError:
            forget()  # the next attempt makes the rows of its subjects
            raise

    def _record(self, project_id: int, together: Together) -> None:
        subjects = sorted({*self._added, *self._removed, *self._too_many}, key=lambda one: (one.kind, one.name))
        if not subjects:
            return
        _make(project_id, subjects)
        places: list[int] = []
        values: list[str] = []
        added: list[str] = []
        removed: list[str] = []
        for place, subject in enumerate(subjects, 1):
            more, less = self._added.get(subject, {}), self._removed.get(subject, {})
            if subject in self._too_many or len(more) > settings.FACET_VALUES_LIMIT:
                _give_up(project_id, subject)
                continue
            for value in sorted({*more, *less}):
                if more.get(value) or less.get(value):
                    places.append(place)
                    values.append(value)
                    added.append(_stored(more.get(value)))
                    removed.append(_stored(less.get(value)))
        if places:
            kinds, names = [str(one.kind) for one in subjects], [one.name for one in subjects]
            given = [bigint_array(places), text_array(values), _array(added), _array(removed)]
            together.execute_again(_RECORD, [*given, text_array(kinds), text_array(names), project_id], rows=len(places))


def given_up(*, project_id: int) -> set[Subject]:
    """The subjects that take no more rows, which need not be added.

    The transaction counts as a writing one from here: a rebuild, which would take them up again, waits for it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        cursor.execute(_GIVEN_UP, [project_id])
        return {Subject(SubjectKind(kind), name) for kind, name in cursor.fetchall()}


def _put(
    into: dict[Subject, dict[str, BitMap64]],
    out_of: dict[Subject, dict[str, BitMap64]],
    subject: Subject,
    value: str,
    ids: Ids,
) -> None:
    if isinstance(ids, np.ndarray):
        ids = BitMap64(array.array("Q", ids.astype("<u8").tobytes()))
    values = into.setdefault(subject, {})
    held = values.get(value)
    if held is None:
        values[value] = BitMap64(ids)
    else:
        held.update(ids)
    opposite = out_of.get(subject, {}).get(value)
    if opposite is not None:
        opposite.difference_update(BitMap64(ids))


def _stored(ids: BitMap64 | None) -> str:
    """As a member of an array literal of bytea."""
    return f'"\\\\x{ids.serialize().hex()}"' if ids else "NULL"


def _array(members: list[str]) -> str:
    return "{" + ",".join(members) + "}"


def _make(project_id: int, subjects: list[Subject]) -> None:
    new = [subject for subject in subjects if (project_id, subject) not in _known]
    if not new:
        return
    rows = [(project_id, str(subject.kind), subject.name, "LIVE", 0, 0) for subject in new]
    with connection.cursor() as cursor:
        execute_values(cursor.cursor, _MAKE, rows)
    transaction.on_commit(lambda: _known.update((project_id, subject) for subject in new))


def _give_up(project_id: int, subject: Subject) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [project_id, str(subject.kind), subject.name])


def forget() -> None:
    """Which subjects have a row: those of another database may lack it."""
    _known.clear()
