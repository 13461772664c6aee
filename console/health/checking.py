"""Checks in the background: asked for by a row, carried out under a lease, the result kept in the row."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from django.conf import settings
from django.db.models import F, Q, QuerySet

from console.health import invariants
from console.models import Invariant, InvariantCheck
from core.invariants import Finding
from projects.models import Project
from segments.heartbeat import Heartbeat

LEASE = datetime.timedelta(seconds=60)
EVERY = datetime.timedelta(seconds=settings.INVARIANT_CHECK_SECONDS)
_EXAMPLES = 20  # broken things of which the row says what they are
_AT_ONCE = 20  # checks a tick puts out

Clock = Callable[[], datetime.datetime]


def ask(*, now: datetime.datetime, invariant: Invariant | None = None) -> int:
    """Ask for a check of every project (of one invariant, or of all); how many were asked for. One that waits already is left."""
    _make_rows()
    waiting = InvariantCheck.objects.filter(asked_at=None, project__deleted_at=None)
    if invariant is not None:
        waiting = waiting.filter(invariant=invariant)
    return waiting.update(asked_at=now)


def is_asked() -> bool:
    """Whether a check is asked for and not done."""
    return InvariantCheck.objects.filter(asked_at__isnull=False, project__deleted_at=None).exists()


def ask_for_old_ones(*, now: datetime.datetime) -> int:
    """Ask for what was never checked, or not for a day."""
    _make_rows()
    old = Q(completed_at=None) | Q(completed_at__lt=now - EVERY)
    return InvariantCheck.objects.filter(old, asked_at=None, project__deleted_at=None).update(asked_at=now)


def _make_rows() -> None:
    known = set(InvariantCheck.objects.values_list("project_id", "invariant"))
    projects = Project.objects.filter(deleted_at=None).values_list("pk", flat=True)
    new = [
        InvariantCheck(project_id=pk, invariant=one) for pk in projects for one in Invariant if (pk, str(one)) not in known
    ]  # fmt: skip
    InvariantCheck.objects.bulk_create(new, ignore_conflicts=True)


def due_checks(*, now: datetime.datetime) -> list[int]:
    """Checks that are asked for and that no live worker has."""
    return list(_free(now).order_by("asked_at", "pk").values_list("pk", flat=True)[:_AT_ONCE])


def _free(now: datetime.datetime) -> QuerySet[InvariantCheck]:
    return InvariantCheck.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), asked_at__isnull=False)


def run_check(*, check_id: int, clock: Clock) -> None:
    """Carry a check out, if no other worker has it."""
    began = clock()
    if not _free(began).filter(pk=check_id).update(epoch=F("epoch") + 1, lease_until=began + LEASE):
        return
    check = InvariantCheck.objects.get(pk=check_id)
    mine = InvariantCheck.objects.filter(pk=check.pk, epoch=check.epoch, asked_at__isnull=False)
    with Heartbeat() as heartbeat:
        heartbeat.hold(check, lambda: mine.update(lease_until=clock() + LEASE) == 1)
        finding = invariants.check(invariant=Invariant(check.invariant), project_id=check.project_id)
        heartbeat.let_go(check)
    _keep(mine, finding, began, clock())


def _keep(mine: QuerySet[InvariantCheck], finding: Finding, began: datetime.datetime, now: datetime.datetime) -> None:
    examples = [{"code": one.code, "params": dict(one.params)} for one in finding.broken[:_EXAMPLES]]
    mine.update(
        asked_at=None, lease_until=None, completed_at=now, seconds=(now - began).total_seconds(), checked=finding.checked,
        broken=len(finding.broken), examples=examples,
    )  # fmt: skip
