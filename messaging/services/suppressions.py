"""The suppression lists, a project's and the installation's (``project`` None): added to, released from, and filled by outcomes."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.translation import gettext as _

from core.errors import Refusal
from core.sql import text_array
from endpoints.models import ChannelType
from endpoints.writing import rules
from endpoints.writing.refusals import ItemRefused
from messaging.models import Suppression, SuppressionRules
from messaging.suppression import keys
from projects.models import Installation, Project, User
from projects.services import audit

# In the order of the keys, so that two writers can't deadlock. Whoever is listed stays so for the reason that came first.
_ADD = """
    INSERT INTO messaging_suppression (project_id, address, address_key, reason, source, actor_id, at)
    SELECT %(project)s::bigint, given.address, given.key, %(reason)s, %(source)s, %(actor)s::bigint, %(at)s
      FROM unnest(%(addresses)s::text[], %(keys)s::text[]) AS given(address, key)
     WHERE NOT EXISTS (SELECT 1 FROM unnest(%(keys)s::text[], %(hashes)s::text[]) AS hashed(key, hash)
                         JOIN messaging_suppression s ON s.address_key = hashed.hash
                        WHERE hashed.key = given.key AND s.project_id IS NOT DISTINCT FROM %(project)s::bigint)
     ORDER BY given.key
    ON CONFLICT DO NOTHING
"""


class SuppressionRefused(Refusal):
    """What was to be added is no address."""


@dataclass(frozen=True, slots=True)
class Added:
    """``known``: they were on the list already. ``wrong``: the first lines that are no address; ``wrong_total``: how many there are."""

    new: int
    known: int
    wrong: list[str]
    wrong_total: int


def add(
    *,
    project: Project | None,
    actor: User,
    lines: Iterable[str],
    now: datetime.datetime,
    reason: str = Suppression.Reason.MANUAL,
    source: str = Suppression.Source.CONSOLE,
) -> Added:
    """Put addresses on a list, one a line. What is no address is left out and said. Raises ``SuppressionRefused`` if none is one."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    wrong_total = 0
    for line in lines:
        address = line.strip()
        if not address:
            continue
        if _is_address(address):
            found.setdefault(keys.key_of(address), address)
        else:
            wrong_total += 1
            wrong += [address[:80]] if len(wrong) < 5 else []
    if not found:
        raise SuppressionRefused(
            _("“%(text)s” is no e-mail address. Nothing was added.") % {"text": wrong[0]} if wrong else _("Enter an address.")
        )
    with transaction.atomic():
        new = _insert(project, found, reason, source, actor, now)
        if new:
            _record(project, actor, "suppression.added", now, count=new, reason=reason)
    return Added(new=new, known=len(found) - new, wrong=wrong, wrong_total=wrong_total)


def _is_address(text: str) -> bool:
    try:
        rules.check_address(text, ChannelType.EMAIL)
    except ItemRefused:
        return False
    return True


def release(*, project: Project | None, actor: User | None, ids: Sequence[int], now: datetime.datetime) -> int:
    """Take entries off a list: from the next small batch on they get messages again, unless they have opted out. Returns how many."""
    with transaction.atomic():
        held = Suppression.objects.select_for_update().filter(project=project, pk__in=ids).order_by("pk")
        reasons = list(held.values_list("reason", flat=True))
        if not reasons:
            return 0
        held.delete()
        _record(project, actor, "suppression.released", now, count=len(reasons), reason=", ".join(sorted(set(reasons))))
    return len(reasons)


def save_rules(*, project: Project | None, actor: User, hard_bounces: bool, complaints: bool, now: datetime.datetime) -> None:
    """What goes onto the list by itself."""
    with transaction.atomic():
        SuppressionRules.objects.update_or_create(
            project=project, defaults={"hard_bounces": hard_bounces, "complaints": complaints, "updated_at": now}
        )
        verb = "suppression.rules_saved"
        _record(project, actor, verb, now, hard_bounces=hard_bounces, complaints=complaints)


def rules_of(*, project_id: int | None) -> tuple[bool, bool]:
    """Whether hard bounces and complaints go onto a list by themselves: a project's do unless it says no, the installation's don't."""
    own = (
        SuppressionRules.objects.filter(project=None)
        if project_id is None
        else SuppressionRules.objects.filter(project_id=project_id)
    )
    held = own.values_list("hard_bounces", "complaints").first()
    return held if held is not None else (project_id is not None, project_id is not None)


def take_outcomes(
    *, project_id: int, bounced: Iterable[str], complained: Iterable[str], source: str, now: datetime.datetime
) -> int:
    """In the caller's transaction: who bounced for good or complained, as far as the rules want them. Returns how many are new."""
    by_reason = {
        Suppression.Reason.HARD_BOUNCE: {keys.key_of(one): one for one in bounced if one},
        Suppression.Reason.COMPLAINT: {keys.key_of(one): one for one in complained if one},
    }
    if not any(by_reason.values()):
        return 0
    new = 0
    for project in (None, project_id):  # the installation's first: one order for all
        for reason, wanted in zip(by_reason, rules_of(project_id=project), strict=True):
            if wanted and by_reason[reason]:
                new += _insert(project, by_reason[reason], reason, source, None, now)
    return new


def _insert(
    project: Project | int | None, found: dict[str, str], reason: str, source: str, actor: User | None, now: datetime.datetime
) -> int:
    given = {
        "project": project.pk if isinstance(project, Project) else project,
        "addresses": text_array(list(found.values())), "keys": text_array(list(found)),
        "hashes": text_array([keys.erased_key(key) for key in found]),
        "reason": str(reason), "source": str(source), "actor": actor.pk if actor else None, "at": now,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ADD, given)
        return int(cursor.rowcount)


def _record(project: Project | None, actor: User | None, verb: str, now: datetime.datetime, **data: object) -> None:
    """Without addresses: what the audit trail says outlives the person."""
    target = project or Installation(singleton=True)
    audit.record(project=project, actor=actor, verb=verb, target=target, now=now, **data)
