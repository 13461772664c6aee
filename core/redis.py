"""The shared Redis connection pool (``REDIS_URL``)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import redis
from django.conf import settings


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5, health_check_interval=30)


def client() -> redis.Redis:
    """A client on the shared pool; answers are ``bytes``."""
    return _client(settings.REDIS_URL)


def quick_client() -> redis.Redis:
    """A client for what is better left than waited for."""
    return _quick_client(settings.REDIS_URL)


@functools.cache
def _quick_client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=0.1, socket_timeout=0.2)


@functools.cache
def _script(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def run_script(text: str, *, keys: Sequence[str], args: Sequence[str | float]) -> Any:
    """Run a Lua script by its hash; it is sent once to a server that does not know it. Raises ``RedisError``."""
    try:
        return client().evalsha(_script(text), len(keys), *keys, *args)
    except redis.exceptions.NoScriptError:
        return client().eval(text, len(keys), *keys, *args)
