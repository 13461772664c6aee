"""The rows of a piece, folded to one for each endpoint and one for each user: field by field the later line wins."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection

from endpoints.importer import rules
from endpoints.importer.refusals import LineRefused
from endpoints.importer.rows import Refused, Row

_NAMESPACE = uuid.UUID("6f0f6f2e-9d3b-4a57-8a1c-2f9f5d5b7c10")

_BY_KEY = """
    SELECT endpoint_key, channel_type, address FROM endpoints_endpoint
     WHERE project_id = %s AND endpoint_key = ANY(%s)
"""
_BY_ADDRESS = """
    SELECT e.channel_type, e.address_key, min(e.endpoint_key)
      FROM unnest(%s::text[], %s::text[]) AS wanted(channel_type, address_key)
      JOIN endpoints_endpoint e USING (channel_type, address_key)
     WHERE e.project_id = %s
     GROUP BY 1, 2
"""
_USERS_WITH_ENDPOINTS = """
    SELECT u.user_id FROM endpoints_endpointuser u
     WHERE u.project_id = %s AND u.user_id = ANY(%s) AND EXISTS (SELECT 1 FROM endpoints_endpoint e WHERE e.user_id = u.id)
"""


@dataclass(slots=True)
class Folded:
    """What a piece comes to: endpoints by key (lower-case Id), users' attributes, and who is reached by UserId alone."""

    endpoints: dict[str, Row] = field(default_factory=dict)
    users: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    reached_users: set[str] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)
    processed: int = 0


def fold(*, project_id: int, lines: Sequence[Row | Refused], register: bool = True) -> Folded:
    """Fold a piece's lines, in their order. Three queries: what the lines need to know of what is stored.

    Without ``register`` a line must name an endpoint that is stored, and tells nothing about it to the lines after it. The rows
    given stay as they are.
    """
    known = _Known(project_id, [line for line in lines if isinstance(line, Row)], register=register)
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
        except LineRefused as refusal:
            folded.refused.append(
                Refused(line=line.line, column=refusal.column, code=refusal.code, params=refusal.params, raw=line.raw)
            )
    return folded


class _Known:
    """What is stored already, as far as these rows ask: extended as rows are taken."""

    def __init__(self, project_id: int, rows: Sequence[Row], *, register: bool) -> None:
        self._project_id = project_id
        incomplete = [
            row.endpoint_id.lower() for row in rows if row.endpoint_id and not (register and row.channel and row.address)
        ]
        nameless = {
            (row.channel, rules.address_key(row.address, row.channel))
            for row in rows
            if not row.endpoint_id and row.address and row.channel
        }
        alone = [row.user_id for row in rows if row.is_user_only]
        self.targets: dict[str, tuple[str, str]] = {}  # endpoint key → (channel, address)
        self.keys: dict[tuple[str, str], str] = {}  # (channel, address key) → endpoint key
        self.users: set[str] = set()
        with connection.cursor() as cursor:
            if incomplete:
                cursor.execute(_BY_KEY, [project_id, incomplete])
                self.targets = {key: (channel, address) for key, channel, address in cursor.fetchall()}
            if nameless:
                pairs = sorted(nameless)
                cursor.execute(_BY_ADDRESS, [[p[0] for p in pairs], [p[1] for p in pairs], project_id])
                self.keys = {(channel, address): key for channel, address, key in cursor.fetchall()}
            if alone:
                cursor.execute(_USERS_WITH_ENDPOINTS, [project_id, alone])
                self.users = {user_id for (user_id,) in cursor.fetchall()}

    def key_of(self, row: Row) -> str:
        """The key of a row without Id: whoever has the address on the channel, else one derived from both."""
        pair = (row.channel, rules.address_key(row.address, row.channel))
        found = self.keys.get(pair)
        if found is None:
            found = str(uuid.uuid5(_NAMESPACE, f"{self._project_id}\n{pair[0]}\n{pair[1]}"))
        return found

    def note(self, key: str, row: Row) -> None:
        self.targets[key] = (row.channel, row.address)
        self.keys.setdefault((row.channel, rules.address_key(row.address, row.channel)), key)
        if row.user_id:
            self.users.add(row.user_id)


def _find(row: Row, folded: Folded, known: _Known) -> None:
    if row.is_user_only:
        if row.user_id not in known.users:
            raise LineRefused("user_unknown", "User.UserId", value=row.user_id[:100])
        folded.reached_users.add(row.user_id)
        return
    key = row.endpoint_id.lower()
    if not key and row.address and not row.channel:
        raise LineRefused("channel_missing", "ChannelType")
    if not key and not row.address:
        raise LineRefused("address_missing", "Address")
    key = key or known.keys.get((row.channel, rules.address_key(row.address, row.channel)), "")
    if not key or (row.endpoint_id and key not in known.targets):
        raise LineRefused("endpoint_unknown", "Id" if row.endpoint_id else "Address")
    folded.endpoints[key] = row


def _take(row: Row, folded: Folded, known: _Known) -> None:
    if row.is_user_only:
        if row.user_id not in known.users:
            raise LineRefused("user_unknown", "User.UserId", value=row.user_id[:100])
        folded.reached_users.add(row.user_id)
        _merge_user(folded, row)
        return
    key = row.endpoint_id.lower()
    _complete(row, key, known)
    if not key:
        key = known.key_of(row)
        row.endpoint_id = key
    _merge_user(folded, row)
    known.note(key, row)
    row.raw = ""  # no longer needed, and half of the memory
    earlier = folded.endpoints.get(key)
    if earlier is None:
        folded.endpoints[key] = row
    else:
        _merge(earlier, row)


def _complete(row: Row, key: str, known: _Known) -> None:
    """An existing endpoint needs neither Address nor ChannelType; a new one both, and they must fit."""
    channel, address = known.targets.get(key, ("", "")) if key else ("", "")
    has_address = bool(row.address)
    row.channel = row.channel or channel
    row.address = row.address or address
    if not row.channel:
        raise LineRefused("channel_missing", "ChannelType")
    if not row.address:
        raise LineRefused("address_missing", "Address")
    if has_address or row.channel != channel:
        rules.check_address(row.address, row.channel)


def _merge_user(folded: Folded, row: Row) -> None:
    if row.user_id:
        folded.users.setdefault(row.user_id, {}).update(row.user_attributes)


def _merge(earlier: Row, later: Row) -> None:
    earlier.line = later.line
    for name in ("channel", "address", "opt_out", "user_id", "request_id"):
        value = getattr(later, name)
        if value:
            setattr(earlier, name, value)
    for name in ("attributes", "metrics", "demographic", "location"):
        getattr(earlier, name).update(getattr(later, name))
