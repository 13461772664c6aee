"""The addresses that a relay tells outcomes to, and the key that signs what it tells.

Both are made from the house's signing keys, so that they are checked while the database is away.

A token is base32 (lower case) of: version, key number, varints (relay, generation), and 10 bytes of HMAC-SHA256.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

from analytics import signing_keys
from core import varint

_VERSION = 1
_MAC_BYTES = 10
_LONGEST = 60  # characters of a token
_ADDRESS, _KEY = b"pabal relay callback", b"pabal relay callback key"  # signatures of one are none of the other


class BadDoor(ValueError):
    """The address was not made here, or was changed."""


@dataclass(frozen=True, slots=True)
class Door:
    """``secret`` is what Standard Webhooks calls so: ``whsec_`` and base64 of the key."""

    relay_id: int
    generation: int
    token: str
    secret: str

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.secret.removeprefix("whsec_"))


def door(*, relay_id: int, generation: int) -> Door:
    """The newest address and key of a relay. They change with the generation, and when the signing keys are rotated; older ones of the same
    generation go on working."""
    number, secret = signing_keys.current()
    payload = bytes([_VERSION, number]) + varint.packed(relay_id) + varint.packed(generation)
    return _door(payload, secret, relay_id, generation)


def read_door(token: str) -> Door:
    """Raises ``BadDoor``."""
    if not token.isascii() or len(token) > _LONGEST:
        raise BadDoor("not one of ours")
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except (binascii.Error, ValueError):
        raise BadDoor("not base32") from None
    payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(payload) < 4 or payload[0] != _VERSION:
        raise BadDoor("not one of ours")
    secret = signing_keys.by_number(payload[1])
    if secret is None or not hmac.compare_digest(_mac(payload, secret), mac):
        raise BadDoor("signature")
    relay_id, position = varint.read(payload, 2)
    generation, _end = varint.read(payload, position)
    found = _door(payload, secret, relay_id, generation)
    if found.token != token:  # another way to write the same bytes
        raise BadDoor("not one of ours")
    return found


def _door(payload: bytes, secret: bytes, relay_id: int, generation: int) -> Door:
    token = base64.b32encode(payload + _mac(payload, secret)).rstrip(b"=").decode().lower()
    key = hmac.digest(hmac.digest(secret, _KEY, "sha256"), payload, "sha256")
    return Door(relay_id=relay_id, generation=generation, token=token, secret="whsec_" + base64.b64encode(key).decode())


def _mac(payload: bytes, secret: bytes) -> bytes:
    return hmac.digest(hmac.digest(secret, _ADDRESS, "sha256"), payload, "sha256")[:_MAC_BYTES]
