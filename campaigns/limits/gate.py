"""What a worker asks before and after each small batch of a run.

In this order: tokens of the rate (before anything is intended), places under the caps and the warm-up (in the transaction of the
intent), quiet time and domains (once the endpoints are read), and in the transaction that finishes what was not used is given back.
"""

from __future__ import annotations

import collections
import datetime
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from campaigns.limits import caps, domains, quiet, rate, warm_up
from campaigns.limits.document import parse_limits, rules_of
from campaigns.limits.holds import Hold
from campaigns.models import HoldReason, Outcome, Run
from endpoints.queries import EndpointRow

_NAP = 0.1  # seconds between two looks at a bucket that is empty
_REDIS_PAUSE = datetime.timedelta(seconds=5)  # before Redis is asked again

_log = logging.getLogger(__name__)


class MustWait(Exception):
    """Nothing may be sent before ``until``, for ``reason``."""

    def __init__(self, *, until: datetime.datetime, reason: HoldReason) -> None:
        super().__init__(f"{reason} until {until}")
        self.until = until
        self.reason = reason


class Stopped(Exception):
    """The worker was told to stop while it waited for the rate."""


def nap(seconds: float) -> None:
    """What a worker does while it waits, unless it has something better to do."""
    time.sleep(min(seconds, _NAP))


@dataclass(slots=True)
class _Taken:
    """What was reserved for the small batch that is out."""

    at: datetime.datetime
    tokens: int = 0
    project_daily: set[int] = field(default_factory=set)
    daily: set[int] = field(default_factory=set)
    total: set[int] = field(default_factory=set)
    warm_up_date: datetime.date | None = None
    warm_up: int = 0
    refused: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sorted:
    """A small batch, divided: who may be sent to, who ends by a limit (outcome → ids), who waits."""

    free: list[int]
    outcomes: dict[str, list[int]]
    holds: list[Hold]


