"""Pinpoint's RemoveAttributes: names (or beginnings of names) are taken from all endpoints of a project.

The names leave the catalogue at once, so that there is room for others; the endpoints follow batch by batch in the background, each
batch one transaction that moves the removal with it. A name that is written again meanwhile enters the catalogue again.
"""

from __future__ import annotations

import collections
import datetime
import fnmatch
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from core import leases
from core.errors import Refusal
from endpoints import facets
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
    SELECT id, {column} FROM {table} WHERE project_id = %(project)s AND id > %(after)s AND {column} ?| %(names)s
     ORDER BY id LIMIT %(limit)s FOR UPDATE
"""
_TAKE = """
    UPDATE {table} SET {column} = {column} - %(names)s::text[],
           updated_at = greatest(%(now)s, updated_at + interval '1 microsecond')
     WHERE id = ANY(%(ids)s)
"""
_ENDPOINTS_OF = "SELECT id, user_id FROM endpoints_endpoint WHERE user_id = ANY(%s) ORDER BY id FOR UPDATE"

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


def end_lease(*, removal: AttributeRemoval, actor: User, now: datetime.datetime) -> None:
    """Let another worker carry the removal on at once, from its last batch."""
    with transaction.atomic():
        leases.end_lease(rows=AttributeRemoval.objects.filter(pk=removal.pk, state=AttributeRemoval.State.RUNNING))
        audit.record(
            project=removal.project,
            actor=actor,
            verb="attributes.removal_taken_over",
            target=removal,
            now=now,
            names=removal.names,
        )


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
    held = _holding(removal, table, column)
    _take(removal, table, column, list(held), now)
    changes = facets.Changes()
    for pk, values in held.items():
        is_metric = removal.kind == AttributeKind.METRIC
        _unlist(changes, facets.values_of(metrics=values) if is_metric else facets.values_of(attributes=values), [pk])
    changes.record(project_id=removal.project_id)
    return list(held)


def _take_from_users(removal: AttributeRemoval, now: datetime.datetime) -> list[int]:
    """Users before their endpoints: the house's lock order."""
    table, column = "endpoints_endpointuser", "attributes"
    held = _holding(removal, table, column)
    _take(removal, table, column, list(held), now)
    endpoints: dict[int, list[int]] = collections.defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ENDPOINTS_OF, [list(held)])
        for pk, user_pk in cursor.fetchall():
            endpoints[user_pk].append(pk)
    changes = facets.Changes()
    for user_pk, values in held.items():
        _unlist(changes, facets.values_of(user_attributes=values), endpoints[user_pk])
    changes.record(project_id=removal.project_id)
    return list(held)


def _unlist(changes: facets.Changes, values: Iterable[tuple[facets.Subject, str]], ids: list[int]) -> None:
    for subject, value in values:
        changes.remove(subject, value, ids)


def _holding(removal: AttributeRemoval, table: str, column: str) -> dict[int, dict[str, Any]]:
    """The next rows, locked, in ascending order, each with what it loses."""
    given = {"project": removal.project_id, "after": removal.after, "names": removal.names, "limit": BATCH}
    names = set(removal.names)
    with connection.cursor() as cursor:
        cursor.execute(_HOLDING.format(table=table, column=column), given)
        rows = [(pk, json.loads(held) if isinstance(held, str) else held) for pk, held in cursor.fetchall()]
    return {pk: {name: value for name, value in held.items() if name in names} for pk, held in rows}


def _take(removal: AttributeRemoval, table: str, column: str, ids: list[int], now: datetime.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(table=table, column=column), {"names": removal.names, "now": now, "ids": ids})
