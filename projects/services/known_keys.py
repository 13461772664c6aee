"""Which public key is which: asked for each request that brings events, so it is kept in each process.

All keys are read together and anew every few seconds. While the database is away what was read last holds, and a token that nobody
knows costs it one look a second, however many ask. They also stand in a file beside the data (mode 0600, secrets sealed), so that
a process that begins meanwhile knows them, too.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core import private_file, secretbox
from core.errors import Refusal
from projects.models import PublicKey
from projects.public_keys import TOKEN, KnownKey

_FRESH = 5.0  # seconds for which what was read holds
_AGAIN = 1.0  # seconds: not oftener is a token looked up that nobody knows
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_keys: dict[str, KnownKey] | None = None
_read_at = float("-inf")
_written = ""  # what this process knows to stand in the file
_COLUMNS = (
    "id", "token", "origins", "needs_consent", "trusts_pages", "takes_new_names", "sealed_secret", "project_id", "project__public_id",
)  # fmt: skip


class KeyUnknown(Refusal):
    """There is no such key."""


class KeyRevoked(Refusal):
    """The key was revoked."""


class OriginRefused(Refusal):
    """Pages of that origin may not use the key."""


class KeysAway(Exception):
    """The database is away, and nobody here has ever read the keys."""


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
                _keys = _stored()
            except (OperationalError, InterfaceError):
                connection.close()
                _log.warning("The public keys can't be read; what was read last holds")
                if _keys is None:
                    _keys = _from_file()
            _read_at = began
        return _keys
    finally:
        _lock.release()


def _stored() -> dict[str, KnownKey]:
    global _written
    connection.close_if_unusable_or_obsolete()
    found = PublicKey.objects.filter(project__deleted_at=None).order_by("id")
    rows = [one | {"is_revoked": one.pop("revoked_at") is not None} for one in found.values(*_COLUMNS, "revoked_at")]
    text = json.dumps(rows)
    if text != _written:
        private_file.write(_file(), text)
        _written = text
    return _known_keys(rows)


def _from_file() -> dict[str, KnownKey]:
    """Raises ``KeysAway`` when there is none."""
    try:
        return _known_keys(json.loads(_file().read_text()))
    except FileNotFoundError:
        raise KeysAway from None


def _file() -> Path:
    return Path(settings.VAR_DIR) / "public-keys.json"


def _known_keys(rows: Iterable[dict[str, Any]]) -> dict[str, KnownKey]:
    found = {}
    for row in rows:
        try:
            secret = secretbox.unseal(row["sealed_secret"]).encode()
        except InvalidToken:
            _log.error(
                "The secret of the public key %s was sealed with another SECRETS_KEY; its signatures are refused", row["id"]
            )
            secret = b""
        found[row["token"]] = KnownKey(
            id=row["id"], project_id=row["project_id"], project_public_id=row["project__public_id"], origins=tuple(row["origins"]),
            needs_consent=row["needs_consent"], trusts_pages=row["trusts_pages"], takes_new_names=row["takes_new_names"], secret=secret,
            is_revoked=row["is_revoked"],
        )  # fmt: skip
    return found
