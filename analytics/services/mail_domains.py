"""The domains that a project's mails go to, each by a number: so an event tells it in four bytes, and a link in two."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from analytics.models import MailDomain

RARE = 0  # the number of all that have none of their own
_PROJECTS = 50  # whose domains a process remembers
_LONGEST = 255  # characters of a domain's name

_known: dict[int, dict[str, int]] = {}


def numbers_of(*, project_id: int, names: Iterable[str]) -> dict[str, int]:
    """The number of each of these domains (in lower case); new ones get one as long as the project has fewer than ``MAIL_DOMAINS_LIMIT``.

    Two at once get the same.
    """
    wanted = set(names)
    known = _known.get(project_id)
    if known is None or (not known.keys() >= wanted and len(known) < settings.MAIL_DOMAINS_LIMIT):
        known = _learn(project_id, wanted)
    return {name: known.get(name, RARE) for name in wanted}


def names_of(*, project_id: int, numbers: Iterable[int]) -> dict[int, str]:
    """The names of those that have a number of their own."""
    rows = MailDomain.objects.filter(project_id=project_id, pk__in=[one for one in numbers if one != RARE])
    return dict(rows.values_list("pk", "name"))


def forget() -> None:
    """Read a project's domains anew at the next use."""
    _known.clear()


def _learn(project_id: int, wanted: set[str]) -> dict[str, int]:
    """All of the project's, after the new ones were given a number as far as there is room."""
    held = _read(project_id)
    room = settings.MAIL_DOMAINS_LIMIT - len(held)
    new = sorted(name for name in wanted - held.keys() if 0 < len(name) <= _LONGEST)[: max(0, room)]
    if new:
        MailDomain.objects.bulk_create((MailDomain(project_id=project_id, name=name) for name in new), ignore_conflicts=True)
        held = _read(project_id)
    transaction.on_commit(lambda: _remember(project_id, held))  # what is taken back has no number
    return held


def _read(project_id: int) -> dict[str, int]:
    return dict(MailDomain.objects.filter(project_id=project_id).values_list("name", "pk"))


def _remember(project_id: int, held: dict[str, int]) -> None:
    if len(_known) >= _PROJECTS:
        _known.clear()
    _known[project_id] = held
