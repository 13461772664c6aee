"""Secrets at rest: encrypted with a key derived from ``SECRETS_KEY``, never shown again."""

from __future__ import annotations

import base64
import functools
import hashlib

from cryptography.fernet import Fernet
from django.conf import settings


@functools.cache
def _box(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"pabal secretbox " + key.encode()).digest()))


def seal(plain: str) -> str:
    """Encrypt; the result is ASCII text."""
    return _box(settings.SECRETS_KEY).encrypt(plain.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt what ``seal`` gave; raises ``cryptography.fernet.InvalidToken`` when the key is another one."""
    return _box(settings.SECRETS_KEY).decrypt(sealed.encode()).decode()


def derived(purpose: str) -> bytes:
    """A key of its own for a purpose, the same as long as ``SECRETS_KEY`` is."""
    return hashlib.sha256(f"pabal {purpose} ".encode() + settings.SECRETS_KEY.encode()).digest()
