"""What tells two addresses of a suppression list apart, and what is left of one when its person was erased.

That is an HMAC-SHA256 by a key that only the server has (``SECRETS_KEY``): whoever gets hold of the database can't try addresses out.
"""

from __future__ import annotations

import hashlib
import hmac

from core import secretbox
from endpoints.models import ChannelType
from endpoints.writing import rules

ERASED = "#"  # an address holds an @, and a hash does not
_BLOCK = 64  # bytes, of SHA-256


def key_of(address: str) -> str:
    """The same for all ways to write an address; an endpoint's ``address_key``."""
    return rules.address_key(address.strip(), ChannelType.EMAIL)


def erased_key(key: str) -> str:
    return ERASED + hmac.new(_secret(), key.encode(), hashlib.sha256).hexdigest()


def pads() -> tuple[str, str]:
    """HMAC's two beginnings (RFC 2104) in hex, for a statement that hashes as ``erased_key`` does: (inner, outer)."""
    secret = _secret().ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in secret).hex(), bytes(byte ^ 0x5C for byte in secret).hex()


def _secret() -> bytes:
    return secretbox.derived("suppression list")
