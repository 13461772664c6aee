"""Reading the index at one moment: base bitmaps, of which the process keeps what it has read, and all deltas since."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction
from pyroaring import BitMap, BitMap64

from core.audience import Audience
from core.sql import copy_rows, text_array
from endpoints.facets import store
from endpoints.facets.deltas import Delta, Row
from endpoints.facets.store import Chunks
from endpoints.facets.subjects import Subject
from endpoints.models import FacetState

FOLD_LOCK = 0x7061_6664  # with the project's id: folding takes it alone, readers within a transaction together

# Subjects and deltas by one statement, hence at one moment.
_SUBJECTS = """
    SELECT s.id, s.kind, s.name, s.state, s.fold, s.floor, d.value, d.added, d.removed
      FROM endpoints_facetsubject s LEFT JOIN endpoints_facetdelta d ON d.subject_id = s.id AND s.state = 'LIVE'
     WHERE s.project_id = %s AND (s.kind, s.name) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
     ORDER BY d.id
"""
_CHUNKS = "SELECT value, chunk, ids FROM endpoints_facetchunk WHERE subject_id = %s AND value = ANY(%s::text[]) AND total > 0"
_NAMES = "SELECT DISTINCT value FROM endpoints_facetchunk WHERE subject_id = %s AND total > 0"
_CHANGED = """
    SELECT value, sum(total) FROM endpoints_facetchunk
     WHERE subject_id = %(subject)s
       AND value IN (SELECT value FROM endpoints_facetchunk WHERE subject_id = %(subject)s AND fold > %(fold)s)
     GROUP BY value
"""
_TOTALS = "SELECT value, sum(total)::bigint FROM endpoints_facetchunk WHERE subject_id = %s AND total > 0 GROUP BY value"


@dataclass(slots=True)
class _Base:
    """What is known of a subject's chunks at one fold. Only ever filled: a later fold makes a new one."""

    subject_id: int
    fold: int
    names: frozenset[str] | None = None  # values that somebody carries; None: not asked for yet
    chunks: dict[str, Chunks] = field(default_factory=dict)
    leaves: dict[Hashable, tuple[frozenset[str], Chunks]] = field(default_factory=dict)
    totals: dict[str, int] | None = None  # of each value that somebody carries; None: not asked for yet
    bytes: int = 0

    def all_names(self) -> frozenset[str]:
        if self.names is None:
            with connection.cursor() as cursor:
                cursor.execute(_NAMES, [self.subject_id])
                self.names = frozenset(name for (name,) in cursor.fetchall())
        return self.names

    def all_totals(self) -> dict[str, int]:
        if self.totals is None:
            with connection.cursor() as cursor:
                cursor.execute(_TOTALS, [self.subject_id])
                self.totals = dict(cursor.fetchall())
            self.bytes += sum(len(value) + 100 for value in self.totals)
        return self.totals

    def load(self, values: Iterable[str]) -> None:
        missing = [value for value in values if value not in self.chunks]
        if not missing:
            return
        found: dict[str, Chunks] = {value: {} for value in missing}
        for value, chunk, stored in copy_rows(_CHUNKS, [self.subject_id, text_array(missing)]):
            found[value.decode()][int.from_bytes(chunk)] = BitMap.deserialize(stored)
            self.bytes += len(stored) + 200
        self.chunks |= found

    def after(self, fold: int) -> _Base:
        """The same at a later fold: values that were written since must be read again."""
        with connection.cursor() as cursor:
            cursor.execute(_CHANGED, {"subject": self.subject_id, "fold": self.fold})
            sums = {value: int(total) for value, total in cursor.fetchall()}
        changed = {value: total > 0 for value, total in sums.items()}
        names = self.names
        if names is not None:
            names = (names - changed.keys()) | {value for value, is_held in changed.items() if is_held}
        chunks = {value: held for value, held in self.chunks.items() if value not in changed}
        totals = self.totals
        if totals is not None and sums:
            totals = {value: total for value, total in (totals | sums).items() if total}
        return _Base(self.subject_id, fold, names, chunks, {} if changed else self.leaves, totals, self.bytes)


class _Bases:
    """The process's bases, at most so many bytes; those not asked for longest go first."""

    def __init__(self) -> None:
        self._held: collections.OrderedDict[int, _Base] = collections.OrderedDict()
        self._lock = threading.Lock()

    def at(self, *, subject_id: int, fold: int, floor: int) -> _Base:
        with self._lock:
            base = self._held.get(subject_id)
        if base is not None and base.fold > fold:  # this snapshot is older than what another thread has read
            return _Base(subject_id, fold)
        if base is None or base.fold < floor:
            base = _Base(subject_id, fold)
        elif base.fold < fold:
            base = base.after(fold)
        with self._lock:
            self._held[subject_id] = base
            self._held.move_to_end(subject_id)
        return base

    def shrink(self) -> None:
        with self._lock:
            total = sum(base.bytes for base in self._held.values())
            while total > settings.FACET_CACHE_BYTES and self._held:
                _subject, base = self._held.popitem(last=False)
                total -= base.bytes

    def forget(self) -> None:
        with self._lock:
            self._held.clear()


_bases = _Bases()


