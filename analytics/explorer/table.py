"""Answers from the event table: exact to this moment, for as many events as one may wait for."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg2.errors import QueryCanceled

from analytics import conditions
from analytics.explorer import reading
from analytics.explorer.question import Answer, Cut, Question, QuestionRefused
from analytics.kpis.measures import COUNTED
from analytics.models import SourceKind
from core.audience import Audience
from core.sql import id_set

MOST_EVENTS = 400_000  # that one question reads: about a second
_MILLISECONDS = 10_000
_READ = """
    SELECT occurred_at, endpoint_id, data FROM analytics_event
     WHERE project_id = %(project)s AND kind = %(kind)s AND hit_class = ANY(%(classes)s)
       AND occurred_at >= %(start)s AND occurred_at < %(end)s
"""
_NEWEST = f"{_READ} ORDER BY occurred_at DESC LIMIT %(limit)s"
_EVENT = """
    SELECT floor(extract(epoch FROM read.occurred_at AT TIME ZONE %(zone)s) / %(seconds)s)::bigint AS bucket, {group} AS name,
           read.endpoint_id AS who, {metric} AS metric
      FROM ({read}) AS read {where}
"""
_METRIC = "CASE jsonb_typeof(data->'metrics'->%(metric)s) WHEN 'number' THEN (data->'metrics'->%(metric)s)::float8 END"
_WHERE = f"SELECT min(occurred_at), count(*) FROM ({_NEWEST}) AS read"
_OF_SPANS = """
    SELECT DISTINCT read.endpoint_id FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS span (first, next)
     CROSS JOIN LATERAL (
           SELECT endpoint_id, data, source_kind, source_id FROM analytics_event
            WHERE project_id = %(project)s AND kind = ANY(%(kinds)s) AND hit_class = ANY(%(classes)s)
              AND occurred_at >= span.first AND occurred_at < span.next) AS read
"""


def answer(question: Question) -> Answer:
    """From all events of the range. Raises ``QuestionRefused`` when it takes too long."""
    with _limited() as cursor:
        groups, total = _groups(cursor, question, _READ, known_from=0, given={})
    return Answer(groups, total)


def newest(question: Question, *, events: int) -> Answer:
    """From the newest of the ``events`` alone; says so. Raises ``QuestionRefused``."""
    given = {"limit": MOST_EVENTS}
    with _limited() as cursor:
        cursor.execute(_WHERE, _params(question) | given)
        since, read = cursor.fetchone()
        known_from = question.buckets.place_of(since) if since is not None else 0
        groups, total = _groups(cursor, question, _NEWEST, known_from=known_from, given=given)
    cut = Cut(since, events, read) if since is not None and read >= MOST_EVENTS else None
    return Answer(groups, total, cut)


def people(
    *,
    project_id: int,
    kinds: Sequence[int],
    spans: Sequence[tuple[datetime.datetime, datetime.datetime]],
    attributes: conditions.Attributes = (),
    metrics: conditions.Metrics = (),
    without: str = "",
    campaign_id: int | None = None,
) -> Audience:
    """The endpoints with an event of these kinds in one of the spans (their ends not counted). ``without``: an attribute that it lacks.
    ``campaign_id``: the campaign that it came from, 0: none.

    Reads the events of the spans. Raises ``QuestionRefused`` when that takes too long.
    """
    held, params = conditions.holding(attributes, metrics)
    if without:
        held.append("coalesce(data->'attributes'->>%(without)s, '') = ''")
        params["without"] = without
    if campaign_id is not None:
        held.append("CASE source_kind WHEN %(campaigns)s THEN coalesce(source_id, 0) ELSE 0 END = %(campaign)s")
        params |= {"campaigns": int(SourceKind.CAMPAIGN), "campaign": campaign_id}
    params |= {
        "project": project_id, "kinds": [int(kind) for kind in kinds], "classes": _CLASSES, "starts": [start for start, _end in spans],
        "ends": [end for _start, end in spans],
    }  # fmt: skip
    where = f" WHERE {' AND '.join(held)}" if held else ""
    with _limited(_MILLISECONDS * 2):
        return id_set(_OF_SPANS + where, params)


_CLASSES = [int(one) for one in COUNTED]


def _groups(cursor: Any, question: Question, read: str, *, known_from: int, given: dict[str, Any]) -> Any:
    held, params = conditions.holding(question.attributes, question.metrics)
    event = _EVENT.format(
        read=read, where=f"WHERE {' AND '.join(held)}" if held else "",
        group="coalesce(data->'attributes'->>%(group)s, '')" if question.group else "''::text",
        metric=_METRIC if question.measure.is_of_metric else "NULL::float8",
    )  # fmt: skip
    cursor.execute(reading.query(question, event=event), _params(question) | params | given)
    return reading.groups(question, cursor.fetchall(), known_from=known_from)


def _params(question: Question) -> dict[str, Any]:
    buckets = question.buckets
    return {
        "project": question.project_id, "kind": question.kind, "classes": _CLASSES, "start": buckets.start, "end": buckets.end,
        "zone": buckets.days.zone.key, "seconds": buckets.grain.seconds, "group": question.group, "metric": question.metric,
    }  # fmt: skip


@contextlib.contextmanager
def _limited(milliseconds: int = _MILLISECONDS) -> Iterator[Any]:
    """A transaction whose statements are given up after a time."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [milliseconds])
            yield cursor
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")  # where it is part of another transaction
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise QuestionRefused(_("There are too many events in this range. Ask about fewer days.")) from None
