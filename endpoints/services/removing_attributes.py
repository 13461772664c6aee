"""Pinpoint's RemoveAttributes: names (or beginnings of names) are taken from all endpoints of a project.

The names leave the catalogue at once, so that there is room for others; the endpoints follow batch by batch in the background, each
batch one transaction that moves the removal with it. A name that is written again meanwhile enters the catalogue again.
"""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core.errors import Refusal
from endpoints.models import AttributeKind, AttributeName, AttributeRemoval
from projects.models import Project, User
from projects.services import audit

BATCH = 2_000  # endpoints (or users) of one transaction
LEASE = datetime.timedelta(seconds=120)

# updated_at always moves on: whoever remembers an endpoint as it was tells by it that it was written.
_ENDPOINTS = {
    AttributeKind.ATTRIBUTE: "attributes",
    AttributeKind.METRIC: "metrics",
}
_HOLDING = """
    SELECT id FROM {table} WHERE project_id = %(project)s AND id > %(after)s AND {column} ?| %(names)s
     ORDER BY id LIMIT %(limit)s FOR UPDATE
"""
_TAKE = """
    UPDATE {table} SET {column} = {column} - %(names)s::text[],
           updated_at = greatest(%(now)s, updated_at + interval '1 microsecond')
     WHERE id = ANY(%(ids)s)
"""
_ENDPOINTS_OF = "SELECT id FROM endpoints_endpoint WHERE user_id = ANY(%s) ORDER BY id FOR UPDATE"

Clock = Callable[[], datetime.datetime]


class RemovalRefused(Refusal):
    """No name of the catalogue fits."""


def fitting_names(*, project: Project, kind: str, patterns: Iterable[str]) -> list[str]:
    """The names of the catalogue that one of the patterns fits; ``*`` stands for any text, names are case-sensitive."""
    names = AttributeName.objects.filter(project=project, kind=kind).order_by("name").values_list("name", flat=True)
    return [name for name in names if any(_fits(name, pattern) for pattern in patterns)]


def _fits(name: str, pattern: str) -> bool:
    # Only * is special, as in Pinpoint: [ and ? stand for themselves.
    escaped = "".join(f"[{char}]" if char in "[?" else char for char in pattern)
    return fnmatch.fnmatchcase(name, escaped)


def remove_attributes(
    *, project: Project, actor: User | None, kind: AttributeKind, patterns: list[str], now: datetime.datetime
) -> AttributeRemoval:
    """Ask for names to be removed from everybody. Raises ``RemovalRefused`` when the catalogue has none that fits."""
    with transaction.atomic():
        names = fitting_names(project=project, kind=kind, patterns=patterns)
        if not names:
            raise RemovalRefused(_("No attribute has such a name. Choose one of the list, or a beginning with * behind it."))
        removal = AttributeRemoval.objects.create(
            project=project, kind=kind, patterns=patterns, names=names, requested_by=actor, requested_at=now
        )
        AttributeName.objects.filter(project=project, kind=kind, name__in=names).delete()
        audit.record(project=project, actor=actor, verb="attributes.removed", target=removal, now=now, kind=kind, names=names)
    return removal


def due_removals(*, now: datetime.datetime) -> list[int]:
    """Removals that no live worker has."""
    return list(_free(now).order_by("pk").values_list("pk", flat=True)[:20])


def _free(now: datetime.datetime) -> Any:
    return AttributeRemoval.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), state=AttributeRemoval.State.RUNNING)


def run_removal(*, removal_id: int, clock: Clock) -> None:
    """Carry a removal on to its end, if no other worker has it."""
    now = clock()
    if not _free(now).filter(pk=removal_id).update(epoch=F("epoch") + 1, lease_until=now + LEASE):
        return
    removal = AttributeRemoval.objects.get(pk=removal_id)
    while _batch(removal, clock):
        pass


def _batch(removal: AttributeRemoval, clock: Clock) -> bool:
    """The next batch with the removal's own progress; False when it is done, or another worker has it."""
    with transaction.atomic():
        now = clock()
        ids = (
            _take_from_users(removal, now) if removal.kind == AttributeKind.USER_ATTRIBUTE else _take_from_endpoints(removal, now)
        )
        is_done = len(ids) < BATCH
        if ids:
            removal.after = ids[-1]
        removal.changed += len(ids)
        progress: dict[str, Any] = {"after": removal.after, "changed": removal.changed, "lease_until": now + LEASE}
        if is_done:
            progress |= {"state": AttributeRemoval.State.DONE, "completed_at": now, "lease_until": None}
        mine = AttributeRemoval.objects.filter(pk=removal.pk, epoch=removal.epoch, state=AttributeRemoval.State.RUNNING)
        if not mine.update(**progress):
            transaction.set_rollback(True)
            return False
    return not is_done


def _take_from_endpoints(removal: AttributeRemoval, now: datetime.datetime) -> list[int]:
    table, column = "endpoints_endpoint", _ENDPOINTS[AttributeKind(removal.kind)]
    ids = _holding(removal, table, column)
    _take(removal, table, column, ids, now)
    return ids


def _take_from_users(removal: AttributeRemoval, now: datetime.datetime) -> list[int]:
    """Users before their endpoints: the house's lock order."""
    table, column = "endpoints_endpointuser", "attributes"
    users = _holding(removal, table, column)
    _take(removal, table, column, users, now)
    return users


def _holding(removal: AttributeRemoval, table: str, column: str) -> list[int]:
    given = {"project": removal.project_id, "after": removal.after, "names": removal.names, "limit": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(_HOLDING.format(table=table, column=column), given)
        return [pk for (pk,) in cursor.fetchall()]


def _take(removal: AttributeRemoval, table: str, column: str, ids: list[int], now: datetime.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(table=table, column=column), {"names": removal.names, "now": now, "ids": ids})
