"""Items folded to one for each endpoint and one for each user: field by field the later one wins. Writes nothing."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from core.sql import execute_again, text_array
from endpoints.models import EndpointStatus
from endpoints.writing import rules
from endpoints.writing.documents import Item, Refused
from endpoints.writing.merging import State
from endpoints.writing.refusals import ItemRefused

_NAMESPACE = uuid.UUID("6f0f6f2e-9d3b-4a57-8a1c-2f9f5d5b7c10")

_BY_KEY = """
    SELECT endpoint_key, channel_type, address, status, '' FROM endpoints_endpoint
     WHERE project_id = %s AND endpoint_key = ANY(%s::text[])
"""
_BY_KEY_WITH_USER = """
    SELECT e.endpoint_key, e.channel_type, e.address, e.status, u.user_id
      FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %s AND e.endpoint_key = ANY(%s::text[])
"""
_BY_ADDRESS = """
    SELECT e.channel_type, e.address_key, min(e.endpoint_key)
      FROM unnest(%s::text[], %s::text[]) AS wanted(channel_type, address_key)
      JOIN endpoints_endpoint e USING (channel_type, address_key)
     WHERE e.project_id = %s
     GROUP BY 1, 2
"""
_OF_USERS = """
    SELECT u.user_id, e.endpoint_key, e.channel_type, e.effective_at
      FROM endpoints_endpointuser u JOIN endpoints_endpoint e ON e.user_id = u.id
     WHERE u.project_id = %s AND u.user_id = ANY(%s::text[])
