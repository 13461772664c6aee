"""Reads of the page "Web pages": the project's keys, what to put into a page, and what was seen of its pages last."""

from __future__ import annotations

import collections
import datetime
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from analytics.event_names import names_of
from analytics.models import Event, HitClass
from endpoints.collecting import notes
from endpoints.collecting.door import PREFIX
from endpoints.collecting.script import VERSION, script
from endpoints.models import Endpoint
from endpoints.writing.refusals import SENTENCES
from projects.models import Project, PublicKey

_SHOWN = 4  # attributes of an event


@dataclass(frozen=True, slots=True)
class KeyCard:
    """A key with what is copied from it. ``snippet`` always has the newest script, ``pinned`` this one and no other."""

    key: PublicKey
    snippet: str
    pinned: str


@dataclass(frozen=True, slots=True)
class SeenLine:
    """An event of a page, as it was written. ``is_machine``: its program says so itself, and it starts nothing."""

    at: datetime.datetime
    event_type: str
    note: str
    endpoint_pk: int
    visitor: str
    is_machine: bool


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """Something that was not taken: with which key, and why."""

    at: datetime.datetime
    key: str
    why: str


def keys(*, project: Project) -> tuple[list[KeyCard], list[PublicKey]]:
    """Those that pages can use, oldest first, and those that were revoked. One query."""
    found = list(PublicKey.objects.filter(project=project).order_by("pk"))
    return [_card(key) for key in found if not key.revoked_at], [key for key in found if key.revoked_at]


def _card(key: PublicKey) -> KeyCard:
    newest = script(VERSION)
    assert newest is not None
    server = settings.PUBLIC_URL + PREFIX
    early = "window.pabal = window.pabal || function () { (pabal.q = pabal.q || []).push(arguments); };"
    consent = ' data-consent="required"' if key.needs_consent else ""
    pinned = (
        f'<script async src="{server}pabal-{VERSION}.js" data-key="{key.token}"{consent}'
        f' integrity="{newest.integrity}" crossorigin="anonymous"></script>'
    )
    lines = f'<script>{early}</script>\n<script async src="{server}{key.token}.js"></script>'
    return KeyCard(key=key, snippet=lines, pinned=f"<script>{early}</script>\n{pinned}")


def seen(*, project: Project) -> list[SeenLine]:
    """The newest events of the project's pages, of whoever was not erased since. Three queries."""
    wanted = notes.last_seen(project_id=project.pk)
    if not wanted:
        return []
    rows = Event.objects.filter(
        project_id=project.pk, occurred_at__in={one.occurred_at for one in wanted}, id__in={one.event_id for one in wanted}
    )  # fmt: skip
    by_id = {row.id: row for row in rows}
    names = names_of(project_id=project.pk)
    visitors = dict(
        Endpoint.objects.filter(project=project, pk__in={row.endpoint_id for row in by_id.values()}).values_list("pk", "endpoint_id")
    )  # fmt: skip
    found = (by_id.get(uuid.UUID(one.event_id)) for one in wanted)
    return [
        SeenLine(
            row.occurred_at, names.get(row.kind, ""), _note(row), row.endpoint_id, visitors[row.endpoint_id],
            is_machine=row.hit_class == HitClass.SCANNER,
        )
        for row in found if row is not None and row.endpoint_id in visitors
    ]  # fmt: skip


def _note(row: Event) -> str:
    data = row.data or {}
    told = {**data.get("attributes", {}), **data.get("metrics", {})}
    return " · ".join(f"{name}: {value}" for name, value in list(told.items())[:_SHOWN])


def refused(*, cards: Sequence[KeyCard]) -> list[RefusedLine]:
    """What was not taken last, newest first, of all keys together."""
    lines = [
        RefusedLine(note.at, card.key.name, _why(note)) for card in cards for note in notes.last_refused(key_id=card.key.pk)
    ]  # fmt: skip
    return sorted(lines, key=lambda line: line.at, reverse=True)[: notes.LAST]


def _told(note: notes.RefusedNote) -> str:
    if note.code != "EventLeftOut":
        return note.detail
    by_language = dict(orjson.loads(note.detail))
    return str(by_language.get(get_language(), by_language.get("en", "")))


def _why(note: notes.RefusedNote) -> str:
    given = {"detail": _told(note), "code": note.code}
    if note.code == "PartLeftOut":
        sentence = str(SENTENCES.get(note.detail, note.detail))
        return sentence % collections.defaultdict(lambda: "…")  # what the visitor's value was is nobody's business here
    sentences = {
        "EventLeftOut": _("An event was left out: %(detail)s"),
        "OriginRefused": _("A page of “%(detail)s” used the key. Add that origin if it is yours."),
        "ConsentNeeded": _("A page sent events before its visitor agreed. Its script must know that consent is demanded."),
        "TooManyRequests": _(
            "Too many requests within ten seconds from one address, or with this key. They are sent again later."
        ),
        "TooManyVisitors": _("The key has no room for new visitors today (WEB_VISITORS_PER_DAY)."),
        "UserFull": _("A visitor without a signature was not linked: his user has as many visitors as he may."),
        "NewType": _("The type of event “%(detail)s” is new, and the key or the project takes no more types from pages."),
        "NewName": _("The attribute “%(detail)s” is new, and the key or the project takes no more names from pages."),
    }
    return sentences.get(note.code, _("A request was no batch of events: %(code)s.")) % given
