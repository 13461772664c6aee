"""MessagesPerSecond: one token bucket for a campaign, shared by all workers and treatments, in Redis and by its clock.

Over any minute at most 60 × rate messages and what the bucket holds go out: three fifths of a second's worth, one per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import redis

_DEPTH = 0.6  # seconds' worth of tokens that a bucket holds
_LEAST = 0.2  # seconds' worth that one waits for, so that a small batch is not one message

# KEYS: bucket. ARGV: rate a second, depth, wanted, least; and a time in seconds for who simulates one.
# Answers what is granted and, when that is nothing, after how many milliseconds to ask again.
_TAKE = """
local rate, depth, wanted, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(held[1]) or depth, tonumber(held[2]) or now
tokens = math.min(depth, tokens + math.max(0, now - at) * rate)
local granted, wait = 0, 0
if tokens >= math.min(wanted, least) then
  granted = math.min(wanted, math.floor(tokens))
  tokens = tokens - granted
else
  wait = math.ceil((math.min(wanted, least) - tokens) / rate * 1000)
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.17g', math.max(at, now)))
redis.call('PEXPIRE', KEYS[1], 60000)
return {granted, wait}
"""
_GIVE_BACK = """
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens'))
if tokens then
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', math.min(tonumber(ARGV[1]), tokens + tonumber(ARGV[2]))))
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Granted:
    """``count`` messages may go; when none may, ask again after ``wait`` seconds."""

    count: int
    wait: float


def take(*, campaign_id: int, per_second: int, wanted: int, at: float | None = None) -> Granted:
    """Up to ``wanted`` messages of a campaign. ``at``: a time in seconds instead of the server's. Raises ``RedisError``."""
    depth = max(1.0, per_second * _DEPTH)
    least = max(1, int(per_second * _LEAST))
    given: list[str | float] = [per_second, depth, wanted, least, "" if at is None else repr(at)]
    granted, wait = redis.run_script(_TAKE, keys=[_key(campaign_id)], args=given)
    return Granted(count=int(granted), wait=int(wait) / 1000)


def give_back(*, campaign_id: int, per_second: int, count: int) -> None:
    """Tokens of messages that were not sent after all. Raises ``RedisError``."""
    redis.run_script(_GIVE_BACK, keys=[_key(campaign_id)], args=[max(1.0, per_second * _DEPTH), count])


def _key(campaign_id: int) -> str:
    return f"pabal:rate:{campaign_id}"
