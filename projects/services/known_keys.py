"""Which public key is which: asked for each request that brings events, so it is kept in each process.

All keys are read together and anew every few seconds. While the database is away what was read last holds, and a token that nobody
knows costs it one look a second, however many ask.
"""

from __future__ import annotations

import logging
import threading
import time

from cryptography.fernet import InvalidToken
from django.db import InterfaceError, OperationalError, connection

from core import secretbox
from core.errors import Refusal
from projects.models import PublicKey
from projects.public_keys import TOKEN, KnownKey

_FRESH = 5.0  # seconds for which what was read holds
_AGAIN = 1.0  # seconds: not oftener is a token looked up that nobody knows
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_keys: dict[str, KnownKey] | None = None
_read_at = float("-inf")


class KeyUnknown(Refusal):
    """There is no such key."""


class KeyRevoked(Refusal):
    """The key was revoked."""


class OriginRefused(Refusal):
    """Pages of that origin may not use the key."""


class KeysAway(Exception):
    """The database is away, and this process has not read the keys yet."""


def find_key(*, token: str) -> KnownKey:
    """Raises ``KeyUnknown``, ``KeyRevoked`` or ``KeysAway``. Whoever is asked by a browser asks ``check_origin`` besides."""
    key = _known(token) if TOKEN.match(token) else None
    if key is None:
        raise KeyUnknown("There is no such key. Copy it again from the project's settings.")
    if key.is_revoked:
        raise KeyRevoked("The key is revoked. Put another one into the page.")
    return key


def check_origin(*, key: KnownKey, origin: str) -> None:
    """Raises ``OriginRefused``."""
    if not key.allows(origin):
        raise OriginRefused(
            f"Pages of {origin[:200] or 'no origin'} may not use this key. Add the origin in the project's settings."
        )


def forget() -> None:
    """Read the keys anew when the next one is asked for: one was made, changed or revoked."""
    global _read_at
    _read_at = float("-inf")


def _known(token: str) -> KnownKey | None:
    keys = _read_again(_FRESH)
    return keys.get(token) or _read_again(_AGAIN).get(token)


def _read_again(seconds: float) -> dict[str, KnownKey]:
    """The keys, read not longer ago than so many seconds if the database answers. One reads, the others take what is there."""
    global _keys, _read_at
    if _keys is not None and time.monotonic() < _read_at + seconds:
        return _keys
    if not _lock.acquire(blocking=_keys is None):
        return _keys or {}
    try:
        if _keys is None or time.monotonic() >= _read_at + seconds:
            began = time.monotonic()
            try:
                _keys = _read()
            except (OperationalError, InterfaceError):
                connection.close()
                _log.warning("The public keys can't be read; what was read last holds")
                if _keys is None:
                    raise KeysAway from None
            _read_at = began
        return _keys
    finally:
        _lock.release()


def _read() -> dict[str, KnownKey]:
    connection.close_if_unusable_or_obsolete()
    found = {}
    for key in PublicKey.objects.filter(project__deleted_at=None).select_related("project"):
        try:
            secret = secretbox.unseal(key.sealed_secret).encode()
        except InvalidToken:
            _log.error("The secret of the public key %s was sealed with another SECRETS_KEY; its signatures are refused", key.pk)
            secret = b""
        found[key.token] = KnownKey(
            id=key.pk, project_id=key.project_id, project_public_id=key.project.public_id, origins=tuple(key.origins),
            needs_consent=key.needs_consent, trusts_pages=key.trusts_pages, takes_new_names=key.takes_new_names, secret=secret,
            is_revoked=key.revoked_at is not None,
        )  # fmt: skip
    return found
