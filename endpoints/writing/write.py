"""Folded items into the tables, in the caller's transaction: users, endpoints, opt-out entries, facets."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from psycopg2.errors import DeadlockDetected, UniqueViolation

from core.sql import Together
from endpoints import facets
from endpoints.models import EndpointStatus, OptOut, OptOutEntry
from endpoints.writing import addresses, hashes, rules, tables
from endpoints.writing.before import Before
from endpoints.writing.documents import Item, Refused
from endpoints.writing.fold import Folded, fold
from endpoints.writing.merging import State, later, merged, merged_lists, without_empty
from endpoints.writing.refusals import ItemRefused
from endpoints.writing.tables import User

_CONFLICTS = 5  # tries, when other writers keep coming between


@dataclass(slots=True)
class Written:
    """What was written, by endpoint key; ``kept_opted_out`` are those whom the source may not opt in again."""

    ids: dict[str, int] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unchanged: int = 0
    kept_opted_out: int = 0
    refused: dict[str, ItemRefused] = field(default_factory=dict)
    before: Before = field(default_factory=Before)


@dataclass(frozen=True, slots=True)
class Write:
    """How to write. ``touch``: EffectiveDate moves though nothing else changes, as a request of the API does and a file does not.

    ``has_project``: the caller has locked the project's addresses (``addresses.lock_project``); else each one is locked here.
    ``hashes``: by endpoint key the hash of the one line that gives all of its fields, see ``endpoints.writing.hashes``.
    """

    project_id: int
    source: OptOutEntry.Source
    now: datetime.datetime
    actor_id: int | None = None
    touch: bool = False
    keep_before: bool = False
    has_project: bool = False
    hashes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Locked:
    """All users (by id) and endpoints that the items name: stored and locked. No rule reaches beyond them."""

    users: dict[str, User]
    endpoints: list[State]


class _Refused(Exception):
    """Some of the folded items can't be written: they are taken out, and the others folded again."""

    def __init__(self, refused: dict[int, ItemRefused]) -> None:
        super().__init__()
        self.refused = refused  # by line


def write_lines(*, lines: Sequence[Item | Refused], how: Write) -> tuple[Folded, Written]:
    """Fold items and write them in a transaction (or a savepoint) of its own; what another writer crosses is done again."""
    given = list(lines)
    conflicts = 0
    while True:
        try:
            with transaction.atomic():
                return _write_once(given, how)
        except _Refused as refusals:
            for place, line in enumerate(given):
                refusal = refusals.refused.get(line.line)
                if refusal is not None and isinstance(line, Item):
                    given[place] = Refused(
                        line=line.line, column=refusal.column, code=refusal.code, params=refusal.params, raw=line.raw
                    )
        except (addresses.Again, IntegrityError, OperationalError) as conflict:
            conflicts += 1
            if conflicts == _CONFLICTS or not is_conflict(conflict):
                raise


def is_conflict(error: Exception) -> bool:
    """Whether another transaction came between (the same key, a deadlock): worth another try."""
    return isinstance(error, addresses.Again) or isinstance(error.__cause__, UniqueViolation | DeadlockDetected)


def _write_once(lines: Sequence[Item | Refused], how: Write) -> tuple[Folded, Written]:
    def lock(user_ids: list[str]) -> None:
        addresses.share_project(how.project_id)
        if user_ids:
            tables.lock_users(project_id=how.project_id, user_ids=user_ids)

    folded = fold(project_id=how.project_id, lines=lines, now=how.now, lock=None if how.has_project else lock)
    if not how.has_project:
        addresses.lock(project_id=how.project_id, addresses=folded.addressed)
    written = write(folded=folded, how=how)
    if written.refused:
        raise _Refused({folded.endpoints[key].line: refusal for key, refusal in written.refused.items()})
    return folded, written


