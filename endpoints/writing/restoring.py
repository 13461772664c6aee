"""Putting back what an import changed and taking away what it made, where nobody has written it since."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.audience import Audience
from endpoints import facets
from endpoints.models import EndpointUser, OptOutEntry
from endpoints.writing import addresses, removal, tables
from endpoints.writing.before import Before
from endpoints.writing.merging import State
from endpoints.writing.tables import User
from endpoints.writing.write import values

_FIELDS = ("channel", "address", "opt_out", "status", "attributes", "metrics", "demographic", "location", "request_id")


@dataclass(frozen=True, slots=True)
class Restored:
    """Endpoints: ``deleted`` were made by the import, ``restored`` changed by it; ``left`` were written since, and stay."""

    deleted: Audience
    restored: Audience
    left: Audience


def put_back(
    *, project_id: int, before: Before, created: Sequence[int], written_at: datetime.datetime, now: datetime.datetime
) -> Restored:
    """In the caller's transaction. ``written_at`` is the ``updated_at`` that the import gave to the endpoints it made.

    An import of several transactions is put back by as many calls, the last one first, all with the same ``now``: what one of
    them has put back counts as not written since.
    """
    addresses.lock_project(project_id)
    documents = {document["id"]: document for document in before.endpoints}
    users = _lock_users(project_id, before, documents)
    changed_users = _users_back(before, users, now)
    found = tables.lock_endpoints(
        project_id=project_id, ids=sorted({*documents, *created}), user_pks=sorted(changed_users)
    )  # fmt: skip
    stored = {state.id: state for state in found}
    after = {
        pk: _back(stored[pk], document, users, now)
        for pk, document in documents.items()
        if pk in stored and stored[pk].updated_at in (_instant(document["written_at"]), now)
    }
    made = [pk for pk in created if pk in stored and stored[pk].updated_at in (written_at, now)]
    _write(project_id, stored, after, users, changed_users, now)
    removal.remove(project_id=project_id, ids=made)
    deleted, restored = Audience(made), Audience(after)
    known = Audience(pk for pk in {*documents, *created} if pk in stored)
    return Restored(deleted=deleted, restored=restored - deleted, left=known - deleted - restored)


def _lock_users(project_id: int, before: Before, documents: dict[int, dict[str, Any]]) -> dict[int, User]:
    """The users concerned, by their ids, locked in the order of their names."""
    pks = {document["id"] for document in before.users} | {document["user_pk"] for document in documents.values()}
    now_at = EndpointUser.objects.filter(project_id=project_id, endpoints__in=list(documents))
    names = set(now_at.values_list("user_id", flat=True))
    names |= set(EndpointUser.objects.filter(project_id=project_id, pk__in=pks).values_list("user_id", flat=True))
    return {user.id: user for user in tables.users_by_id(project_id=project_id, user_ids=sorted(names)).values()}


def _users_back(before: Before, users: dict[int, User], now: datetime.datetime) -> dict[int, User]:
    found = {}
    for document in before.users:
        user = users.get(document["id"])
        if user is not None and user.updated_at in (_instant(document["written_at"]), now):
            found[user.id] = replace(user, attributes=document["attributes"], updated_at=max(now, user.updated_at))
    return found


def _back(state: State, document: dict[str, Any], users: dict[int, User], now: datetime.datetime) -> State:
    user_pk = document["user_pk"] if document["user_pk"] in users else 0  # the person may be gone since
    fields = {name: document[name] for name in _FIELDS}
    return replace(state, **fields, user_pk=user_pk, updated_at=max(now, state.updated_at))


def _write(
    project_id: int, stored: dict[int, State], after: dict[int, State], users: dict[int, User], changed: dict[int, User],
    now: datetime.datetime,
) -> None:  # fmt: skip
    tables.update_users(list(changed.values()))
    states = list(after.values())
    readdressed = [
        state for state in states if (stored[state.id].channel, stored[state.id].address) != (state.channel, state.address)
    ]
    shared = addresses.shared(project_id=project_id, states=readdressed)
    tables.update_endpoints(states, line_hashes=[None] * len(states), effective=[True] * len(states))
    opted = [(state.id, state.opt_out) for state in states if state.opt_out != stored[state.id].opt_out]
    tables.insert_opt_out_entries(
        project_id=project_id, rows=opted, source=OptOutEntry.Source.IMPORT, actor_id=None, now=now
    )  # fmt: skip
    changes = facets.Changes()
    for pk, state in stored.items():
        new = after.get(pk, state)
        old_values = values(state, users.get(state.user_pk))
        new_values = values(new, changed.get(new.user_pk) or users.get(new.user_pk))
        for subject, value in new_values - old_values:
            changes.add(subject, value, [pk])
        for subject, value in old_values - new_values:
            changes.remove(subject, value, [pk])
    held = [pk for _key, pk in shared if pk]
    if held:
        changes.add(addresses.SUBJECT, addresses.SHARED, held)
    changes.record(project_id=project_id)


def _instant(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
