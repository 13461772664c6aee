"""How often a key may call: a bucket of tokens for each key and operation, in Redis, refilled by the server's clock.

A process takes a hundredth of a second's calls at once and gives them out itself: to ask Redis costs a write to its disk, half of what
a read of an endpoint takes. What it has not given out within a second is lost, so a key has a little less than its rate, never more.
Without Redis nobody is refused: reads go on, and what writes to it refuses by itself.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass

import redis
from django.conf import settings

from api.protocol.errors import TooManyRequests
from core.redis import run_script

_log = logging.getLogger(__name__)
OTHERS = 300
# Requests a second, which is also the burst: Pinpoint's quotas of 2023 (reference, section 12).
RATES = {
    "PutEvents": 7_000, "GetEndpoint": 7_000, "UpdateEndpoint": 5_000, "UpdateEndpointsBatch": 5_000, "DeleteEndpoint": 1_000,
    "SendMessages": 4_000, "SendUsersMessages": 6_000, "PhoneNumberValidate": 20, "CreateImportJob": 300,
} | dict.fromkeys(
    ("CreateCampaign", "UpdateCampaign", "DeleteCampaign", "CreateSegment", "UpdateSegment", "DeleteSegment"), 25
) | {
    f"{verb}{kind}Template": 10 for verb in ("Create", "Update") for kind in ("Email", "Sms", "Push", "Voice", "InApp")
}  # fmt: skip
_AT_ONCE = 100  # of a rate a process takes this part at once
_SECONDS = 1.0  # for which it gives them out
_MOST = 10_000  # buckets of which a process has a share
_TAKE = """
local rate = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(held[1]) or rate
tokens = math.min(rate, tokens + math.max(0, now - (tonumber(held[2]) or now)) * rate)
local taken = math.min(tonumber(ARGV[2]), math.floor(tokens))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], 2)
return {taken, tostring(tokens)}
"""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a call, as the headers ``RateLimit-*`` say it; seconds until the bucket is full again."""

    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit), "RateLimit-Remaining": str(self.remaining), "RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f"{self.limit};w=1",
        }  # fmt: skip


@dataclass(slots=True)
class _Share:
    """Calls that this process took from a bucket and may give out; ``others`` were left in Redis then. ``until``: monotonic."""

    rate: int
    calls: int
    others: float
    until: float


_shares: dict[str, _Share] = {}
_lock = threading.Lock()


def rate_of(operation: str) -> int:
    """Requests a second; the setting goes before the quotas. 0: without a limit."""
    own: dict[str, int] = settings.API_RATES
    return own.get(operation, RATES.get(operation, own.get("default", OTHERS)))


def take(*, key_id: int, operation: str) -> Allowance | None:
    """Count a call. Raises ``TooManyRequests``; None where there is no limit, or nobody who counts."""
    rate = rate_of(operation)
    if not rate:
        return None
    name = f"api:rate:{key_id}:{operation}"
    left = _given_out(name, rate)
    if left is None:
        try:
            taken, tokens = run_script(_TAKE, keys=[name], args=[rate, max(1, rate // _AT_ONCE)])
        except redis.RedisError as error:
            _log.warning("Calls are not counted: %s", error)
            return None
        left = max(0.0, float(tokens)) + max(0, taken - 1)
        if not taken:
            headers = _allowance(rate, left).headers | {"Retry-After": "1"}
            raise TooManyRequests(
                f"More than {rate} calls of {operation} a second with this key. Try again in a second.", headers=headers
            )
        if taken > 1:
            _hold(name, _Share(rate=rate, calls=taken - 1, others=float(tokens), until=time.monotonic() + _SECONDS))
    return _allowance(rate, left)


def _allowance(rate: int, left: float) -> Allowance:
    return Allowance(limit=rate, remaining=int(left), reset=math.ceil((rate - left) / rate))


def _given_out(name: str, rate: int) -> float | None:
    """Give out a call of this process's share: how many are left, with those in Redis; None when it has none."""
    with _lock:
        share = _shares.get(name)
        if share is None or share.rate != rate or share.calls < 1 or time.monotonic() >= share.until:
            return None
        share.calls -= 1
        return share.calls + share.others


def _hold(name: str, share: _Share) -> None:
    """Of two threads that asked at once the later one's share is added to the other's."""
    with _lock:
        held = _shares.get(name)
        if held is not None and held.rate == share.rate and time.monotonic() < held.until:
            share.calls += held.calls
        if len(_shares) >= _MOST:
            _shares.clear()
        _shares[name] = share