def write(*, folded: Folded, how: Write, locked: Locked | None = None) -> Written:
    """Write what items were folded to. Locks users, then endpoints, both in ascending order, unless they are ``locked`` already.

    Raises ``addresses.Again`` when an address changed hands between two of this transaction's statements: roll back, try again.
    """
    users = _Users(folded, how, locked)
    states = _Endpoints(folded, users, how, locked)
    together = Together()
    users.write()
    states.write(together)
    changes = facets.Changes()
    users.index(changes, states.moved)
    states.index(changes)
    changes.record(project_id=how.project_id, together=together)
    return states.written


class _Users:
    """The users whom the items name: as they stood, and as they come out."""

    def __init__(self, folded: Folded, how: Write, locked: Locked | None) -> None:
        self._how = how
        self.stored: dict[str, User] = {}
        if locked is not None:
            self.stored = locked.users
        elif folded.users:
            self.stored = tables.lock_users(project_id=how.project_id, user_ids=sorted(folded.users))
        self.after: dict[str, User] = {}
        self.changed: list[User] = []
        self._new: list[User] = []
        for user_id, given in folded.users.items():
            before = self.stored.get(user_id)
            if before is None:
                self._new.append(User(id=0, user_id=user_id, attributes=without_empty(given), updated_at=how.now))
                continue
            after = merged_lists(before.attributes, given)
            self.after[user_id] = before
            if after != before.attributes:
                user = replace(before, attributes=after, updated_at=later(how.now, before.updated_at))
                self.after[user_id] = user
                self.changed.append(user)
        for user in tables.insert_users(project_id=how.project_id, users=self._new, now=how.now):
            self.after[user.user_id] = user
        self.by_pk = {user.id: user for user in self.after.values()}
        self._before_by_pk = {user.id: user for user in self.stored.values()}
        self._reach: dict[int, set[int]] = {}

    @property
    def changed_pks(self) -> list[int]:
        return [user.id for user in self.changed]

    def write(self) -> None:
        tables.update_users(self.changed)

    def reach(self, found: Iterable[tuple[int, int]]) -> None:
        """(endpoint id, user pk) of the endpoints that the changed users have, locked."""
        for endpoint_id, user_pk in found:
            self._reach.setdefault(user_pk, set()).add(endpoint_id)

    def before(self) -> list[dict[str, Any]]:
        return [
            {"id": user.id, "attributes": self._before_by_pk[user.id].attributes, "written_at": user.updated_at.isoformat()}
            for user in self.changed
        ]

    def index(self, changes: facets.Changes, moved: set[int]) -> None:
        """The facets of those who had the user before and have him still."""
        for user in self.changed:
            stay = self._reach.get(user.id, set()) - moved
            if stay:
                before = facets.values_of(user_attributes=self._before_by_pk[user.id].attributes)
                after = facets.values_of(user_attributes=user.attributes)
                _difference(changes, before, after, stay)

    def values_before(self, user_pk: int, others: Mapping[int, User]) -> set[tuple[facets.Subject, str]]:
        user = self._before_by_pk.get(user_pk) or others.get(user_pk)
        return facets.values_of(user_attributes=user.attributes) if user else set()

    def values_after(self, user_pk: int) -> set[tuple[facets.Subject, str]]:
        user = self.by_pk.get(user_pk)
        return facets.values_of(user_attributes=user.attributes) if user else set()


