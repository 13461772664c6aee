"""Who holds an address: the same-address rule, and the facet that tells which addresses may be held twice."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from django.db import connection

from core.sql import bigint_array, text_array
from endpoints import facets
from endpoints.writing import rules
from endpoints.writing.documents import Item
from endpoints.writing.merging import State

SUBJECT = facets.Subject(facets.SubjectKind.STANDARD, "Address")
SHARED = "shared"

_PROJECT_LOCK = 0x7061_6263
# Any holder tells as much as all of them: where there are two, both were marked when the second came.
_HOLDERS = """
    SELECT DISTINCT ON (wanted.channel_type, wanted.address_key) wanted.channel_type, wanted.address_key, e.id
      FROM unnest(%s::text[], %s::text[]) AS wanted(channel_type, address_key)
      JOIN endpoints_endpoint e ON e.project_id = %s AND e.channel_type = wanted.channel_type AND e.address_key = wanted.address_key
     WHERE e.id <> ALL(%s::bigint[])
"""

Address = tuple[str, str]  # channel, address key


class Again(Exception):
    """Another writer came between two statements of the transaction: it must be rolled back and tried again."""


def lock_project(project_id: int) -> None:
    """For one who writes thousands: nobody else gives an endpoint of the project an address until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_PROJECT_LOCK, project_id % (1 << 31)])


def share_project(project_id: int) -> None:
    """No import writes to the project until the transaction ends; other writers of a few may."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_PROJECT_LOCK, project_id % (1 << 31)])


def lock(*, project_id: int, addresses: Collection[Address]) -> None:
    """For one who writes a few: nobody else gives an endpoint one of these addresses until the transaction ends.

    Two transactions that give two endpoints one address don't see each other's rows; without a lock neither would mark it as
    shared, and a device would have two owners. A lock for each address lets writers of other addresses pass. An import would need
    more of them than the server has room for, so it takes one for the whole project, which those of single addresses share.
    """
    if not addresses:
        return
    share_project(project_id)
    numbers = sorted({_number(project_id, address) for address in addresses})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(n) FROM unnest(%s::bigint[]) AS n", [bigint_array(numbers)])


def _number(project_id: int, address: Address) -> int:
    text = f"{project_id}\n{address[0]}\n{address[1]}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


def owners(items: Mapping[str, Item]) -> dict[Address, str]:
    """The key of the item that comes last for each address that has one owner."""
    found: dict[Address, tuple[int, str]] = {}
    for key, item in items.items():
        if item.channel in rules.ONE_OWNER_CHANNELS:
            address = (item.channel, rules.address_key(item.address, item.channel))
            found[address] = max(found.get(address, (0, "")), (item.line, key))
    return {address: key for address, (_line, key) in found.items()}


def shared(*, project_id: int, states: Sequence[State]) -> list[tuple[str, int]]:
    """Of endpoints that are about to get an address: those (by key) and one present holder (by id) whose address is held twice."""
    if not states:
        return []
    by_address: dict[Address, list[State]] = {}
    for state in states:
        by_address.setdefault((state.channel, state.address_key), []).append(state)
    asked = list(by_address)
    with connection.cursor() as cursor:
        own = bigint_array(state.id for state in states if state.id)
        wanted = [text_array(one[0] for one in asked), text_array(one[1] for one in asked)]
        cursor.execute(_HOLDERS, [*wanted, project_id, own])
        holders = {(channel, address): pk for channel, address, pk in cursor.fetchall()}
    found: list[tuple[str, int]] = []
    for address, some in by_address.items():
        holder = holders.get(address)
        if holder is not None:
            found.append(("", holder))
        if holder is not None or len(some) > 1:
            found += [(state.key, state.id) for state in some]
    return found