class Facet:
    """A subject at the moment of its snapshot; answers within the same transaction only."""

    def __init__(self, base: _Base | None, rows: dict[str, list[Row]]) -> None:
        self._base = base
        self._rows = rows  # the deltas of a value, in their order
        self._deltas: dict[str, Delta] = {}

    def values(self) -> frozenset[str]:
        """All values that anybody may carry; one whose last endpoint has just lost it may still be among them."""
        base = self._base.all_names() if self._base else frozenset()
        return base | self._rows.keys()

    def load(self, values: Iterable[str]) -> None:
        """Read by one query what ``carrying`` will be asked for one by one."""
        if self._base:
            self._base.load(values)

    def carrying(self, values: Collection[str]) -> Audience:
        """The endpoints that carry one of the values."""
        return store.joined(self._carrying(frozenset(values), None))

    def matching(self, *, key: Hashable, predicate: Callable[[str], bool]) -> Audience:
        """The endpoints that carry a value for which the predicate holds; ``key`` names the predicate for the process's memory."""
        base = self._base
        if base is None:
            return self.carrying([value for value in self._rows if predicate(value)])
        leaf = base.leaves.get(key)
        chosen = leaf[0] if leaf else frozenset(value for value in base.all_names() if predicate(value))
        return store.joined(self._carrying(chosen | {value for value in self._rows if predicate(value)}, key))

    def totals(self) -> dict[str, int]:
        """How many endpoints carry each value."""
        found: dict[str, int] = {}
        if self._base:
            self._base.load(self._rows)  # all by one query
            found = dict(self._base.all_totals())
        for value in self._rows:
            found[value] = len(self.carrying([value]))
        return {value: total for value, total in found.items() if total}

    def totals_within(self, members: Audience, pages: Mapping[int, BitMap]) -> dict[str, int]:
        """How many of the members carry each value. ``pages``: the members as ``store.pages`` gives them."""
        values = self.values()
        self.load(values)
        chunks = self._base.chunks if self._base else {}
        found = {
            value: len(self.carrying([value]) & members) if value in self._rows else store.common(chunks.get(value, {}), pages)
            for value in values
        }
        return {value: total for value, total in found.items() if total}

    def _carrying(self, values: frozenset[str], key: Hashable | None) -> Chunks:
        whole = self._of_base(values, key)
        deltas = {value: self._delta(value) for value in values if value in self._rows}
        if not deltas:
            return whole
        parts = [store.split(BitMap64.union(*(delta.added for delta in deltas.values())))]
        lost = store.split(BitMap64.union(*(delta.removed for delta in deltas.values())))
        parts.append(store.less(whole, lost))
        # Who has lost one of the values may have another one.
        chunks = self._base.chunks if self._base else {}
        for value in values if lost else ():
            held = store.both(chunks.get(value, {}), lost)
            if held:
                parts.append(store.less(held, store.split(deltas[value].removed)) if value in deltas else held)
        return store.union(parts)

    def _delta(self, value: str) -> Delta:
        """What the value's deltas come to."""
        found = self._deltas.get(value)
        if found is None:
            found = self._deltas[value] = Delta()
            for added, removed in self._rows[value]:
                found.take(added, removed)
        return found

    def _of_base(self, values: frozenset[str], key: Hashable | None) -> Chunks:
        base = self._base
        if base is None:
            return {}
        leaf = base.leaves.get(key) if key is not None else None
        if leaf and leaf[0] == values:
            return leaf[1]
        base.load(values)
        whole = store.union(base.chunks[value] for value in values)
        if key is not None:
            base.leaves[key] = (values, whole)
            base.bytes += sum(len(ids.serialize()) for ids in whole.values())
        return whole


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Some subjects at one moment."""

    _facets: dict[Subject, Facet | None]

    def facet(self, subject: Subject) -> Facet | None:
        """The subject's facet; None when it has too many values (or is being rebuilt) and SQL must answer.

        Raises ``KeyError`` for a subject that was not asked for.
        """
        return self._facets[subject]


@contextlib.contextmanager
def moment(*, project_id: int) -> Iterator[None]:
    """All that is read inside is of one moment: by a read-only snapshot or, within a transaction already, by keeping folds out."""
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [FOLD_LOCK, project_id % (1 << 31)])
        yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    _bases.shrink()


def read(*, project_id: int, subjects: Collection[Subject]) -> Snapshot:
    """The subjects as they stand, within a ``moment``. One query, and more where an answer needs bitmaps not read before."""
    facets: dict[Subject, Facet | None] = {subject: Facet(None, {}) for subject in subjects}  # no row: nobody has it
    asked = list(facets)
    with connection.cursor() as cursor:
        cursor.execute(_SUBJECTS, [project_id, [str(one.kind) for one in asked], [one.name for one in asked]])
        rows = cursor.fetchall()
    deltas: dict[Subject, dict[str, list[Row]]] = {}
    bases: dict[Subject, _Base | None] = {}
    by_name = {(str(one.kind), one.name): one for one in asked}
    for pk, kind, name, state, fold, floor, value, added, removed in rows:
        subject = by_name[kind, name]
        if subject not in bases:
            bases[subject] = _bases.at(subject_id=pk, fold=fold, floor=floor) if state == FacetState.LIVE else None
        if value is not None:
            deltas.setdefault(subject, {}).setdefault(value, []).append((added, removed))
    for subject, base in bases.items():
        facets[subject] = Facet(base, deltas.get(subject, {})) if base is not None else None
    return Snapshot(facets)


def forget() -> None:
    """What the process keeps is gone: it is of another database, or a benchmark begins."""
    _bases.forget()
