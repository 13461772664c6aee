"""The keys that sign links: their own, numbered, kept for years.

A process reads them once. They also stand in a file beside the data (mode 0600), so that a redirect after a restart needs no
database.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import Error, IntegrityError, transaction

from analytics.models import SigningKey
from core import private_file, secretbox

_lock = threading.RLock()  # the statement that reads them may open a connection, which forgets what is of another database
_keys: dict[int, bytes] = {}
_AGAIN = 1.0  # seconds: not oftener is a number looked up that nobody knows
_read_at = 0.0


def current() -> tuple[int, bytes]:
    """The newest key's number and secret; the first call of an installation makes number 1."""
    keys = _all()
    number = max(keys)
    return number, keys[number]


def by_number(number: int) -> bytes | None:
    """The secret of a key, retired ones too; None when there is no such key."""
    found = _all().get(number)
    if found is None and time.monotonic() >= _read_at + _AGAIN:
        forget()  # it may have been made by another process after this one read them; links of strangers may name any number
        found = _all().get(number)
    return found


def forget() -> None:
    """Read the keys again at the next use."""
    with _lock:
        _keys.clear()


def rotate() -> int:
    """Make a new key, which signs from now on; the older ones still verify. Returns its number."""
    newest = SigningKey.objects.order_by("-number").values_list("number", flat=True).first() or 0
    SigningKey.objects.create(number=newest + 1, sealed_secret=secretbox.seal(secrets.token_hex(32)))
    forget()
    return newest + 1


def _all() -> dict[int, bytes]:
    global _read_at
    with _lock:
        if not _keys:
            _keys.update(_read())
            _read_at = time.monotonic()
        return dict(_keys)


def _read() -> dict[int, bytes]:
    try:
        keys = _stored()
        if not keys:
            with contextlib.suppress(IntegrityError), transaction.atomic():  # two at once: one makes it, both read it
                SigningKey.objects.create(number=1, sealed_secret=secretbox.seal(secrets.token_hex(32)))
            keys = _stored()
    except Error:
        return _from_file()
    _to_file(keys)
    return keys


def _stored() -> dict[int, bytes]:
    return {key.number: bytes.fromhex(secretbox.unseal(key.sealed_secret)) for key in SigningKey.objects.all()}


def _file() -> Path:
    return Path(settings.VAR_DIR) / "signing-keys.json"


def _from_file() -> dict[int, bytes]:
    sealed = json.loads(_file().read_text())
    return {int(number): bytes.fromhex(secretbox.unseal(secret)) for number, secret in sealed.items()}


def _to_file(keys: dict[int, bytes]) -> None:
    private_file.write(_file(), json.dumps({str(number): secretbox.seal(secret.hex()) for number, secret in keys.items()}))
