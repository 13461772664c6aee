"""Where hits wait until they are written: a Redis stream, or a synced spool file when Redis is away.

A hit's event id and time are made here. A write to Redis that timed out may have arrived all the same; the hit is then spooled
as well, and counts once, because both carry the same id.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from analytics.events import EventRow
from analytics.hits.classify import hit_class
from analytics.links import SignedHit
from analytics.models import EventKind, SourceKind

STREAM = "pabal:hits"
_TEXT_LIMIT = 300  # characters of a user agent that are kept
_REDIS_SECONDS = 0.1  # a redirect waits no longer for Redis
_PAUSE_SECONDS = 2.0  # after a failure Redis is left alone for so long, so that an outage costs one wait, not one each

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_clients: dict[str, redis.Redis] = {}
_closed_until = 0.0


def put_hit(*, kind: EventKind, token: SignedHit, now: datetime.datetime, user_agent: str, ip: str, method: str = "GET") -> None:
    """Keep a hit for the event table. Returns when it is safe: acknowledged by Redis or synced to the spool.

    Raises ``OSError`` when both Redis and the disk refuse it.
    """
    put_hit_line(encode(kind=kind, token=token, now=now, user_agent=user_agent, ip=ip, method=method))


def encode(*, kind: EventKind, token: SignedHit, now: datetime.datetime, user_agent: str, ip: str, method: str) -> str:
    """The hit as one line of JSON."""
    data: dict[str, Any] = {"ua": user_agent[:_TEXT_LIMIT], "ip": ip[:45]}
    if token.target:
        data["link"] = token.target[:2000]
    context = token.context
    return json.dumps(
        {
            "id": str(uuid.uuid4()),
            "at": now.isoformat(),
            "kind": int(kind),
            "class": int(hit_class(method=method, user_agent=user_agent)) if kind != EventKind.EMAIL_UNSUBSCRIBE else 1,
            "project": context.project_id,
            "campaign": context.campaign_id,
            "run": context.run_id,
            "treatment": context.treatment,
            "endpoint": token.endpoint_id,
            "link": token.link_number,
            "data": data,
        },
        ensure_ascii=False,
    )


def decode(line: str) -> EventRow:
    """Raises ``ValueError`` or ``KeyError`` for what ``encode`` did not write."""
    hit = json.loads(line)
    return EventRow(
        id=uuid.UUID(hit["id"]),
        occurred_at=datetime.datetime.fromisoformat(hit["at"]),
        project_id=int(hit["project"]),
        endpoint_id=int(hit["endpoint"]),
        kind=EventKind(hit["kind"]),
        hit_class=int(hit["class"]),
        source_kind=SourceKind.CAMPAIGN,
        source_id=int(hit["campaign"]),
        run_id=int(hit["run"]),
        treatment=int(hit["treatment"]),
        link_number=hit["link"],
        data=hit["data"],
    )


def put_hit_line(line: str) -> None:
    global _closed_until
    if time.monotonic() >= _closed_until:
        try:
            _client().xadd(STREAM, {"hit": line})
        except redis.RedisError:
            _closed_until = time.monotonic() + _PAUSE_SECONDS
            _log.warning("Redis does not take hits; they go to the spool")
        else:
            return
    _spool(line)


def spool_folder() -> Path:
    return Path(settings.VAR_DIR) / "spool" / "hits"


def _client() -> redis.Redis:
    with _lock:
        client = _clients.get(settings.REDIS_URL)
        if client is None:
            client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=_REDIS_SECONDS,
                socket_connect_timeout=_REDIS_SECONDS,
                retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            )
            _clients[settings.REDIS_URL] = client
        return client


def _spool(line: str) -> None:
    """One file a hit, complete before it gets its name: a reader never sees half of one, and no lock is needed."""
    folder = spool_folder()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns()}-{os.getpid()}-{threading.get_ident()}"
    unfinished = folder / f".{name}"
    with unfinished.open("w", encoding="utf-8") as out:
        out.write(line + "\n")
        out.flush()
        os.fsync(out.fileno())
    unfinished.rename(folder / f"{name}.jsonl")
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
