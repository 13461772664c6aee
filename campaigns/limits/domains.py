"""Messages a minute to a recipient domain: a token bucket for each line of the project's setting, in Redis and by its clock.

Who finds a bucket empty is given a place in the line behind it: the time at which the tokens will be there. So each waits about
once, however many they are.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core import redis

# What Korean portals take from a sender whom they know a little. They count by connection and by minute and publish no figures;
# the tools of Korean mailers begin far lower.
USUAL: list[dict[str, Any]] = [
    {"Domains": ["naver.com"], "PerMinute": 600},
    {"Domains": ["daum.net", "hanmail.net", "kakao.com"], "PerMinute": 300},
    {"Domains": ["nate.com"], "PerMinute": 120},
]
FASTEST = 1_200_000  # a minute: Pinpoint's 20,000 a second
LINES = 100
_DEPTH = 15.0  # seconds' worth of tokens that a bucket holds, and that wait together
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")

# KEYS: bucket. ARGV: rate a millisecond, depth, wanted, 1 if these waited already; and a time in milliseconds for who simulates.
# Answers what is granted, and in how many milliseconds the place in the line of the rest begins.
_TAKE = """
local rate, depth, wanted, waited = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local now = tonumber(ARGV[5])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'line')
local tokens, at, line = tonumber(held[1]) or depth, tonumber(held[2]) or now, tonumber(held[3]) or 0
tokens = math.min(depth, tokens + math.max(0, now - at) * rate)
if line > now and tokens >= depth then
  line = now  -- those in the line do not come: their campaign was paused or deleted
end
local granted = 0
if waited or line <= now then
  granted = math.min(wanted, math.floor(tokens))
end
tokens = tokens - granted
local begins = math.max(line, now)
if granted < wanted then
  line = begins + (wanted - granted) / rate
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens), 'at', string.format('%.17g', math.max(at, now)),
           'line', string.format('%.17g', line))
redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(line - now, 0)) + 60000)
return {granted, math.floor(begins - now)}
"""


@dataclass(frozen=True, slots=True)
class DomainRate:
    """Domains that share one limit: they are one provider."""

    domains: tuple[str, ...]
    per_minute: int

    @property
    def name(self) -> str:
        return self.domains[0]

    @property
    def chunk(self) -> int:
        """How many wait together, and go together."""
        return max(1, int(self.per_minute / 60 * _DEPTH))


@dataclass(frozen=True, slots=True)
class Place:
    """Ids that wait for their domain, and until when."""

    ids: Sequence[int]
    until: datetime.datetime


def parse_rates(stored: Any) -> tuple[DomainRate, ...]:
    """Read the setting; raises ``ValueError`` with a sentence."""
    rates: list[DomainRate] = []
    if not isinstance(stored, list) or len(stored) > LINES:
        raise ValueError(_("At most %(most)s lines of domains.") % {"most": LINES})
    seen: set[str] = set()
    for one in stored:
        domains = tuple(str(name).strip().lower() for name in one.get("Domains") or ()) if isinstance(one, Mapping) else ()
        count = one.get("PerMinute") if domains else None
        for name in domains:
            if not _DOMAIN.match(name):
                raise ValueError(_("“%(name)s” is not a domain.") % {"name": name[:60]})
            if name in seen:
                raise ValueError(_("%(name)s stands in two places.") % {"name": name})
            seen.add(name)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= FASTEST:
            raise ValueError(_("A domain's limit is a number of messages a minute, from 1 on: naver.com = 600"))
        rates.append(DomainRate(domains=domains, per_minute=count))
    return tuple(rates)


def by_domain(rates: Iterable[DomainRate]) -> dict[str, DomainRate]:
    return {domain: rate for rate in rates for domain in rate.domains}


def take(
    *, project_id: int, rate: DomainRate, ids: Sequence[int], waited: bool, now: datetime.datetime, at: float | None = None
) -> tuple[list[int], list[Place]]:
    """Those of ``ids`` who may be sent to now, and the others' places. Raises ``RedisError``.

    ``waited``: they come from the line, so they need not go behind it. ``at``: a time in seconds instead of the server's.
    """
    per_ms = rate.per_minute / 60_000
    given: list[str | float] = [repr(per_ms), float(rate.chunk), len(ids), int(waited), "" if at is None else repr(at * 1000)]
    granted, begins = (int(one) for one in redis.run_script(_TAKE, keys=[f"pabal:domain:{project_id}:{rate.name}"], args=given))
    places = []
    for start in range(granted, len(ids), rate.chunk):
        some = ids[start : start + rate.chunk]
        wait = begins + (start - granted + len(some)) / per_ms  # when the last of them has its token
        places.append(Place(some, now + datetime.timedelta(milliseconds=wait)))
    return list(ids[:granted]), places
