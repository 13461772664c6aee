"""What becomes of messages, as others tell it, written: events, opt-outs of who complained, the suppression lists."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from analytics import queries as analytics_queries
from analytics.events import EventRow
from analytics.models import EventKind
from analytics.services.record import record_events
from endpoints.models import OptOut, OptOutEntry
from endpoints.services.opt_out import set_opt_out
from messaging.outcomes import Report
from messaging.outcomes.matching import Matched, match
from messaging.services import opt_out_journal, suppressions

_ADVISORY_LOCK = 0x7061_6263  # one writer of outcomes at a time: each sees what the others have written
_NAMES = uuid.UUID("5a1f7a0e-6f0f-5d52-9a8c-3a54b4f0a1c4")  # what the ids of outcomes are made under
_OLDEST, _AHEAD = datetime.timedelta(days=60), datetime.timedelta(hours=1)  # other times are a clock's fault, or a joke


@dataclass(frozen=True, slots=True)
class Taken:
    """Reports by what became of them."""

    written: int = 0
    repeated: int = 0  # known already
    unmatched: int = 0  # of a message that nobody knows


def take(*, reports: Sequence[Report], project_id: int | None, source: str, now: datetime.datetime) -> Taken:
    """Write what reports say, in the transaction that moves the caller's cursor. ``project_id``: messages of others are nobody's (None: of
    any project). ``source`` is one of ``Suppression.Source``.

    A message bounces, is delivered or complained about once: what is told again counts once, under whatever name.
    """
    if not reports:
        return Taken()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
    matched = [one for one in match(reports=reports, project_id=project_id) if one is not None]
    new = _new(matched)
    for one in sorted(new, key=lambda one: one.endpoint_id):  # the order in which endpoints are locked
        if one.report.event_kind == EventKind.EMAIL_COMPLAINT:
            _opt_out(one, now)
    for owner in sorted({one.run.project_id for one in new}):
        mine = [one for one in new if one.run.project_id == owner]
        suppressions.take_outcomes(
            project_id=owner, source=source, now=now,
            bounced=[one.address for one in mine if one.report.event_kind == EventKind.EMAIL_HARDBOUNCE],
            complained=[one.address for one in mine if one.report.event_kind == EventKind.EMAIL_COMPLAINT],
        )  # fmt: skip
    domains = analytics_queries.sent_domains(**_of(new)) if new else {}
    events = [_event(one, source, now, domains.get((one.run.run_id, one.endpoint_id))) for one in new]
    written = record_events(events=events, may_repeat=True)
    return Taken(written=written, repeated=len(matched) - written, unmatched=len(reports) - len(matched))


def _new(matched: Sequence[Matched]) -> list[Matched]:
    """Those that no event tells yet."""
    known = analytics_queries.known_outcomes(**_of(matched))
    found = []
    for one in matched:
        message, kind = (one.run.run_id, one.endpoint_id), one.report.event_kind
        is_known = (*message, kind) in known
        if kind == EventKind.EMAIL_SOFTBOUNCE:  # says less than a bounce for good
            is_known = is_known or (*message, EventKind.EMAIL_HARDBOUNCE) in known
        if not is_known:
            known.add((*message, kind))
            found.append(one)
    return found


def _of(matched: Sequence[Matched]) -> dict[str, set[int]]:
    """Which messages are meant, for a query."""
    return {
        "project_ids": {one.run.project_id for one in matched}, "run_ids": {one.run.run_id for one in matched},
        "endpoint_ids": {one.endpoint_id for one in matched},
    }  # fmt: skip


def _opt_out(one: Matched, now: datetime.datetime) -> None:
    """Who reports mail as spam has said it as plainly as by the link. A restored backup learns of it by the journal."""
    order = {
        "project": one.run.project_id, "endpoint": one.endpoint_id, "opt_out": OptOut.ALL.value,
        "source": OptOutEntry.Source.COMPLAINT.value, "campaign": one.run.source_id, "run": one.run.run_id, "at": now.isoformat(),
    }  # fmt: skip
    opt_out_journal.keep(order)
    set_opt_out(
        project_id=one.run.project_id, endpoint_id=one.endpoint_id, opt_out=OptOut.ALL, source=OptOutEntry.Source.COMPLAINT,
        now=now, campaign_id=one.run.source_id, run_id=one.run.run_id,
    )  # fmt: skip


def _event(one: Matched, source: str, now: datetime.datetime, domain: int | None) -> EventRow:
    report, run = one.report, one.run
    at = report.at
    name = f"{source} {report.notice_id} {report.kind} {run.run_id} {one.endpoint_id}"
    return EventRow(
        id=uuid.uuid5(_NAMES, name),
        occurred_at=at if at is not None and now - _OLDEST < at < now + _AHEAD else now,
        project_id=run.project_id,
        endpoint_id=one.endpoint_id,
        kind=report.event_kind,
        source_kind=run.source_kind,
        source_id=run.source_id,
        run_id=run.run_id,
        treatment=run.treatment,
        data=report.event_data() | {"via": str(source)},
        domain=domain,
    )
