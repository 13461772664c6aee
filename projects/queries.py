"""Reads of the audit trail: what was done, in sentences."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from projects import ports
from projects.models import MAY_LAUNCH, AuditEntry, Project, Role, User

# The first word of a verb → what the filter calls it.
KINDS = {
    "project": gettext_lazy("Project"),
    "member": gettext_lazy("Members and roles"),
    "invitation": gettext_lazy("Invitations"),
    "sender": gettext_lazy("Senders"),
    "domain": gettext_lazy("Domains"),
    "relay": gettext_lazy("Relays"),
    "channel": gettext_lazy("Channels"),
    "mailbox": gettext_lazy("Bounce mailboxes"),
    "suppression": gettext_lazy("Suppression list"),
    "template": gettext_lazy("Message templates"),
    "image": gettext_lazy("Pictures"),
    "segment": gettext_lazy("Segments"),
    "import": gettext_lazy("Imports"),
    "scheduled_import": gettext_lazy("Scheduled imports"),
    "export": gettext_lazy("Exports"),
    "connection": gettext_lazy("S3 connections"),
    "campaign": gettext_lazy("Campaigns"),
    "access_key": gettext_lazy("Access keys"),
    "slice": gettext_lazy("Slices being sent"),
    "query": gettext_lazy("Queries"),
    "dashboard": gettext_lazy("Dashboards"),
    "transform": gettext_lazy("Transforms"),
    "endpoint": gettext_lazy("Endpoints"),
    "user": gettext_lazy("Users"),
    "person": gettext_lazy("Erasures"),
    "attributes": gettext_lazy("Attributes"),
    "event_stream": gettext_lazy("Event stream"),
    "webhook": gettext_lazy("Webhooks"),
    "public_key": gettext_lazy("Public keys"),
    "report": gettext_lazy("Weekly reports"),
}
_WHAT = "\0"  # stands where the thing goes; no text holds it


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An entry as a page shows it: ``before``, then ``what`` (a link if ``url`` is there; may be empty), then ``after``."""

    id: int
    at: datetime.datetime
    before: str
    what: str
    url: str
    after: str
    raw: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """``person``: a user's key, 0 for the console itself. ``since`` and ``until`` enclose the time, the latter exclusive."""

    person: int | None = None
    kind: str = ""
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None


def launchers(*, project: Project) -> QuerySet[User]:
    """Everybody whose role allows launching campaigns."""
    mine = {"memberships__project": project, "memberships__role__in": MAY_LAUNCH}
    return User.objects.filter(is_active=True, **mine).order_by("email")


def audit_lines(
    *, project: Project, chosen: AuditFilter | None = None, before: int | None = None, limit: int = 20
) -> list[AuditLine]:
    """The newest entries, ``before`` the id of one. Queries: one of entries, one for each kind of thing among them."""
    found = _chosen(AuditEntry.objects.filter(project=project), chosen or AuditFilter())
    last = AuditEntry.objects.filter(project=project, pk=before).first() if before is not None else None
    if last is not None:
        found = found.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    entries = list(found.select_related("actor").order_by("-at", "-pk")[:limit])
    things = _things(project, entries)
    sentences = _sentences()
    return [_line(entry, sentences, things.get((entry.object_type, entry.object_id))) for entry in entries]


def audit_people(*, project: Project) -> list[User]:
    """Everybody who did something in the project."""
    actors = AuditEntry.objects.filter(project=project, actor__isnull=False).order_by().values("actor_id").distinct()
    return list(User.objects.filter(pk__in=actors).order_by("email"))


def audit_sentences(*, entries: Iterable[AuditEntry]) -> dict[int, str]:
    """Entries of any projects in words, by their keys: for the operators' list."""
    told, of_projects = {}, defaultdict(list)
    for entry in entries:
        of_projects[entry.project].append(entry)
    sentences = _sentences()
    for project, some in of_projects.items():
        things = _things(project, some) if project else {}
        for entry in some:
            line = _line(entry, sentences, things.get((entry.object_type, entry.object_id)))
            told[entry.pk] = f"{line.before}{line.what}{line.after}"
    return told


def _chosen(rows: QuerySet[AuditEntry], chosen: AuditFilter) -> QuerySet[AuditEntry]:
    if chosen.person is not None:
        rows = rows.filter(actor_id=chosen.person or None)
    if chosen.kind:
        rows = rows.filter(verb__startswith=f"{chosen.kind}.")
    if chosen.since is not None:
        rows = rows.filter(at__gte=chosen.since)
    return rows.filter(at__lt=chosen.until) if chosen.until is not None else rows


def _sentences() -> dict[str, str]:
    return {verb: sentence for some in ports.audit_sentences.call() for verb, sentence in some.items()}


def _things(project: Project, entries: Iterable[AuditEntry]) -> dict[tuple[str, str], ports.Thing]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        ids[entry.object_type].add(entry.object_id)
    return {
        (label, found): thing
        for label, some in ids.items()
        for known in ports.audit_things.call(project, label, some)
        for found, thing in known.items()
    }


def _line(entry: AuditEntry, sentences: Mapping[str, str], thing: ports.Thing | None) -> AuditLine:
    who = _("%(person)s") % {"person": entry.actor} if entry.actor else _("The console itself")
    values: defaultdict[str, Any] = defaultdict(lambda: "–", {key: _shown(key, value) for key, value in entry.data.items()})
    values |= {"who": who, "what": _WHAT}
    sentence = sentences.get(entry.verb)
    text = _(sentence) % values if sentence else f"{who}: {entry.verb} {_WHAT}"
    before, what, after = text.partition(_WHAT)
    named = thing.name if thing else str(entry.data.get("name") or entry.data.get("address") or entry.object_id)
    raw = {"verb": entry.verb, "object": f"{entry.object_type} {entry.object_id}", **entry.data}
    return AuditLine(
        id=entry.pk, at=entry.at, before=before, what=_("“%(name)s”") % {"name": named} if what else "",
        url=thing.url if thing and what else "", after=after, raw=json.dumps(raw, ensure_ascii=False, indent=1),
    )  # fmt: skip


def _shown(key: str, value: Any) -> str:
    known = {"role": Role, "mode": Project.Mode}.get(key)
    if known is not None and value in known.values:
        return str(known(value).label)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and key != "version" else str(value)
