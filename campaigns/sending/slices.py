"""The rows of the send protocol. Every UPDATE of a slice states the epoch: a worker that lost its lease moves nothing."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from analytics.events import EventBlock, EventRow
from analytics.models import Detail
from analytics.services.details import Found
from analytics.services.details import add as add_details
from analytics.services.record import record_events
from campaigns.limits import Hold
from campaigns.models import HoldReason, Run, Slice, SliceOutcome
from core.audience import Audience
from core.sql import Together, execute_again
from projects.place import PLACE

BACK_OFF = tuple(datetime.timedelta(seconds=s) for s in (60, 300, 900, 3600, 4 * 3600))  # before the 2nd … 6th attempt

# A database that has just come back gives the workers that kept their outcomes some seconds to come back, too: their leases are over,
# and whoever took them over would call UNKNOWN what they know. (After a crash a checkpoint is what it begins with.)
# In a database that was restored nothing can be claimed before that is noticed (services.restoring).
_CLAIM = f"""
    WITH server AS (
         SELECT greatest(pg_postmaster_start_time(), checkpoint_time) > clock_timestamp() - make_interval(secs => %(come_back)s)
                    AS has_just_come_back
           FROM pg_control_checkpoint())
    UPDATE campaigns_slice SET epoch = epoch + 1, lease_owner = %(owner)s, lease_until = %(until)s
     WHERE id = (
           SELECT id FROM campaigns_slice
            WHERE run_id = %(run)s AND state = 'OPEN'
              AND (lease_until IS NULL OR lease_until < %(now)s AND NOT (SELECT has_just_come_back FROM server))
              AND (not_before IS NULL OR not_before <= %(now)s OR %(is_over)s)
              AND EXISTS (SELECT 1 FROM projects_installation WHERE place = {PLACE})
            ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, epoch, attempt, ids, intent_cursor, done_cursor, hold_reason
"""
# A slice that waits for the same thing, and that no worker has begun or holds: more may join it.
_WAITING = """
    SELECT id FROM campaigns_slice
     WHERE run_id = %(run)s AND state = 'OPEN' AND attempt = %(attempt)s AND hold_reason = %(reason)s AND hold_note = %(note)s
       AND not_before BETWEEN %(from)s AND %(until)s AND not_before > %(now)s AND size + %(count)s <= %(largest)s
       AND intent_cursor = 0 AND lease_until IS NULL
     ORDER BY number DESC LIMIT 1 FOR UPDATE SKIP LOCKED
"""
# The kill switches are read where the intent is committed: a paused or deleted campaign sends not one small batch more.
_INTEND = """
    UPDATE campaigns_slice s SET intent_cursor = %(end)s, lease_until = %(until)s
      FROM campaigns_run r JOIN campaigns_campaign c ON c.id = r.campaign_id
     WHERE s.id = %(slice)s AND s.epoch = %(epoch)s AND s.done_cursor = %(start)s AND s.intent_cursor = %(start)s
       AND r.id = s.run_id AND r.state = 'RUNNING' AND (r.expires_at IS NULL OR r.expires_at > %(now)s)
       AND c.state IN ('EXECUTING', 'PENDING_NEXT_RUN')
       AND NOT EXISTS (SELECT 1 FROM projects_installation WHERE sending_paused_at IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM projects_project p WHERE p.id = r.project_id AND p.deleted_at IS NOT NULL)
"""
_DONE = """
    UPDATE campaigns_slice SET done_cursor = %s, state = %s, lease_until = %s
     WHERE id = %s AND epoch = %s AND done_cursor = %s AND intent_cursor >= %s
"""
# Whoever holds the slice knows what was written of it before.
_OUTCOME = """
    INSERT INTO campaigns_sliceoutcome AS o (slice_id, run_id, outcome, members, total) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (slice_id, outcome) DO UPDATE SET members = excluded.members, total = excluded.total
"""
_REFUSAL = """
    INSERT INTO campaigns_slicerefusal AS r (slice_id, run_id, refusal, total) VALUES (%s, %s, %s, %s)
    ON CONFLICT (slice_id, refusal) DO UPDATE SET total = r.total + excluded.total
"""


class LeaseLost(Exception):
    """Another worker has the slice; this one must write nothing more of it."""


@dataclass(slots=True)
class HeldSlice:
    """A slice that this worker holds: its ids in ascending order, the cursors, and the outcomes that are written."""

    id: int
    run_id: int
    epoch: int
    attempt: int
    ids: list[int]
    intent: int
    done: int
    outcomes: dict[str, Audience] = field(default_factory=dict)
    hold_reason: str = ""  # what the slice waited for last


def lease_until(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(seconds=settings.SEND_LEASE_SECONDS)


def claim(*, run_id: int, owner: str, now: datetime.datetime, is_over: bool = False) -> HeldSlice | None:
    """Take the next free slice of a run under a new epoch, or None. ``is_over``: those that still wait, too."""
    given: dict[str, Any] = {
        "owner": owner, "until": lease_until(now), "run": run_id, "now": now, "is_over": is_over,
        "come_back": settings.SEND_COME_BACK_SECONDS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, given)
        row = cursor.fetchone()
    if row is None:
        return None
    slice_id, epoch, attempt, ids, intent, done, hold_reason = row
    return HeldSlice(
        id=slice_id, run_id=run_id, epoch=epoch, attempt=attempt, ids=list(Audience.from_bytes(ids)), intent=intent, done=done,
        outcomes=_written(slice_id) if done else {}, hold_reason=hold_reason,
    )  # fmt: skip


def intend(*, held: HeldSlice, end: int, now: datetime.datetime, reserve: Callable[[], None] | None = None) -> bool:
    """Commit the intent to attempt the ids up to ``end``; False when the run was paused, cancelled or is out of time, or the lease
    is lost. ``reserve`` is done in the same transaction; what it raises undoes the intent.
    """  # fmt: skip
    given: dict[str, Any] = {
        "end": end, "until": lease_until(now), "slice": held.id, "epoch": held.epoch, "start": held.done, "now": now,
    }  # fmt: skip
    with transaction.atomic() if reserve else contextlib.nullcontext():
        with connection.cursor() as cursor:
            execute_again(cursor, _INTEND, given, rows=1)
            if cursor.rowcount != 1:
                return False
        if reserve:
            reserve()
    held.intent = end
    return True


def take_back(
    *, held: HeldSlice, not_before: datetime.datetime, reason: HoldReason, settle: Callable[[], None] | None = None
) -> None:
    """Undo an intent of which nothing was begun (no server could be reached), and give the slice back for later."""
    with transaction.atomic():
        mine = Slice.objects.filter(pk=held.id, epoch=held.epoch, done_cursor=held.done)
        is_mine = mine.update(
            intent_cursor=held.done, lease_until=None, lease_owner="", not_before=not_before, hold_reason=reason, hold_note=""
        )
        if is_mine and settle:
            settle()


def take_up(*, held: HeldSlice, now: datetime.datetime) -> None:
    """Go on after the database was away: renew the lease, and read what was committed. Raises ``LeaseLost``."""
    with transaction.atomic():
        mine = Slice.objects.filter(pk=held.id, epoch=held.epoch, done_cursor=held.done, lease_until__isnull=False)
        if not mine.update(lease_until=lease_until(now)):
            raise LeaseLost
        held.intent = mine.values_list("intent_cursor", flat=True).get()


def release(*, held: HeldSlice, not_before: datetime.datetime | None = None, reason: str = "") -> None:
    """Give a slice back as it stands; with ``not_before`` for later."""
    later = {"not_before": not_before, "hold_reason": reason, "hold_note": ""} if not_before else {}
    Slice.objects.filter(pk=held.id, epoch=held.epoch).update(lease_until=None, lease_owner="", **later)


def finish(
    *,
    held: HeldSlice,
    end: int,
    outcomes: Mapping[str, Sequence[int]],
    deferred: Sequence[int],
    events: Sequence[EventRow],
    blocks: Sequence[EventBlock] = (),
    refusals: Mapping[str, int] | None = None,
    deferred_by_domain: Found | None = None,
    now: datetime.datetime,
    holds: Sequence[Hold] = (),
    settle: Callable[[], None] | None = None,
) -> None:
    """Move ``done`` to ``end`` with everything that follows from it, in one transaction. Raises ``LeaseLost``.

    ``outcomes``, ``deferred`` and ``holds`` together are the ids between done and end. Deferred ones move to a retry slice, held
    ones to slices that wait and are no further attempt. ``settle`` gives back what was reserved and not used.
    ``refusals``: how many of the outcomes are refusals for a reason of each kind. ``deferred_by_domain``: is counted.
    """
    state = Slice.State.DONE if end == len(held.ids) else Slice.State.OPEN
    given = [end, state, lease_until(now), held.id, held.epoch, held.done, end]
    grown = {outcome: held.outcomes.get(outcome, Audience()) | Audience(ids) for outcome, ids in sorted(outcomes.items()) if ids}
    with transaction.atomic():
        if deferred or holds:  # before the slice: that is the order of locks; retry slices get their numbers one at a time
            Run.objects.select_for_update(no_key=True).get(pk=held.run_id)
        with connection.cursor() as cursor:
            execute_again(cursor, _DONE, given, rows=1)
            if cursor.rowcount != 1:
                raise LeaseLost
        together = Together()
        for outcome, members in grown.items():
            together.execute_again(_OUTCOME, [held.id, held.run_id, outcome, bytes(members), len(members)], rows=1)
        for refusal, total in sorted((refusals or {}).items()):
            together.execute_again(_REFUSAL, [held.id, held.run_id, refusal, total], rows=1)
        if deferred:
            until = now + BACK_OFF[held.attempt]
            _defer(held, [Hold(deferred, until, HoldReason.RETRY)], now, attempt=held.attempt + 1)
        if holds:
            _defer(held, holds, now, attempt=held.attempt)
        if settle:
            settle()
        record_events(events=events, blocks=blocks, together=together)
        add_details(together, Detail.DOMAIN, deferred_by_domain or {})  # after the counters: that is the order of locks
        together.send()
    held.outcomes |= grown
    held.done = end


def _defer(held: HeldSlice, holds: Sequence[Hold], now: datetime.datetime, *, attempt: int) -> None:
    number = Slice.objects.filter(run_id=held.run_id).aggregate(highest=Max("number"))["highest"]
    for hold in holds:
        if _join(held, hold, now, attempt):
            continue
        number += 1
        Slice.objects.create(
            run_id=held.run_id, number=number, attempt=attempt, ids=Audience(hold.ids), size=len(hold.ids),
            not_before=hold.until, hold_reason=hold.reason, hold_note=hold.note,
        )  # fmt: skip


def _join(held: HeldSlice, hold: Hold, now: datetime.datetime, attempt: int) -> bool:
    """Let ids wait in a slice that is there already: a quiet night must not leave thousands of small ones."""
    given: dict[str, Any] = {
        "run": held.run_id, "attempt": attempt, "reason": hold.reason, "note": hold.note, "from": hold.until - hold.leeway,
        "until": hold.until, "now": now, "count": len(hold.ids), "largest": hold.largest,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, given)
        row = cursor.fetchone()
    if row is None:
        return False
    waiting = Slice.objects.get(pk=row[0])
    ids = waiting.ids | Audience(hold.ids)
    Slice.objects.filter(pk=waiting.pk).update(ids=ids, size=len(ids))
    return True


def is_finished(*, held: HeldSlice, end: int) -> bool:
    """After a ``finish`` whose answer was lost: whether it was done, and ``held`` goes on from there, or must be tried again.

    Raises ``LeaseLost``.
    """
    row = Slice.objects.filter(pk=held.id).values_list("epoch", "done_cursor").first()
    if row is None or row[0] != held.epoch:
        raise LeaseLost
    if row[1] < end:
        return False
    held.outcomes, held.done = _written(held.id), end
    return True


def _written(slice_id: int) -> dict[str, Audience]:
    """The outcomes so far, which whoever writes the next ones must know."""
    return {one.outcome: one.members for one in SliceOutcome.objects.filter(slice_id=slice_id)}
