"""Who is on a suppression list: of a project at the freeze, and of a small batch when its messages are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from django.db import connection

from core.audience import Audience
from core.sql import execute_again, id_set, text_array
from endpoints.models import ChannelType
from messaging.suppression.keys import ERASED, erased_key, pads

_LOOK_SECONDS = 5.0  # a list that was empty is taken for empty for so long

_OF_PROJECT = "(s.project_id = %(project)s OR s.project_id IS NULL)"
_KINDS = f"""
    SELECT EXISTS (SELECT 1 FROM messaging_suppression s WHERE {_OF_PROJECT}),
           EXISTS (SELECT 1 FROM messaging_suppression s WHERE {_OF_PROJECT} AND s.address = '')
"""
_ENDPOINTS = f"""
    SELECT e.id FROM messaging_suppression s
      JOIN endpoints_endpoint e ON e.project_id = %(project)s AND e.channel_type = %(channel)s AND e.address_key = s.address_key
     WHERE {_OF_PROJECT}
"""
# Of erased people a hash is all there is, so that each address of the project has to be hashed (a second for a million).
_ENDPOINTS_BY_HASH = f"""
    SELECT e.id FROM endpoints_endpoint e
     WHERE e.project_id = %(project)s AND e.channel_type = %(channel)s AND e.address_key <> ''
       AND '#' || encode(sha256(decode(%(outer)s, 'hex') || sha256(decode(%(inner)s, 'hex') || convert_to(e.address_key, 'UTF8'))), 'hex')
           IN (SELECT s.address_key FROM messaging_suppression s WHERE {_OF_PROJECT} AND s.address = '')
"""
# Those of the keys that are listed; and "" when the list holds anything, "#" when it holds hashes.
_AMONG = f"""
    SELECT s.address_key FROM messaging_suppression s WHERE s.address_key = ANY(%(keys)s::text[]) AND {_OF_PROJECT}
     UNION ALL SELECT '' WHERE EXISTS (SELECT 1 FROM messaging_suppression s WHERE {_OF_PROJECT})
     UNION ALL SELECT '#' WHERE EXISTS (SELECT 1 FROM messaging_suppression s WHERE {_OF_PROJECT} AND s.address = '')
"""


def suppressed_endpoints(project_id: int, channels: Sequence[str]) -> Audience:
    """The project's endpoints whose e-mail address is on its list or the installation's. One statement when both are empty."""
    if ChannelType.EMAIL not in channels:
        return Audience()
    inner, outer = pads()
    given: dict[str, int | str] = {"project": project_id, "channel": ChannelType.EMAIL.value, "inner": inner, "outer": outer}
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, given)
        is_any, is_hashed = cursor.fetchone()
    found = id_set(_ENDPOINTS, given) if is_any else Audience()
    return found | id_set(_ENDPOINTS_BY_HASH, given) if is_hashed else found


class Check:
    """A worker's question about each small batch: one statement, and none while the lists are empty (looked at every five seconds)."""

    def __init__(self, *, project_id: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._project_id = project_id
        self._clock = clock
        self._empty_until = 0.0
        self._has_hashes = True

    def among(self, keys: Collection[str]) -> set[str]:
        """Those of the address keys that get nothing."""
        if not keys or self._clock() < self._empty_until:
            return set()
        by_hash = {erased_key(key): key for key in keys} if self._has_hashes else {}
        with connection.cursor() as cursor:
            asked = {"keys": text_array([*keys, *by_hash]), "project": self._project_id}
            execute_again(cursor, _AMONG, asked, rows=1)  # by the index, however many
            found = {key for (key,) in cursor.fetchall()}
        if "" not in found:
            self._empty_until = self._clock() + _LOOK_SECONDS
        knows_hashes, self._has_hashes = self._has_hashes, ERASED in found
        if self._has_hashes and not knows_hashes:
            return self.among(keys)  # the first hash is new
        return {by_hash.get(key, key) for key in found} - {"", ERASED}
