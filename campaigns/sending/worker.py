"""A worker on a run: slice by slice, small batch by small batch."""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef, Q

from analytics.links import LinkContext, run_links
from campaigns import limits, treatments
from campaigns.hooks.filtering import filter_of
from campaigns.models import CampaignState, HoldReason, Outcome, Run, RunState, Slice
from campaigns.sending import breaker, mail_domains, slices
from campaigns.sending.completion import complete_run
from campaigns.sending.outlet import message_of, transport_of
from campaigns.sending.results import Results
from core.calling import Stopped
from core.sql import is_away
from endpoints.queries import EndpointRow, endpoint_rows
from messaging import suppression
from messaging.delivery import OutgoingMessage, Transport, TransportBusy, TransportDown
from messaging.models import Suppression
from messaging.services import suppressions

SMALL_BATCH = 200  # the most that can end as UNKNOWN when a worker dies
FIRST_BATCH = 50  # before the server's pace is known
_SMALLEST_BATCH = 10  # two commits for fewer would cost more than the messages
_BATCH_SECONDS = 0.1  # what a small batch should take: a slow server must not leave two hundred UNKNOWN
_SLOW_SECONDS = 5.0  # a small batch that takes longer is sent by one worker at a time
_RETRY_SECONDS = 1.0  # between attempts to commit while the database is away

_log = logging.getLogger(__name__)
Clock = Callable[[], datetime.datetime]


def send_run(
    *,
    run_id: int,
    owner: str,
    clock: Clock,
    transport: Transport | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    while_waiting: Callable[[float], None] = limits.nap,
) -> None:
    """Work on a run until it has no free slice, then complete it if nothing is open. Any number of workers may do so at once.

    ``while_waiting`` is called, with seconds, when the run's rate allows nothing for so long.
    """
    run = Run.objects.select_related("campaign", "project").get(pk=run_id)
    if run.state not in (RunState.RUNNING, RunState.CANCELLED) or _is_resting(run, clock()):
        return
    document = treatments.definition(run.campaign.document, run.treatment)
    gate = limits.Gate(run=run, document=document, should_stop=should_stop, while_waiting=while_waiting)
    worker = _Worker(run, clock, transport or transport_of(run), should_stop, gate)
    try:
        while not should_stop():
            if _has_its_worker(run, clock()):
                return
            held = slices.claim(run_id=run_id, owner=owner, now=clock(), is_over=worker.is_over())
            if held is None:
                complete_run(run_id=run_id, now=clock())
                return
            with _heartbeat(held, clock), contextlib.suppress(slices.LeaseLost):
                if not worker.work(held):
                    return
            gate.refresh()
    finally:
        if transport is None:
            worker.transport.close()


def runs_with_work(*, now: datetime.datetime) -> list[int]:
    """Runs that a worker could go on with, or that only need to be completed."""
    runs = Run.objects.filter(
        Q(state=RunState.RUNNING, campaign__state__in=[CampaignState.EXECUTING, CampaignState.PENDING_NEXT_RUN])
        & (Q(not_before=None) | Q(not_before__lte=now))
        | Q(state=RunState.CANCELLED),
        completed_at=None,
    )
    is_over = Q(run__state=RunState.CANCELLED) | Q(run__expires_at__lte=now)
    free = Slice.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now),
        Q(not_before=None) | Q(not_before__lte=now) | is_over,
        run=OuterRef("pk"), state=Slice.State.OPEN,
    )  # fmt: skip
    is_open = Slice.objects.filter(run=OuterRef("pk"), state=Slice.State.OPEN)
    return list(runs.filter(Exists(free) | ~Exists(is_open)).order_by("due_at").values_list("pk", flat=True)[:50])


def _is_resting(run: Run, now: datetime.datetime) -> bool:
    return run.state == RunState.RUNNING and run.not_before is not None and run.not_before > now


