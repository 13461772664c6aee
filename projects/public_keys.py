"""What a public key allows: from which origins, and whom its signatures name."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

TOKEN = re.compile(r"pk_[0-9a-f]{32}\Z")
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<any>\*\.)?(?P<host>[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(?::(?P<port>[0-9]{1,5}))?\Z"
)
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key as whoever takes events with it needs it. ``origins`` are written as ``clean_origin`` gives them."""

    id: int
    project_id: int
    project_public_id: str
    origins: tuple[str, ...]
    needs_consent: bool
    trusts_pages: bool
    takes_new_names: bool
    secret: bytes
    is_revoked: bool

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin (the ``Origin`` header of a browser) may use the key."""
        found = clean_origin(origin)
        return bool(found) and "*" not in found and any(_covers(one, found) for one in self.origins)

    def has_signed(self, *, signature: str, user_id: str, email: str = "") -> bool:
        """Whether the project's own server, which alone has the secret, says that the visitor is this user."""
        if not self.secret:  # it can't be opened
            return False
        return hmac.compare_digest(signed(self.secret, user_id=user_id, email=email).encode(), signature.encode())


def signed(secret: bytes, *, user_id: str, email: str = "") -> str:
    """The signature of a user, with an e-mail address if the page gives one: 64 hex digits."""
    text = f"{user_id}\n{email}" if email else user_id
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def clean_origin(text: str) -> str:
    """Scheme, host and port in one spelling, with ``*.`` for all subdomains; empty when it is no origin."""
    found = _ORIGIN.match(text.strip().lower().removesuffix("/"))
    if found is None or ".." in found["host"] or (found["port"] and not 0 < int(found["port"]) < 65_536):
        return ""
    if found["any"] and "." not in found["host"]:
        return ""  # all of .com
    port = "" if found["port"] in (None, _PORTS[found["scheme"]]) else f":{found['port']}"
    return f"{found['scheme']}://{found['any'] or ''}{found['host']}{port}"


def _covers(allowed: str, origin: str) -> bool:
    scheme, _sep, host = allowed.partition("://")
    if not host.startswith("*."):
        return allowed == origin
    return origin.startswith(f"{scheme}://") and origin.endswith(host[1:]) and len(origin) > len(allowed) - 1
