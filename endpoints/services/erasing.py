"""Erasing a person for good, everywhere it is kept: at once from the endpoints, then table by table.

The request is the intent; a worker holds it by a lease with an epoch, and each step moves the request in the transaction of what
it erased, so that a killed worker is taken over where it stood. Everything is gone through twice: a transaction that began before
the endpoints were deleted (a click that was being written, a run that was being frozen) may have written after the first turn
passed by.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core import leases
from core.errors import Refusal
from endpoints import ports
from endpoints.models import Endpoint, EndpointUser, ErasureRequest
from endpoints.writing import addresses, removal
from projects.models import Project, User
from projects.services import audit

LEASE = datetime.timedelta(seconds=120)
BETWEEN_TURNS = datetime.timedelta(minutes=10)  # no transaction of the house lasts longer
WAIT = datetime.timedelta(minutes=1)  # before what must end first is asked for again
TURNS = 2

Clock = Callable[[], datetime.datetime]


class ErasureRefused(Refusal):
    """There is nobody to erase."""


class LeaseLost(Exception):
    """Another worker has the request."""


def erase_person(
    *, project: Project, actor: User | None, now: datetime.datetime, endpoint_pk: int | None = None, user_id: str = ""
) -> ErasureRequest:
    """Erase the person of an endpoint (with all endpoints of its user), or of a UserId. Raises ``ErasureRefused``.

    The endpoints, the user and their opt-out entries are gone when this returns; the rest follows in the background.
    """
    with transaction.atomic():
        addresses.share_project(project.pk)  # before any row of it, as every writer does
        user, endpoints = _person(project, endpoint_pk, user_id)
        request = ErasureRequest.objects.create(
            project=project, endpoints=len(endpoints), requested_by=actor, requested_at=now, person=_described(user, endpoints)
        )
        users = [user.user_id] if user is not None else []
        removal.remove(project_id=project.pk, ids=[one.pk for one in endpoints], user_ids=users)
        audit.record(
            project=project, actor=actor, verb="person.erasure_requested", target=request, now=now, endpoints=len(endpoints)
        )
    return request


def _person(project: Project, endpoint_pk: int | None, user_id: str) -> tuple[EndpointUser | None, list[Endpoint]]:
    """Locked in the house's order: the user, then the endpoints."""
    users = EndpointUser.objects.select_for_update().filter(project=project)
    endpoints = Endpoint.objects.select_for_update().filter(project=project).order_by("pk")
    if endpoint_pk is None:
        user = users.filter(user_id=user_id).first()
    else:
        owner = Endpoint.objects.filter(project=project, pk=endpoint_pk).values_list("user_id", flat=True)
        user = users.filter(pk__in=[pk for pk in owner if pk is not None]).first()
    if user is not None:
        return user, list(endpoints.filter(user=user))
    found = list(endpoints.filter(pk=endpoint_pk)) if endpoint_pk is not None else []
    if not found:
        raise ErasureRefused(_("There is no such person in this project any more."))
    return None, found


def _described(user: EndpointUser | None, endpoints: list[Endpoint]) -> dict[str, Any]:
    names = {one.endpoint_id for one in endpoints} | ({user.user_id} if user is not None else set())
    return {
        "endpoint_ids": [one.pk for one in endpoints],
        "user_pk": user.pk if user is not None else None,
        "addresses": sorted({one.address for one in endpoints} - {""}),
        "names": sorted(names - {""}),
    }


def end_lease(*, request: ErasureRequest, actor: User, now: datetime.datetime) -> None:
    """Let another worker carry the request on at once, from its last step."""
    with transaction.atomic():
        leases.end_lease(rows=ErasureRequest.objects.filter(pk=request.pk, state=ErasureRequest.State.RUNNING))
        audit.record(project=request.project, actor=actor, verb="person.erasure_taken_over", target=request, now=now)


def due_erasures(*, now: datetime.datetime) -> list[int]:
    """Requests that have something to do and no live worker."""
    return list(_free(now).order_by("pk").values_list("pk", flat=True)[:20])


def _free(now: datetime.datetime) -> Any:
    return ErasureRequest.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now),
        Q(not_before=None) | Q(not_before__lte=now),
        state=ErasureRequest.State.RUNNING,
    )


def run_erasure(*, request_id: int, clock: Clock) -> None:
    """Carry a request on until it waits or is done, if no other worker has it."""
    now = clock()
    if not _free(now).filter(pk=request_id).update(epoch=F("epoch") + 1, lease_until=now + LEASE, not_before=None):
        return
    request = ErasureRequest.objects.select_related("project", "requested_by").get(pk=request_id)
    person = ports.ErasedPerson(
        project_id=request.project_id,
        endpoint_ids=tuple(request.person["endpoint_ids"]),
        user_pk=request.person["user_pk"],
        addresses=tuple(request.person["addresses"]),
        names=tuple(request.person["names"]),
        asked_at=request.requested_at,
    )
    with contextlib.suppress(LeaseLost):
        while _step(request, person, clock):
            pass


def _step(request: ErasureRequest, person: ports.ErasedPerson, clock: Clock) -> bool:
    """One step of one table with everything that follows from it; False when the worker shall leave the request for now."""
    erasers = ports.erasers()
    tables = [table for table in erasers if table >= request.table]
    if not tables:
        return _end_turn(request, clock())
    table = tables[0]
    with transaction.atomic():
        done = erasers[table](person, request.after if table == request.table else 0)
        now = clock()
        request.table, request.after, request.waits_for = table, 0, done.waits_for
        if done.rows:
            request.rows[table] = request.rows.get(table, 0) + done.rows
        if done.waits_for:
            request.not_before = now + WAIT
            request.after = done.after or 0
        elif done.after is not None:
            request.after = done.after
        else:
            request.table = f"{table} "  # sorts behind it, before the next
        _save(request, now + LEASE if not done.waits_for else None)
    return not done.waits_for


def _end_turn(request: ErasureRequest, now: datetime.datetime) -> bool:
    request.table, request.after = "", 0
    if request.turn < TURNS:
        request.turn += 1
        request.not_before = now + BETWEEN_TURNS
        _save(request, None)
        return False
    with transaction.atomic():
        request.state, request.person, request.completed_at = ErasureRequest.State.DONE, {}, now
        _save(request, None)
        audit.record(
            project=request.project, actor=request.requested_by, verb="person.erased", target=request, now=now,
            endpoints=request.endpoints, rows=request.rows,
        )  # fmt: skip
    return False


def _save(request: ErasureRequest, lease_until: datetime.datetime | None) -> None:
    mine = ErasureRequest.objects.filter(pk=request.pk, epoch=request.epoch, state=ErasureRequest.State.RUNNING)
    saved = mine.update(
        state=request.state, person=request.person, turn=request.turn, table=request.table, after=request.after, rows=request.rows,
        waits_for=request.waits_for, not_before=request.not_before, completed_at=request.completed_at, lease_until=lease_until,
    )  # fmt: skip
    if not saved:
        raise LeaseLost
