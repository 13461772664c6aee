"""The one place that reads the clock. Only interfaces (views, tasks, commands) call it; all else is told the time."""

from __future__ import annotations

import datetime

UTC = datetime.UTC


def now() -> datetime.datetime:
    """The current instant, aware, in UTC."""
    return datetime.datetime.now(tz=UTC)
