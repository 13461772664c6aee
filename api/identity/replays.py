"""Signed requests that come twice: whoever overheard one could send it again for five minutes, as with AWS.

Off by default, because a program that makes the same call twice within a second signs it the same way. Where it is on (the setting
``API_REFUSES_REPLAYS``), what sends messages is carried out once for each signature.
"""

from __future__ import annotations

import hashlib

import redis
from django.conf import settings

from api.identity import sigv4
from api.protocol.errors import Away, Forbidden
from core.redis import client

_MARGIN = 60  # seconds beyond the time for which a signature holds


def check_first(request: sigv4.SignedRequest) -> None:
    """Raises ``Forbidden`` for a signature that was used before, and ``Away`` when nobody can know."""
    if not settings.API_REFUSES_REPLAYS:
        return
    claim = sigv4.read_claim(request)
    seconds = (claim.expires or 0) + 2 * int(sigv4.SKEW.total_seconds()) + _MARGIN
    digest = hashlib.sha256(claim.signature.encode()).hexdigest()
    try:
        is_first = client().set(f"api:signature:{digest}", 1, nx=True, ex=seconds)
    except redis.RedisError:
        raise Away("Redis is away, so nobody knows whether this request was sent before. Try again.") from None
    if not is_first:
        raise Forbidden("This signed request was sent before. Sign it again to send it again.")