class Gate:
    """One for each worker on a run. ``document``: the campaign's, as it holds for the run's treatment.

    ``while_waiting`` is what the worker does for some seconds when the rate allows nothing.
    """

    def __init__(
        self,
        *,
        run: Run,
        document: Mapping[str, Any],
        should_stop: Callable[[], bool] = lambda: False,
        while_waiting: Callable[[float], None] = nap,
    ) -> None:
        self._run = run
        self._limits = parse_limits(document)
        self._rules = rules_of(run.project)
        self._rates = domains.by_domain(self._rules.rates)
        self._should_stop = should_stop
        self._while_waiting = while_waiting
        self._taken: _Taken | None = None
        self._tokens = 0

    def refresh(self) -> None:
        """The project's rules as they stand now: asked at each slice."""
        self._rules = rules_of(self._run.project)
        self._rates = domains.by_domain(self._rules.rates)

    # -- before the intent -----------------------------------------------------------------------------------------------

    def take(self, wanted: int, *, now: datetime.datetime) -> int:
        """How many of ``wanted`` may be intended now, one at least. Raises ``Stopped`` and ``MustWait``."""
        wanted = self._within_warm_up(wanted, now)
        self._tokens = 0
        if self._limits.per_second is None:
            return wanted
        while True:
            try:
                granted = rate.take(campaign_id=self._run.campaign_id, per_second=self._limits.per_second, wanted=wanted)
            except redis.RedisError as error:
                raise self._without_redis(error, now) from None
            if granted.count:
                self._tokens = granted.count
                return granted.count
            if self._should_stop():
                raise Stopped
            self._while_waiting(granted.wait)

    def _within_warm_up(self, wanted: int, now: datetime.datetime) -> int:
        if self._rules.warm_up is None:
            return wanted
        date = warm_up.today(now=now, zone=self._rules.zone)
        cap = self._rules.warm_up.cap(date)
        if cap is None:
            return wanted
        left = warm_up.left(project_id=self._run.project_id, date=date, cap=cap)
        if not left:
            raise MustWait(until=warm_up.tomorrow(date=date, zone=self._rules.zone), reason=HoldReason.WARM_UP)
        return min(wanted, left)

    def _without_redis(self, error: redis.RedisError, now: datetime.datetime) -> MustWait:
        _log.warning("run %s: Redis is away, nothing more is sent: %s", self._run.public_id, error)
        return MustWait(until=now + _REDIS_PAUSE, reason=HoldReason.REDIS)

    # -- in the transaction of the intent --------------------------------------------------------------------------------

    def reservation(self, ids: Sequence[int], *, now: datetime.datetime) -> Callable[[], None] | None:
        """What is to be done in the transaction of the intent; None when no cap is set. It may raise ``MustWait``."""
        self._taken = _Taken(at=now, tokens=self._tokens)
        if not (self._limits.daily or self._limits.total or self._rules.daily or self._rules.warm_up):
            return None
        return lambda: self._reserve(ids, now)

    def _reserve(self, ids: Sequence[int], now: datetime.datetime) -> None:
        taken = self._taken = _Taken(at=now, tokens=self._tokens)
        left, run, limits = set(ids), self._run, self._limits
        if limits.total:
            taken.total = caps.reserve_total(campaign_id=run.campaign_id, cap=limits.total, ids=sorted(left))
            _refuse(taken, Outcome.CAMPAIGN_CAP, left - taken.total)
            left = set(taken.total)
        if self._rules.daily and left:
            taken.project_daily = caps.reserve_daily(
                project_id=run.project_id, campaign_id=None, cap=self._rules.daily, ids=sorted(left), now=now
            )
            _refuse(taken, Outcome.DAILY_CAP, left - taken.project_daily)
            left = set(taken.project_daily)
        if limits.daily and left:
            taken.daily = caps.reserve_daily(
                project_id=run.project_id, campaign_id=run.campaign_id, cap=limits.daily, ids=sorted(left), now=now
            )
            _refuse(taken, Outcome.DAILY_CAP, left - taken.daily)
            left = set(taken.daily)
        if taken.refused:  # by one of them: the places under the others are free again
            self._give_back(taken, kept=left, targeted=left)
        self._reserve_warm_up(taken, len(left), now)

    def _reserve_warm_up(self, taken: _Taken, count: int, now: datetime.datetime) -> None:
        plan = self._rules.warm_up
        date = warm_up.today(now=now, zone=self._rules.zone)
        cap = plan.cap(date) if plan else None
        if cap is None or not count:
            return
        if not warm_up.reserve(project_id=self._run.project_id, date=date, cap=cap, count=count):
            raise MustWait(until=now, reason=HoldReason.WARM_UP)  # another worker was quicker: look again
        taken.warm_up_date, taken.warm_up = date, count

    # -- once the endpoints are read -------------------------------------------------------------------------------------

    def sort(self, ids: Sequence[int], rows: dict[int, EndpointRow], *, waited_for: str, now: datetime.datetime) -> Sorted:
        """Divide a small batch. ``waited_for``: the slice's hold reason. Raises ``MustWait`` when Redis is away."""
        outcomes = dict(self._taken.refused) if self._taken else {}
        holds: list[Hold] = []
        refused = {one for some in outcomes.values() for one in some}
        free = [one for one in ids if one not in refused] if refused else list(ids)
        if self._limits.quiet is not None:
            free = self._quiet(self._limits.quiet, free, rows, now, outcomes, holds)
        if self._rates:
            free = self._throttle(free, rows, waited_for, now, holds)
        return Sorted(free=free, outcomes=outcomes, holds=holds)

    def _quiet(
        self,
        hours: quiet.QuietTime,
        ids: Sequence[int],
        rows: dict[int, EndpointRow],
        now: datetime.datetime,
        outcomes: dict[str, list[int]],
        holds: list[Hold],
    ) -> list[int]:
        free: list[int] = []
        by_zone: dict[str, list[int]] = collections.defaultdict(list)
        for one in ids:
            row = rows.get(one)
            if row is None or row.is_opted_out:
                free.append(one)  # nothing is sent, at whatever hour
            else:
                name = (row.document.get("Demographic") or {}).get("Timezone")
                by_zone[quiet.zone_of(name=name, project_zone=self._rules.zone).key].append(one)
        for name, some in by_zone.items():
            until = hours.until(now=now, zone=quiet.zone_of(name=name, project_zone=self._rules.zone))
            if until is None:
                free += some
            elif self._limits.holds_quiet:
                holds.append(Hold(some, until, HoldReason.QUIET_TIME, note=name))
            else:
                outcomes[Outcome.QUIET_TIME] = outcomes.get(Outcome.QUIET_TIME, []) + some
        return sorted(free)

    def _throttle(
        self, ids: Sequence[int], rows: dict[int, EndpointRow], waited_for: str, now: datetime.datetime, holds: list[Hold]
    ) -> list[int]:
        free: list[int] = []
        by_rate: dict[domains.DomainRate, list[int]] = collections.defaultdict(list)
        for one in ids:
            row = rows.get(one)
            limit = self._rates.get(row.address_key.rpartition("@")[2]) if row is not None and not row.is_opted_out else None
            (free if limit is None else by_rate[limit]).append(one)
        for limit, some in by_rate.items():
            try:
                granted, places = domains.take(
                    project_id=self._run.project_id, rate=limit, ids=some, waited=waited_for == HoldReason.DOMAIN, now=now
                )
            except redis.RedisError as error:
                raise self._without_redis(error, now) from None
            free += granted
            leeway = datetime.timedelta(seconds=60)
            holds += [
                Hold(place.ids, place.until, HoldReason.DOMAIN, note=limit.name, largest=limit.chunk, leeway=leeway)
                for place in places
            ]
        return sorted(free)

    # -- when it is over -------------------------------------------------------------------------------------------------

    def settlement(self, *, sent: Collection[int], moved: Collection[int]) -> Callable[[], None] | None:
        """What is to be done in the transaction that finishes; None when there is nothing to give back.

        ``sent``: who got the message or may have. ``moved``: who is tried later and not over yet. All others ended: for them
        Limits.Total counts, as Pinpoint's did, and Limits.Daily does not.
        """
        taken = self._taken
        if taken is None or not (taken.total or taken.project_daily or taken.daily or taken.warm_up):
            return None
        kept = set(sent)
        targeted = taken.total - set(moved)
        is_whole = taken.project_daily <= kept and taken.daily <= kept and targeted == taken.total
        unused = max(0, taken.warm_up - len(kept))
        if is_whole and not unused:
            return None

        def settle() -> None:
            self._give_back(taken, kept=kept, targeted=targeted, forget=False)
            if unused and taken.warm_up_date is not None:
                warm_up.give_back(project_id=self._run.project_id, date=taken.warm_up_date, count=unused)

        return settle

    def _give_back(self, taken: _Taken, *, kept: set[int], targeted: set[int], forget: bool = True) -> None:
        run = self._run
        if freed := taken.total - targeted:
            caps.give_back_total(campaign_id=run.campaign_id, ids=sorted(freed))
        for campaign_id, held in ((None, taken.project_daily), (run.campaign_id, taken.daily)):
            if freed := held - kept:
                caps.give_back_daily(project_id=run.project_id, campaign_id=campaign_id, ids=sorted(freed), at=taken.at)
        if forget:
            taken.total &= targeted
            taken.project_daily &= kept
            taken.daily &= kept

    def over(self, *, used: int) -> None:
        """The small batch is over: tokens of the rate that were not ``used`` go back. Best effort: they only cost time."""
        taken, self._taken = self._taken, None
        if taken is None or self._limits.per_second is None or taken.tokens <= used:
            return
        try:
            rate.give_back(campaign_id=self._run.campaign_id, per_second=self._limits.per_second, count=taken.tokens - used)
        except redis.RedisError as error:
            _log.warning("run %s: tokens of the rate are lost: %s", self._run.public_id, error)


def _refuse(taken: _Taken, outcome: Outcome, ids: set[int]) -> None:
    if ids:
        taken.refused[outcome.value] = sorted([*taken.refused.get(outcome.value, []), *ids])
