"""Where hits, and the events of apps and web pages, wait until they are written: a Redis stream, or a synced spool file when Redis is away.

A hit's event id and time are made here, so one that is in the stream and in the spool counts once.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Sequence
from typing import Any

import orjson

from analytics.events import EventRow
from analytics.hits.classify import hit_class
from analytics.hits.clients import client_of
from analytics.hits.waiting import Waiting
from analytics.links import SignedHit
from analytics.models import FIRST_CUSTOM_KIND, EventKind, HitClass, SourceKind

STREAM = "pabal:hits"
HITS = Waiting(stream=STREAM, folder="hits")
_TEXT_LIMIT = 300  # characters of a user agent that are kept

_DIGITS = re.compile(r"[0-9a-f]{32}").fullmatch
_KINDS = {int(kind): kind for kind in EventKind}


def put_hit(*, kind: EventKind, token: SignedHit, now: datetime.datetime, user_agent: str, ip: str, method: str = "GET") -> None:
    """Keep a hit for the event table. Returns when it is safe: acknowledged by Redis or synced to the spool.

    Raises ``OSError`` when both Redis and the disk refuse it.
    """
    put_events([hit_event(kind=kind, token=token, now=now, user_agent=user_agent, ip=ip, method=method)])


def hit_event(*, kind: EventKind, token: SignedHit, now: datetime.datetime, user_agent: str, ip: str, method: str) -> EventRow:
    """The event that a hit is."""
    data: dict[str, Any] = {"ua": user_agent[:_TEXT_LIMIT], "ip": ip[:45]}
    if token.target:
        data["link"] = token.target[:2000]
    context = token.context
    of_campaign = context.campaign_id > 0  # 0: a message that was sent directly
    is_person = kind == EventKind.EMAIL_UNSUBSCRIBE  # that takes a button, or a mail program that was told to
    return EventRow(
        id=uuid.uuid4(), occurred_at=now, project_id=context.project_id, endpoint_id=token.endpoint_id, kind=kind,
        hit_class=HitClass.PERSON if is_person else hit_class(method=method, user_agent=user_agent),
        source_kind=SourceKind.CAMPAIGN if of_campaign else SourceKind.DIRECT, source_id=context.campaign_id if of_campaign else None,
        run_id=context.run_id if of_campaign else None, treatment=context.treatment,
        link_number=token.link_number, data=data, domain=token.domain, client=client_of(user_agent),
    )  # fmt: skip


def encode(event: EventRow) -> bytes:
    """An event as one line of JSON."""
    return orjson.dumps(
        {
            "id": event.digits, "at": event.occurred_at, "project": event.project_id, "endpoint": event.endpoint_id,
            "kind": int(event.kind), "class": int(event.hit_class), "source": int(event.source_kind), "campaign": event.source_id,
            "run": event.run_id, "treatment": event.treatment, "link": event.link_number, "data": event.data,
            "domain": event.domain, "client": event.client,
        }
    )  # fmt: skip


def decode(line: bytes) -> EventRow:
    """Raises ``ValueError``, ``KeyError`` or ``TypeError`` for what ``encode`` did not write.

    ``source``, ``domain`` and ``client`` are younger than the rest.
    """
    hit = orjson.loads(line)
    link, campaign, run = hit["link"], hit["campaign"], hit["run"]
    kind, digits = int(hit["kind"]), hit["id"]
    if not _DIGITS(digits):  # as it was written before
        digits = uuid.UUID(digits).hex
    return EventRow(
        id=digits,
        occurred_at=datetime.datetime.fromisoformat(hit["at"]),
        project_id=int(hit["project"]),
        endpoint_id=int(hit["endpoint"]),
        kind=_KINDS[kind] if kind < FIRST_CUSTOM_KIND else kind,
        hit_class=int(hit["class"]),
        source_kind=int(hit.get("source", SourceKind.CAMPAIGN)),
        source_id=None if campaign is None else int(campaign),
        run_id=None if run is None else int(run),
        treatment=int(hit["treatment"]),
        link_number=None if link is None else int(link),
        data=hit["data"],
        domain=hit.get("domain"),
        client=hit.get("client"),
    )


def put_events(events: Sequence[EventRow]) -> None:
    """Keep events for the event table, all or, when the machine dies in between, some of them; each counts once however often it is put.

    Returns when they are safe: acknowledged by Redis or synced to the spool. Raises ``OSError`` when both refuse them.
    """
    HITS.put([encode(event) for event in events])
