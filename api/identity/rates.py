"""How often a key may call: a bucket of tokens for each key and operation, in Redis, refilled by the server's clock.

Without Redis nobody is refused: reads go on, and what writes to it refuses by itself.
"""

from __future__ import annotations

import logging
import math
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
_TAKE = """
local rate = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(held[1]) or rate
tokens = math.min(rate, tokens + math.max(0, now - (tonumber(held[2]) or now)) * rate)
local taken = 0
if tokens >= 1 then tokens = tokens - 1; taken = 1 end
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


def rate_of(operation: str) -> int:
    """Requests a second; the setting goes before the quotas. 0: without a limit."""
    own: dict[str, int] = settings.API_RATES
    return own.get(operation, RATES.get(operation, own.get("default", OTHERS)))


def take(*, key_id: int, operation: str) -> Allowance | None:
    """Count a call. Raises ``TooManyRequests``; None where there is no limit, or nobody who counts."""
    rate = rate_of(operation)
    if not rate:
        return None
    try:
        taken, tokens = run_script(_TAKE, keys=[f"api:rate:{key_id}:{operation}"], args=[rate])
    except redis.RedisError as error:
        _log.warning("Calls are not counted: %s", error)
        return None
    left = max(0.0, float(tokens))
    allowance = Allowance(limit=rate, remaining=int(left), reset=math.ceil((rate - left) / rate))
    if not taken:
        headers = allowance.headers | {"Retry-After": "1"}
        raise TooManyRequests(
            f"More than {rate} calls of {operation} a second with this key. Try again in a second.", headers=headers
        )
    return allowance
