"""The short way for what most requests of an API are: other attributes for endpoints that are stored, whose users stay as they are.

It locks and reads at once, and asks no more; ``write.write_lines`` is the long way, which knows every rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, transaction

from endpoints.models import EndpointStatus
from endpoints.writing import addresses, rules, tables
from endpoints.writing.documents import Item, Refused
from endpoints.writing.fold import Folded, fold
from endpoints.writing.merging import State, merged_lists
from endpoints.writing.tables import User
from endpoints.writing.write import Locked, Write, Written, is_conflict, write


class _LongWay(Exception):
    """Something is not as most requests have it: nothing is written."""


def write_stored(*, lines: Sequence[Item | Refused], names: set[tuple[str, str]], how: Write) -> tuple[Folded, Written] | None:
    """Fold and write the items in a transaction; None, with nothing written, when they must take the long way.

    ``names``: the attribute names (kind, name) that the items give, which the catalogue must have.
    """
    items = [line for line in lines if isinstance(line, Item)]
    if not items or not all(item.endpoint_id for item in items):
        return None
    try:
        with transaction.atomic():
            return _write(lines, items, names, how)
    except _LongWay:
        return None
    except (addresses.Again, IntegrityError, OperationalError) as conflict:
        if is_conflict(conflict):
            return None
        raise


def _write(lines: Sequence[Item | Refused], items: list[Item], names: set[tuple[str, str]], how: Write) -> tuple[Folded, Written]:
    users = _users(items, how.project_id)
    keys = sorted({item.endpoint_id.lower() for item in items})
    found, known = tables.lock_stored(project_id=how.project_id, keys=keys, names=names)
    stored = {state.key: state for state in found}
    if len(stored) < len(keys) or known != names:
        raise _LongWay
    if not all(_is_as_before(item, stored[item.endpoint_id.lower()], users) for item in items):
        raise _LongWay
    folded = fold(project_id=how.project_id, lines=lines, now=how.now, stored=stored)
    written = write(folded=folded, how=how, locked=Locked(users, found))
    if written.refused:
        raise _LongWay
    return folded, written


def _users(items: list[Item], project_id: int) -> dict[str, User]:
    """The users whom the items name, locked, when they stay as they are."""
    named = sorted({item.user_id for item in items if item.user_id})
    if not named:
        return {}
    users = tables.lock_users(project_id=project_id, user_ids=named)
    if len(users) < len(named):
        raise _LongWay
    for item in items:
        if item.user_id:
            held = users[item.user_id].attributes
            if merged_lists(held, item.user_attributes) != held:
                raise _LongWay
    return users


def _is_as_before(item: Item, stored: State, users: dict[str, User]) -> bool:
    """Whether the endpoint keeps its address and its user. An address that has one owner may take it from somebody."""
    if stored.channel in rules.ONE_OWNER_CHANNELS or stored.status != EndpointStatus.ACTIVE:
        return False
    if (item.channel or stored.channel, item.address or stored.address) != (stored.channel, stored.address):
        return False
    return not item.user_id or users[item.user_id].id == stored.user_pk
