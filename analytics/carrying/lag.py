"""How far a stream is behind."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.db import connection

LIMIT = 100_000  # nobody needs to know more exactly how many are too many
_WAITING = """
    SELECT count(*), min(occurred_at) FROM (
        SELECT occurred_at FROM analytics_event WHERE project_id = %s AND position > %s LIMIT %s
    ) AS waiting
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """``events`` that wait, at most ``LIMIT``; the oldest of these happened ``seconds`` ago, at ``oldest_at``."""

    events: int
    seconds: int
    oldest_at: datetime.datetime | None

    @property
    def is_long(self) -> bool:
        """Whether nobody counts it in seconds any more."""
        return self.seconds >= 120

    @property
    def is_more(self) -> bool:
        return self.events == LIMIT


def lag(*, project_id: int, position: int, now: datetime.datetime) -> Lag:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [project_id, position, LIMIT])
        events, oldest = cursor.fetchone()
    return Lag(events, max(int((now - oldest).total_seconds()), 0) if oldest is not None else 0, oldest)
