"""Public ids: 32 hex digits, as Pinpoint's own."""

from __future__ import annotations

import secrets


def public_id() -> str:
    """A new random public id."""
    return secrets.token_hex(16)