def _has_its_worker(run: Run, now: datetime.datetime) -> bool:
    """A slow server has one worker at a time: the others are free for other runs."""
    run.refresh_from_db(fields=["is_slow"])
    return run.is_slow and Slice.objects.filter(run=run, state=Slice.State.OPEN, lease_until__gt=now).exists()


def _may_be_suppressed(row: EndpointRow) -> bool:
    """The list is one of mailboxes: an endpoint of another channel may have the same text as its address."""
    return bool(row.address_key) and row.document.get("ChannelType") == "EMAIL"


def next_batch(*, sent: int, seconds: float) -> int:
    """How many messages to send between two commits, after ``sent`` of them took ``seconds``."""
    return max(_SMALLEST_BATCH, min(SMALL_BATCH, int(_BATCH_SECONDS * sent / max(seconds, 1e-6))))


class _Worker:
    def __init__(self, run: Run, clock: Clock, transport: Transport, should_stop: Callable[[], bool], gate: limits.Gate) -> None:
        self._run = run
        self._gate = gate
        self._clock = clock
        self.transport = transport
        self._should_stop = should_stop
        context = LinkContext(project_id=run.project_id, campaign_id=run.campaign_id, run_id=run.pk, treatment=run.treatment)
        self._batch = FIRST_BATCH
        self._is_custom = bool(run.content.get("Custom"))
        self._hook = filter_of(run=run, should_stop=should_stop) if run.state == RunState.RUNNING else None
        self._refusals = breaker.Refusals(run)
        self._suppression = suppression.Check(project_id=run.project_id)
        self._message = message_of(run, run_links(context=context)) if run.state == RunState.RUNNING else None

    def work(self, held: slices.HeldSlice) -> bool:
        """Bring a slice to its end. False: stop working on this run for now."""
        if held.intent > held.done:
            self._give_up(held, held.intent, Outcome.UNKNOWN)  # a worker died here: these may have been sent
        while held.done < len(held.ids):
            if self._should_stop():
                slices.release(held=held)
                return False
            try:
                if self._message is None or not self._intend_surely(held):
                    return self._stopped(held)
            except limits.MustWait as wait:
                slices.release(held=held, not_before=wait.until, reason=wait.reason)
                return wait.reason != HoldReason.REDIS
            except limits.Stopped:
                slices.release(held=held)
                return False
            try:
                self._send(held, held.intent)
            except TransportDown as down:
                now = self._clock()
                self._take_back(held, now + breaker.PAUSE, HoldReason.SERVER, down)
                if not isinstance(down, TransportBusy):  # a server that is only busy has nothing wrong
                    breaker.could_not_reach(run=self._run, reason=str(down), now=now)
                return False
            except limits.MustWait as wait:
                self._take_back(held, wait.until, wait.reason, wait)
                return False
            self._refusals.pause_if_many(now=self._clock())  # the next intent sees it
        return True

    def is_over(self) -> bool:
        """Whether what is left of the run only waits for its outcome."""
        expires_at = self._run.expires_at
        return self._run.state == RunState.CANCELLED or (expires_at is not None and expires_at <= self._clock())

    def _intend(self, held: slices.HeldSlice) -> bool:
        """Commit the intent to send the next small batch, as far as the limits let it."""
        now = self._clock()
        if self.is_over():
            return False
        end = held.done + self._gate.take(min(self._batch, len(held.ids) - held.done), now=now)
        if self._hook is not None:
            try:
                self._hook.make_ready(held.ids, done=held.done, end=end)
            except Stopped:
                self._gate.over(used=0)
                return False
            now = self._clock()  # a hook takes its time
        reserve = self._gate.reservation(held.ids[held.done : end], now=now)
        return slices.intend(held=held, end=end, now=now, reserve=reserve)

    def _intend_surely(self, held: slices.HeldSlice) -> bool:
        while True:
            try:
                return self._intend(held)
            except (DatabaseError, InterfaceError) as error:
                if not is_away(error):
                    raise
                self._wait_for_database(held, error)
                if held.intent > held.done:
                    return True  # it was committed, and its answer lost

    def _wait_for_database(self, held: slices.HeldSlice, error: Exception) -> None:
        """Nothing is out meanwhile. Raises ``LeaseLost`` when another worker has the slice by then."""
        _log.warning("run %s: the database is away, nothing more is sent: %s", self._run.public_id, error)
        while True:
            connection.close()
            time.sleep(_RETRY_SECONDS)
            with contextlib.suppress(OperationalError, InterfaceError):
                slices.take_up(held=held, now=self._clock())
                return

    def _rows(self, held: slices.HeldSlice, ids: Sequence[int]) -> tuple[dict[int, EndpointRow], set[str], dict[int, int]]:
        """The endpoints; the address keys of e-mail among them that are on a suppression list; where their mails go, by number."""
        project_id = self._run.project_id
        while True:
            try:
                rows = {row.id: row for row in endpoint_rows(project_id=project_id, ids=ids)}
                suppressed = self._suppression.among({row.address_key for row in rows.values() if _may_be_suppressed(row)})
                return rows, suppressed, {} if self._is_custom else mail_domains.of(project_id, rows.values())
            except (DatabaseError, InterfaceError) as error:
                if not is_away(error):
                    raise
                self._wait_for_database(held, error)

    def _take_back(
        self, held: slices.HeldSlice, not_before: datetime.datetime, reason: HoldReason, why: TransportDown | limits.MustWait
    ) -> None:
        """Nothing of the small batch was begun."""
        _log.warning("run %s: %s", self._run.public_id, why)
        settle = self._gate.settlement(sent=(), moved=held.ids[held.done : held.intent])
        while True:
            try:
                slices.take_back(held=held, not_before=not_before, reason=reason, settle=settle)
                break
            except (DatabaseError, InterfaceError) as error:
                if not is_away(error):
                    raise
                self._wait_for_database(held, error)
        self._gate.over(used=0)

    def _stopped(self, held: slices.HeldSlice) -> bool:
        self._run.refresh_from_db(fields=["state"])
        if self.is_over():
            Slice.objects.filter(pk=held.id, epoch=held.epoch).update(intent_cursor=len(held.ids))
            self._give_up(held, len(held.ids), Outcome.EXPIRED)
            return True
        slices.release(held=held)
        return False

    def _give_up(self, held: slices.HeldSlice, end: int, outcome: Outcome) -> None:
        results = Results()
        results.add(outcome, held.ids[held.done : end])
        self._finish(held, end, results)

    def _send(self, held: slices.HeldSlice, end: int) -> None:
        assert self._message is not None  # work() asks
        ids = held.ids[held.done : end]
        rows, suppressed, domains = self._rows(held, ids)
        results = Results(domains=domains)
        sorted_ = self._gate.sort(ids, rows, waited_for=held.hold_reason, now=self._clock())
        for outcome, some in sorted_.outcomes.items():
            results.add(Outcome(outcome), some)
        outgoing = list(self._outgoing(sorted_.free, rows, suppressed, domains, results))
        begun, taken = time.perf_counter(), 0.0
        deliveries = self.transport.send_batch(outgoing) if outgoing else []
        if deliveries:
            taken = time.perf_counter() - begun
            self._batch = next_batch(sent=len(deliveries), seconds=taken)
        for delivery in deliveries:
            results.take(delivery, may_retry=held.attempt < len(slices.BACK_OFF))
            self._refusals.note(delivery)
        sent = [one for outcome in (Outcome.SUCCESS, Outcome.UNKNOWN) for one in results.outcomes.get(outcome, [])]
        moved = [*results.deferred, *(one for hold in sorted_.holds for one in hold.ids)]
        settle = self._settlement(self._gate.settlement(sent=sent, moved=moved), results, rows)
        self._finish(held, end, results, holds=sorted_.holds, settle=settle)
        self._gate.over(used=len(outgoing))
        if Outcome.SUCCESS.value in results.outcomes:
            breaker.reached(run=self._run)
        self._note_pace(taken)

    def _settlement(
        self, give_back: Callable[[], None] | None, results: Results, rows: dict[int, EndpointRow]
    ) -> Callable[[], None] | None:
        """What is to be done in the transaction that finishes: unused places, and mailboxes that don't exist."""
        bounced = [rows[one].address for one in results.bounced]
        if not bounced:
            return give_back
        now = self._clock()

        def settle() -> None:
            if give_back is not None:
                give_back()
            suppressions.take_outcomes(
                project_id=self._run.project_id, bounced=bounced, complained=(), source=Suppression.Source.SENDING, now=now
            )

        return settle

    def _note_pace(self, seconds: float) -> None:
        is_slow = seconds > _SLOW_SECONDS
        if is_slow is not self._run.is_slow:
            self._run.is_slow = is_slow
            Run.objects.filter(pk=self._run.pk).update(is_slow=is_slow)

    def _outgoing(
        self, ids: Sequence[int], rows: dict[int, EndpointRow], suppressed: set[str], domains: dict[int, int], results: Results
    ) -> Iterator[OutgoingMessage]:
        """The messages of those who still want and can have one; the others get their outcome."""
        assert self._message is not None
        now = self._clock()
        for endpoint_id in ids:
            row = rows.get(endpoint_id)
            if row is None or not row.address:
                results.add(Outcome.FAILURE, [endpoint_id])  # deleted since the freeze
            elif row.is_opted_out:
                results.add(Outcome.OPT_OUT, [endpoint_id])
            elif _may_be_suppressed(row) and row.address_key in suppressed:
                results.add(Outcome.SUPPRESSED, [endpoint_id])
            elif isinstance(asked := row if self._hook is None else self._hook.judged(row), Outcome):
                results.add(asked, [endpoint_id])
            else:
                try:
                    yield self._message.build(row=asked, now=now, domain=domains.get(endpoint_id))
                except ValueError:  # an address that no header can carry
                    results.add(Outcome.FAILURE_PERMANENT, [endpoint_id])

    def _finish(
        self,
        held: slices.HeldSlice,
        end: int,
        results: Results,
        holds: Sequence[limits.Hold] = (),
        settle: Callable[[], None] | None = None,
    ) -> None:
        """Commit what happened. While the database is away the outcomes are kept here and nothing more is sent."""
        now = self._clock()
        events, blocks = results.events(run=self._run, now=now)
        refusals, deferred = results.refusals(), results.deferred_by_domain(run=self._run, now=now)
        while True:
            try:
                slices.finish(
                    held=held,
                    end=end,
                    outcomes=results.outcomes,
                    deferred=results.deferred,
                    events=events,
                    blocks=blocks,
                    refusals=refusals,
                    deferred_by_domain=deferred,
                    now=now,
                    holds=holds,
                    settle=settle,
                )
            except (DatabaseError, InterfaceError) as error:
                if not is_away(error):
                    raise
                _log.warning("run %s: the database is away, keeping %s outcomes: %s", self._run.public_id, end - held.done, error)
                if self._is_finished(held, end):
                    return
            else:
                return

    @staticmethod
    def _is_finished(held: slices.HeldSlice, end: int) -> bool:
        while True:
            connection.close()
            time.sleep(_RETRY_SECONDS)
            with contextlib.suppress(OperationalError, InterfaceError):
                return slices.is_finished(held=held, end=end)


@contextlib.contextmanager
def _heartbeat(held: slices.HeldSlice, clock: Clock) -> Iterator[None]:
    """Renews the lease while a batch is out: a slow server must not cost the slice."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(settings.SEND_LEASE_SECONDS / 3):
                with contextlib.suppress(OperationalError, InterfaceError):
                    mine = Slice.objects.filter(pk=held.id, epoch=held.epoch, lease_until__isnull=False)
                    mine.update(lease_until=slices.lease_until(clock()))
        finally:
            connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
