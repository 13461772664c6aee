"""Signed links: open pixels, clicks and unsubscribe links carry everything, so that a redirect needs no database.

A token is base64url of: version, key number, kind, then varints (project, campaign, run, treatment, endpoint, domain + 1, link number + 1),
the target in UTF-8, and 16 bytes of HMAC-SHA256 over all of it. It holds internal ids only, no address and no client's Id. ``domain`` is
the number of the recipient's mail domain; tokens of the first version have none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

from analytics import signing_keys
from core import varint

_WITHOUT_DOMAIN, _VERSION = 1, 2  # links in old mails work for years
_KINDS = {"open": 0, "click": 1, "unsubscribe": 2}
_NAMES = {number: name for name, number in _KINDS.items()}
_MAC_BYTES = 16
_NONE = b"\0"  # in place of a link's number
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
MAX_TOKEN = 8_000  # characters; what the usual proxies let pass in a request line


class BadToken(ValueError):
    """The token was not signed here, or was changed."""


@dataclass(frozen=True, slots=True)
class LinkContext:
    """The run that a link belongs to; without one, a message that was sent to somebody directly."""

    project_id: int
    campaign_id: int = 0
    run_id: int = 0
    treatment: int = 0


@dataclass(frozen=True, slots=True)
class SignedHit:
    """What a token says. ``link_number`` is None but for clicks; ``target`` is empty but for clicks.

    ``domain``: where the mail went (``analytics.services.mail_domains``); None when the token does not say it.
    """

    kind: str
    context: LinkContext
    endpoint_id: int
    link_number: int | None = None
    target: str = ""
    domain: int | None = None


class RunLinks:
    """Makes the links of one run. All that is the same for every recipient is computed once."""

    def __init__(self, *, context: LinkContext, key: tuple[int, bytes], base_url: str) -> None:
        number, self._secret = key
        self._context = context
        run = (
            varint.packed(context.project_id)
            + varint.packed(context.campaign_id)
            + varint.packed(context.run_id)
            + varint.packed(context.treatment)
        )
        self._heads = {name: bytes([_VERSION, number, kind]) + run for name, kind in _KINDS.items()}
        self._inner, self._outer = _keyed(self._secret, 0x36), _keyed(self._secret, 0x5C)
        self._base = base_url
        self._endpoint = (0, b"\0\0")  # the last one: a message has many links

    def set_recipient(self, endpoint_id: int, domain: int | None) -> None:
        """What follows is for this endpoint, and says where its mail went. Without it a link says no domain."""
        self._endpoint = endpoint_id, varint.packed(endpoint_id) + varint.packed(0 if domain is None else domain + 1)

    def open_url(self, endpoint_id: int) -> str:
        return f"{self._base}/t/o/{self._token(self._heads['open'] + self._endpoint_bytes(endpoint_id) + _NONE)}"

    def click_url(self, endpoint_id: int, link_number: int, target: str) -> str:
        return self.click_of(endpoint_id, click_tail(link_number, target))

    def click_of(self, endpoint_id: int, tail: bytes) -> str:
        """The same, of a link whose target everybody shares: ``tail`` is its ``click_tail``."""
        return f"{self._base}/t/c/{self._token(self._heads['click'] + self._endpoint_bytes(endpoint_id) + tail)}"

    def unsubscribe_url(self, endpoint_id: int) -> str:
        return f"{self._base}/u/{self._token(self._heads['unsubscribe'] + self._endpoint_bytes(endpoint_id) + _NONE)}"

    def _endpoint_bytes(self, endpoint_id: int) -> bytes:
        known, written = self._endpoint
        if known != endpoint_id:
            self.set_recipient(endpoint_id, None)
            written = self._endpoint[1]
        return written

    def _token(self, payload: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        signed = payload + outer.digest()[:_MAC_BYTES]
        return binascii.b2a_base64(signed, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def run_links(*, context: LinkContext) -> RunLinks:
    """The link maker of a run, signing with the newest key."""
    return RunLinks(context=context, key=signing_keys.current(), base_url=settings.PUBLIC_URL)


def read_token(token: str) -> SignedHit:
    """Verify and read a token; raises ``BadToken``."""
    if len(token) > MAX_TOKEN:
        raise BadToken("too long")
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise BadToken("not base64url") from None
    payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(payload) < 8 or payload[0] not in (_WITHOUT_DOMAIN, _VERSION):
        raise BadToken("not a token of ours")
    secret = signing_keys.by_number(payload[1])
    if secret is None or not hmac.compare_digest(hmac.digest(secret, payload, "sha256")[:_MAC_BYTES], mac):
        raise BadToken("signature")
    return _parse(payload)


def _parse(payload: bytes) -> SignedHit:
    numbers, position = [], 3
    for _ in range(6 if payload[0] == _WITHOUT_DOMAIN else 7):
        number, position = varint.read(payload, position)
        numbers.append(number)
    project, campaign, run, treatment, endpoint, *domains, link = numbers
    domain = domains[0] if domains else 0
    return SignedHit(
        kind=_NAMES[payload[2]],
        context=LinkContext(project_id=project, campaign_id=campaign, run_id=run, treatment=treatment),
        endpoint_id=endpoint,
        link_number=link - 1 if link else None,
        target=payload[position:].decode(),
        domain=domain - 1 if domain else None,
    )


def click_tail(link_number: int, target: str) -> bytes:
    """What a click's token says after the endpoint."""
    return varint.packed(link_number + 1) + target.encode("utf-8", "replace")


def _keyed(secret: bytes, pad: int) -> hashlib._Hash:
    """One of HMAC's two digests, begun with the key (RFC 2104): a copy of it is cheaper than an HMAC of the library."""
    key = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    return hashlib.sha256(bytes(byte ^ pad for byte in key))
