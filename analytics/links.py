"""Signed links: open pixels, clicks and unsubscribe links carry everything, so that a redirect needs no database.

A token is base64url of: version, key number, kind, then varints (project, campaign, run, treatment, endpoint, link number + 1),
the target in UTF-8, and 16 bytes of HMAC-SHA256 over all of it. It holds internal ids only, no address and no client's Id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from django.conf import settings

from analytics import signing_keys

_VERSION = 1
_KINDS = {"open": 0, "click": 1, "unsubscribe": 2}
_NAMES = {number: name for name, number in _KINDS.items()}
_MAC_BYTES = 16
MAX_TOKEN = 8_000  # characters; what the usual proxies let pass in a request line


class BadToken(ValueError):
    """The token was not signed here, or was changed."""


@dataclass(frozen=True, slots=True)
class LinkContext:
    """The run that a link belongs to."""

    project_id: int
    campaign_id: int
    run_id: int
    treatment: int = 0


@dataclass(frozen=True, slots=True)
class SignedHit:
    """What a token says. ``link_number`` is None but for clicks; ``target`` is empty but for clicks."""

    kind: str
    context: LinkContext
    endpoint_id: int
    link_number: int | None = None
    target: str = ""


class RunLinks:
    """Makes the links of one run. All that is the same for every recipient is computed once."""

    def __init__(self, *, context: LinkContext, key: tuple[int, bytes], base_url: str) -> None:
        number, self._secret = key
        self._context = context
        run = _varint(context.project_id) + _varint(context.campaign_id) + _varint(context.run_id) + _varint(context.treatment)
        self._heads = {name: bytes([_VERSION, number, kind]) + run for name, kind in _KINDS.items()}
        self._mac = hmac.new(self._secret, digestmod=hashlib.sha256)
        self._base = base_url

    def open_url(self, endpoint_id: int) -> str:
        return self._base + "/t/o/" + self._token("open", _varint(endpoint_id) + b"\0")

    def click_url(self, endpoint_id: int, link_number: int, target: str) -> str:
        body = _varint(endpoint_id) + _varint(link_number + 1) + target.encode()
        return f"{self._base}/t/c/{self._token('click', body)}"

    def unsubscribe_url(self, endpoint_id: int) -> str:
        return self._base + "/u/" + self._token("unsubscribe", _varint(endpoint_id) + b"\0")

    def _token(self, kind: str, body: bytes) -> str:
        payload = self._heads[kind] + body
        mac = self._mac.copy()
        mac.update(payload)
        return base64.urlsafe_b64encode(payload + mac.digest()[:_MAC_BYTES]).rstrip(b"=").decode()


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
    if len(payload) < 8 or payload[0] != _VERSION:
        raise BadToken("not a token of ours")
    secret = signing_keys.by_number(payload[1])
    if secret is None or not hmac.compare_digest(hmac.digest(secret, payload, "sha256")[:_MAC_BYTES], mac):
        raise BadToken("signature")
    return _parse(payload)


def _parse(payload: bytes) -> SignedHit:
    numbers, position = [], 3
    for _ in range(6):
        number, position = _read_varint(payload, position)
        numbers.append(number)
    project, campaign, run, treatment, endpoint, link = numbers
    return SignedHit(
        kind=_NAMES[payload[2]],
        context=LinkContext(project_id=project, campaign_id=campaign, run_id=run, treatment=treatment),
        endpoint_id=endpoint,
        link_number=link - 1 if link else None,
        target=payload[position:].decode(),
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