"""


@dataclass(slots=True)
class Folded:
    """What items come to: endpoints by key (lower-case Id), users' attributes, and who is reached by UserId alone.

    ``stepped_aside``: endpoints that lose their user, because he has too many. ``addressed``: (channel, address key) that an
    endpoint gets anew.
    """

    endpoints: dict[str, Item] = field(default_factory=dict)
    users: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    reached_users: set[str] = field(default_factory=set)
    stepped_aside: set[str] = field(default_factory=set)
    addressed: set[tuple[str, str]] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)
    processed: int = 0


def fold(
    *,
    project_id: int,
    lines: Sequence[Item | Refused],
    now: datetime.datetime,
    register: bool = True,
    lock: Callable[[list[str]], None] | None = None,
    stored: Mapping[str, State] | None = None,
) -> Folded:
    """Fold items in their order. Three queries: what they need to know of what is stored.

    Without ``register`` an item must name an endpoint that is stored, and tells nothing about it to those after it. The items
    given stay as they are. ``lock`` is called with the users' ids before their endpoints are counted, where that is needed. With
    ``stored``, by key the endpoints that the items name, each of which has the user whom its item names, nothing is asked.
    """
    items = [line for line in lines if isinstance(line, Item)]
    known = _Known(project_id, now)
    if stored is None:
        known.ask(items, lock)
    else:
        known.take(items, stored)
    folded = Folded(processed=len(lines))
    for line in lines:
        if isinstance(line, Refused):
            folded.refused.append(line)
            continue
        try:
            if register:
                _take(line.copy(), folded, known)
            else:
                _find(line, folded, known)
        except ItemRefused as refusal:
            folded.refused.append(
                Refused(line=line.line, column=refusal.column, code=refusal.code, params=refusal.params, raw=line.raw)
            )
    return folded


def keys_by_address(*, project_id: int, items: Sequence[Item]) -> set[str]:
    """The endpoint keys that the items without Id among these stand for."""
    pairs = _nameless(items)
    if not pairs:
        return set()
    stored = _stored_keys(project_id, pairs)
    return {stored.get(pair) or _derived(project_id, pair) for pair in pairs}


def _nameless(items: Sequence[Item]) -> set[tuple[str, str]]:
    return {
        (item.channel, rules.address_key(item.address, item.channel))
        for item in items
        if not item.endpoint_id and item.address and item.channel
    }


def _stored_keys(project_id: int, pairs: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    asked = sorted(pairs)
    with connection.cursor() as cursor:
        cursor.execute(_BY_ADDRESS, [text_array(pair[0] for pair in asked), text_array(pair[1] for pair in asked), project_id])
        return {(channel, address): key for channel, address, key in cursor.fetchall()}


def _derived(project_id: int, pair: tuple[str, str]) -> str:
    """The same file twice makes no twins."""
    return str(uuid.uuid5(_NAMESPACE, f"{project_id}\n{pair[0]}\n{pair[1]}"))


class _Known:
    """What is stored already, as far as these items ask: extended as they are taken."""

    def __init__(self, project_id: int, now: datetime.datetime) -> None:
        self._project_id, self._now = project_id, now
        self.targets: dict[str, tuple[str, str]] = {}  # endpoint key → (channel, address)
        self.keys: dict[tuple[str, str], str] = {}  # (channel, address key) → endpoint key
        self._inactive: set[str] = set()  # endpoint keys
        self._user_of: dict[str, str] = {}  # endpoint key → user id
        self._seats: dict[str, dict[str, tuple[datetime.datetime, str]]] = {}  # user id → endpoint key → (effective, channel)

    def take(self, items: Sequence[Item], stored: Mapping[str, State]) -> None:
        """What is known already."""
        self.targets = {key: (state.channel, state.address) for key, state in stored.items()}
        self._user_of = {item.endpoint_id.lower(): item.user_id for item in items}

    def ask(self, items: Sequence[Item], lock: Callable[[list[str]], None] | None) -> None:
        by_key = _BY_KEY_WITH_USER if any(item.user_id for item in items) else _BY_KEY
        named = [item.endpoint_id.lower() for item in items if item.endpoint_id]
        nameless = _nameless(items)
        with connection.cursor() as cursor:
            if nameless:
                self.keys = _stored_keys(self._project_id, nameless)
                named += [self.key_of(item) for item in items if not item.endpoint_id and item.address and item.channel]
            if named:
                self._read(cursor, by_key, named)
            # Whoever keeps his user takes no new seat, and most keep their address: most writes need ask and lock no more.
            moving = {
                item.user_id for item in items if item.user_id and self._user_of.get(item.endpoint_id.lower()) != item.user_id
            }
            if lock is not None and (moving or any(self.is_addressed(item.endpoint_id.lower(), item) for item in items)):
                lock(sorted({item.user_id for item in items if item.user_id}))
                self._read(cursor, by_key, named)
            if moving:
                cursor.execute(_OF_USERS, [self._project_id, text_array(sorted(moving))])
                for user_id, key, channel, effective_at in cursor.fetchall():
                    self._seats.setdefault(user_id, {})[key] = (effective_at, channel)

    def _read(self, cursor: Any, query: str, keys: list[str]) -> None:
        execute_again(cursor, query, [self._project_id, text_array(keys)], rows=len(keys))
        for key, channel, address, status, user_id in cursor.fetchall():
            self.targets[key] = (channel, address)
            self._user_of[key] = user_id or ""
            if status != EndpointStatus.ACTIVE and channel in rules.ONE_OWNER_CHANNELS:
                self._inactive.add(key)

    def is_addressed(self, key: str, item: Item) -> bool:
        """Whether the endpoint gets an address that it did not have, or is ACTIVE again at one that has one owner."""
        channel, address = self.targets.get(key, ("", ""))
        return key in self._inactive or (item.channel or channel, item.address or address) != (channel, address)

    def key_of(self, item: Item) -> str:
        pair = (item.channel, rules.address_key(item.address, item.channel))
        return self.keys.get(pair) or _derived(self._project_id, pair)

    def has_endpoints(self, user_id: str) -> bool:
        return bool(self._seats.get(user_id)) or user_id in self._user_of.values()

    def note(self, key: str, item: Item) -> None:
        self._inactive.discard(key)
        self.targets[key] = (item.channel, item.address)
        self.keys.setdefault((item.channel, rules.address_key(item.address, item.channel)), key)

    def seat(self, key: str, item: Item) -> str:
        """Give the endpoint a place among its user's; returns the key of an endpoint that had to make room, or ''.

        Raises ``ItemRefused`` when the user has as many as he may and none of them can go (reference, section 2).
        """
        before = self._user_of.get(key)
        if before == item.user_id:
            return ""
        seats = self._seats.setdefault(item.user_id, {})
        aside = "" if key in seats else self._stepping_aside(key, item, seats)
        if aside:
            del seats[aside]
            self._user_of.pop(aside, None)
        if before:
            self._seats.get(before, {}).pop(key, None)
        seats[key] = (self._now, item.channel)
        self._user_of[key] = item.user_id
        return aside

    @staticmethod
    def _stepping_aside(key: str, item: Item, seats: Mapping[str, tuple[datetime.datetime, str]]) -> str:
        """The stalest push token, or visitor of web pages, of a user who has as many as he may; '' while there is room."""
        visitors = {one for one in seats if one.startswith(rules.VISITOR_PREFIX)}
        if key.startswith(rules.VISITOR_PREFIX):
            return min(visitors, key=lambda one: (seats[one][0], one)) if len(visitors) >= rules.VISITORS_PER_USER else ""
        if len(seats) - len(visitors) < settings.ENDPOINTS_PER_USER:
            return ""
        pushes = sorted((effective, one) for one, (effective, channel) in seats.items() if channel in rules.STALE_CHANNELS)
        if item.channel not in rules.STALE_CHANNELS or not pushes:
            raise ItemRefused("user_full", "User.UserId", value=item.user_id[:100], limit=settings.ENDPOINTS_PER_USER)
        return pushes[0][1]


def _find(item: Item, folded: Folded, known: _Known) -> None:
    if item.is_user_only:
        if not known.has_endpoints(item.user_id):
            raise ItemRefused("user_unknown", "User.UserId", value=item.user_id[:100])
        folded.reached_users.add(item.user_id)
        return
    key = item.endpoint_id.lower()
    if not key and item.address and not item.channel:
        raise ItemRefused("channel_missing", "ChannelType")
    if not key and not item.address:
        raise ItemRefused("address_missing", "Address")
    key = key or known.keys.get((item.channel, rules.address_key(item.address, item.channel)), "")
    if not key or (item.endpoint_id and key not in known.targets):
        raise ItemRefused("endpoint_unknown", "Id" if item.endpoint_id else "Address")
    folded.endpoints[key] = item


def _take(item: Item, folded: Folded, known: _Known) -> None:
    if item.is_user_only:
        if not known.has_endpoints(item.user_id):
            raise ItemRefused("user_unknown", "User.UserId", value=item.user_id[:100])
        folded.reached_users.add(item.user_id)
        _merge_user(folded, item)
        return
    key = item.endpoint_id.lower()
    _complete(item, key, known)
    if not key:
        key = known.key_of(item)
        item.endpoint_id = key
    if item.user_id:
        aside = known.seat(key, item)
        if aside:
            folded.stepped_aside.add(aside)
        folded.stepped_aside.discard(key)
    _merge_user(folded, item)
    if known.is_addressed(key, item):
        folded.addressed.add((item.channel, rules.address_key(item.address, item.channel)))
    known.note(key, item)
    item.raw = ""  # no longer needed, and half of the memory
    earlier = folded.endpoints.get(key)
    if earlier is None:
        folded.endpoints[key] = item
    else:
        _merge(earlier, item)


def _complete(item: Item, key: str, known: _Known) -> None:
    """An existing endpoint needs neither Address nor ChannelType; a new one both, and they must fit."""
    channel, address = known.targets.get(key, ("", "")) if key else ("", "")
    has_address = bool(item.address)
    item.channel = item.channel or channel
    item.address = item.address or address
    if not item.channel:
        raise ItemRefused("channel_missing", "ChannelType")
    if not item.address:
        raise ItemRefused("address_missing", "Address")
    if has_address or item.channel != channel:
        rules.check_address(item.address, item.channel)


def _merge_user(folded: Folded, item: Item) -> None:
    if item.user_id:
        folded.users.setdefault(item.user_id, {}).update(item.user_attributes)


def _merge(earlier: Item, later: Item) -> None:
    earlier.line = later.line
    for name in ("channel", "address", "opt_out", "user_id", "request_id"):
        value = getattr(later, name)
        if value:
            setattr(earlier, name, value)
    for name in ("attributes", "metrics", "demographic", "location"):
        getattr(earlier, name).update(getattr(later, name))
