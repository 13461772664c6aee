"""Workers that wait for a campaign's rate give way to other work, and come back by one message at the end of the queue.

Without the mark the ticks' messages for the same run would each leave another one behind, and the queue would only grow. It lives
a few seconds: when the message is lost with its worker, the next tick's goes on.
"""

from __future__ import annotations

import contextlib

import redis
from django.conf import settings

from core.redis import client

_QUEUE = "sends"
_SECONDS = 5


def leave(*, run_id: int) -> bool:
    """Mark that a message for the run's next turn is on its way; False: there is one already."""
    with contextlib.suppress(redis.RedisError):
        return bool(client().set(_key(run_id), 1, nx=True, ex=_SECONDS))
    return False  # the broker is away as well: a tick goes on


def begin(*, run_id: int) -> None:
    with contextlib.suppress(redis.RedisError):
        client().delete(_key(run_id))


def is_awaited(*, run_id: int) -> bool:
    """Whether the run's next turn is on its way, so that this message is one too many."""
    with contextlib.suppress(redis.RedisError):
        return bool(client().exists(_key(run_id)))
    return False


def others_wait() -> bool:
    """Whether messages wait for a worker that sends. Yes, where that can't be known: giving way costs little."""
    if not settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://", "unix://")):
        return True
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=2, socket_timeout=5)
    with contextlib.suppress(redis.RedisError), broker:
        return bool(broker.llen(_QUEUE))
    return True


def _key(run_id: int) -> str:
    return f"pabal:turn:{run_id}"