class _Endpoints:
    """The endpoints that the items give fields of, and those that the rules reach through them."""

    def __init__(self, folded: Folded, users: _Users, how: Write, locked: Locked | None) -> None:
        self._how, self._folded, self._users = how, folded, users
        self.written = Written()
        if locked is not None:
            found = locked.endpoints
        else:
            found = tables.lock_endpoints(
                project_id=how.project_id,
                keys=sorted({*folded.endpoints, *folded.stepped_aside}),
                user_pks=users.changed_pks,
                addresses=sorted(addresses.owners(folded.endpoints)),
            )
        users.reach((state.id, state.user_pk) for state in found)
        self._stored = {state.key: state for state in found}
        self._after: dict[str, State] = {}  # what is to be written, by key
        kept = self._kept_opted_out()
        for key, item in folded.endpoints.items():
            try:
                self._take(key, item, kept)
            except ItemRefused as refusal:
                self.written.refused[key] = refusal
        for key in sorted(folded.stepped_aside):
            self._put(key, status=EndpointStatus.INACTIVE, user_pk=0)
        self._deactivate()
        self._newly_addressed = [state for state in self._after.values() if self._is_newly_addressed(state)]
        if not how.has_project and any((s.channel, s.address_key) not in folded.addressed for s in self._newly_addressed):
            raise addresses.Again
        self._new = [state for state in self._after.values() if not state.id]
        self._changed = [state for state in self._after.values() if state.id]
        self.moved = {state.id for state in self._changed if state.user_pk != self._stored[state.key].user_pk}

    def _kept_opted_out(self) -> set[int]:
        """A file may take back what a file said; it may not take back what the person (or a colleague) said."""
        if self._how.source != OptOutEntry.Source.IMPORT:
            return set()
        asked = [
            stored.id
            for key, item in self._folded.endpoints.items()
            if item.opt_out == OptOut.NONE and (stored := self._stored.get(key)) and stored.opt_out == OptOut.ALL
        ]
        return tables.opted_out_themselves(asked) if asked else set()

    def _take(self, key: str, item: Item, kept: set[int]) -> None:
        stored = self._stored.get(key)
        user_pk = self._users.after[item.user_id].id if item.user_id else 0
        keep = stored is not None and stored.id in kept
        state = merged(stored, item, key=key, user_pk=user_pk, keep_opted_out=keep, now=self._how.now)
        self.written.kept_opted_out += keep
        if stored is None or self._how.touch or not state.same_fields(stored):
            self._after[key] = state
        else:
            self.written.unchanged += 1
        if stored is not None:
            self.written.ids[key] = stored.id

    def _deactivate(self) -> None:
        """A push token or a phone number belongs to the endpoint that was written last."""
        taken = {key: item for key, item in self._folded.endpoints.items() if key not in self.written.refused}
        owners = addresses.owners(taken)
        for key, state in (self._stored | self._after).items():
            if state.status == EndpointStatus.ACTIVE and owners.get((state.channel, state.address_key), key) != key:
                self._put(key, status=EndpointStatus.INACTIVE)

    def _put(self, key: str, **fields: Any) -> None:
        """Change an endpoint beyond what the items say."""
        stored = self._stored.get(key)
        if key in self._after:
            self._after[key] = replace(self._after[key], **fields)
        elif stored is not None:
            self._after[key] = replace(stored, updated_at=later(self._how.now, stored.updated_at), **fields)
            self.written.unchanged -= key in self._folded.endpoints

    def _is_newly_addressed(self, state: State) -> bool:
        """It gets an address that it did not have, or is ACTIVE again at one that has one owner."""
        stored = self._stored.get(state.key)
        if stored is None or (stored.channel, stored.address) != (state.channel, state.address):
            return True
        return state.channel in rules.ONE_OWNER_CHANNELS and (stored.status, state.status) == ("INACTIVE", "ACTIVE")

    def write(self, together: Together) -> None:
        """All but the update of stored endpoints, which waits in ``together``."""
        how, written = self._how, self.written
        left = {self._stored[state.key].user_pk for state in self._changed if state.id in self.moved}
        self._left = tables.users_by_pk(left - set(self._users.by_pk))
        self._shared = addresses.shared(project_id=how.project_id, states=self._newly_addressed)
        self._new = tables.insert_endpoints(project_id=how.project_id, states=self._new, line_hashes=self._line_hashes(self._new))
        tables.update_endpoints(
            self._changed, line_hashes=self._line_hashes(self._changed),
            effective=[state.key in self._folded.endpoints for state in self._changed], together=together,
        )  # fmt: skip
        written.ids |= {state.key: state.id for state in self._new}
        written.created = [state.id for state in self._new]
        written.changed = [state.id for state in self._changed]
        self._opt_out_entries()
        if how.keep_before:
            written.before = Before(endpoints=[self._before(state) for state in self._changed], users=self._users.before())

    def _line_hashes(self, states: list[State]) -> list[int | None]:
        known = [state for state in states if self._has_hash(state)]
        if not known:
            return [None] * len(states)
        users = [self._users.by_pk.get(state.user_pk) for state in known]
        stamps = hashes.stamps(
            [self._how.hashes[state.key] for state in known],
            [hashes.microseconds(state.updated_at) for state in known],
            [user.id if user else 0 for user in users],
            [hashes.microseconds(user.updated_at) if user else 0 for user in users],
        )
        by_key = dict(zip((state.key for state in known), stamps.tolist(), strict=True))
        return [by_key.get(state.key) for state in states]

    def _has_hash(self, state: State) -> bool:
        item = self._folded.endpoints.get(state.key)
        if item is None or state.key not in self._how.hashes or state.status != EndpointStatus.ACTIVE:
            return False
        if item.opt_out and item.opt_out != state.opt_out:
            return False  # who was kept opted out is asked anew each time, and counted
        return not state.user_pk or state.user_pk in self._users.by_pk

    def _opt_out_entries(self) -> None:
        how = self._how
        rows = [(state.id, state.opt_out) for state in self._new if state.opt_out == OptOut.ALL]
        rows += [(state.id, state.opt_out) for state in self._changed if state.opt_out != self._stored[state.key].opt_out]
        tables.insert_opt_out_entries(project_id=how.project_id, rows=rows, source=how.source, actor_id=how.actor_id, now=how.now)

    def _before(self, state: State) -> dict[str, Any]:
        return self._stored[state.key].as_document() | {"written_at": state.updated_at.isoformat()}

    def index(self, changes: facets.Changes) -> None:
        for state in self._new:
            _difference(changes, set(), values(state) | self._users.values_after(state.user_pk), [state.id])
        for state in self._changed:
            stored = self._stored[state.key]
            before, after = _values_that_differ(stored, state), _values_that_differ(state, stored)
            if state.id in self.moved:
                before |= self._users.values_before(stored.user_pk, self._left)
                after |= self._users.values_after(state.user_pk)
            _difference(changes, before, after, [state.id])
        ids = {state.key: state.id for state in self._new}
        shared = [pk or ids[key] for key, pk in self._shared]
        if shared:
            changes.add(addresses.SUBJECT, addresses.SHARED, shared)


