"""When events happened, where the client's clock is not believed.

The time is a part of what tells an event from others, so one that is sent again must get the same: for events whose own time was not
believed the first arrival is remembered in Redis for a week. While Redis is away, such an event that is sent again counts again.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis

from core.redis import client

_OLDEST = datetime.timedelta(days=30)
_KEPT_SECONDS = 7 * 24 * 3600  # no client tries for longer
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """When an event happened as its client says, and when it came."""

    said: datetime.datetime
    came: datetime.datetime

    @property
    def is_believed(self) -> bool:
        """A month back or in the future is a wrong clock."""
        return self.came - _OLDEST < self.said <= self.came


def instants(told: Mapping[uuid.UUID, Told]) -> dict[uuid.UUID, datetime.datetime]:
    """When each event happened: as its client says, or when it came first.

    A clock that is ahead is believed when the event is sent again later, so Redis is asked about all of them.
    """
    found = {event_id: one.said if one.is_believed else one.came for event_id, one in told.items()}
    if not told:
        return found
    try:
        names = [_name(event_id) for event_id in told]
        known = dict(zip(told, cast("list[bytes | None]", client().mget(names)), strict=True))
        new = {event_id: one for event_id, one in told.items() if not one.is_believed and known[event_id] is None}
        known |= dict(zip(new, _remembered(new), strict=True))
    except redis.RedisError:
        _log.warning("Redis does not tell when events came first")
        return found
    return found | {event_id: datetime.datetime.fromisoformat(at.decode()) for event_id, at in known.items() if at is not None}


def _remembered(new: Mapping[uuid.UUID, Told]) -> Sequence[bytes | None]:
    """Of two who come at once the first is remembered, by both."""
    pipeline = client().pipeline(transaction=False)
    for event_id, one in new.items():
        pipeline.set(_name(event_id), one.came.isoformat(), nx=True, ex=_KEPT_SECONDS)
        pipeline.get(_name(event_id))
    return cast("list[bytes | None]", pipeline.execute()[1::2]) if new else []


def _name(event_id: uuid.UUID) -> str:
    return f"pabal:arrived:{event_id.hex}"
