"""DKIM keys: RSA of 2,048 bits (RFC 8301), made here."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


@dataclass(frozen=True, slots=True)
class KeyPair:
    """``private`` is PEM, ``public`` what stands behind ``p=`` in the DNS record."""

    private: str
    public: str


def make_pair() -> KeyPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private=private, public=base64.b64encode(public).decode())


def make_selector() -> str:
    """A selector of our own: two projects, or two installations, may both send for one domain."""
    return f"pabal-{secrets.token_hex(4)}"


def load(private: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(private.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key
