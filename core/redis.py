"""The shared Redis connection pool (``REDIS_URL``)."""

from __future__ import annotations

import functools

import redis
from django.conf import settings


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30)


def client() -> redis.Redis:
    """A client on the shared pool; answers are ``bytes``."""
    return _client(settings.REDIS_URL)