def values(state: State, user: User | None = None) -> set[tuple[facets.Subject, str]]:
    return facets.values_of(
        channel_type=state.channel, address=state.address, opt_out=state.opt_out, status=state.status,
        attributes=state.attributes, metrics=state.metrics, demographic=state.demographic, location=state.location,
        user_attributes=user.attributes if user else {},
    )  # fmt: skip


_FIELDS = {
    "channel_type": attrgetter("channel"), "address": attrgetter("address"), "opt_out": attrgetter("opt_out"),
    "status": attrgetter("status"), "attributes": attrgetter("attributes"), "metrics": attrgetter("metrics"),
    "demographic": attrgetter("demographic"), "location": attrgetter("location"),
}  # fmt: skip


def _values_that_differ(one: State, other: State) -> set[tuple[facets.Subject, str]]:
    """The values of the fields in which the one differs from the other; most writes change a field or two."""
    fields: dict[str, Any] = {name: field for name, of in _FIELDS.items() if (field := of(one)) != of(other)}
    return facets.values_of(**fields)


def _difference(
    changes: facets.Changes,
    before: set[tuple[facets.Subject, str]],
    after: set[tuple[facets.Subject, str]],
    ids: Iterable[int],
) -> None:
    for subject, value in after - before:
        changes.add(subject, value, ids)
    for subject, value in before - after:
        changes.remove(subject, value, ids)
