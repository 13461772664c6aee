"""One request of a web page: what is read of it, and the line that waits until it is written.

What is wrong with one part (an event, the endpoint, the user) is answered and leaves out that part alone; a request that is no batch at
all is refused. What only the database knows (whether there is room for a new name) is decided when the line is written.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from analytics.hits.classify import hit_class
from analytics.hits.waiting import Waiting
from analytics.models import EventKind, HitClass
from endpoints.collecting import visitors
from endpoints.models import ChannelType
from endpoints.services.app_events import EVENTS_LIMIT, EventRefused, check_event
from endpoints.writing import rules
from endpoints.writing.documents import Item, take_document
from endpoints.writing.refusals import ItemRefused
from projects.public_keys import KnownKey

BATCHES = Waiting(stream="pabal:web", folder="web")
SDK = "pabal-web"
EVENT_BYTES = 64 * 1024  # of one event
_ID_LIMIT = 64  # characters of an event's id
_OF_EVENT = ("EventType", "Timestamp", "Session", "Attributes", "Metrics")
_OF_ENDPOINT = ("Attributes", "Metrics", "Demographic", "Location")
_OF_PAGES = frozenset(
    str(kind.label) for kind in EventKind if str(kind.label).startswith(("_session.", "_userauth.", "_monetization."))
)


class BatchRefused(Exception):
    """The request as a whole is not taken; ``code`` is for programs, the message for who reads it in a browser's tools."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who the page says the visitor is; ``is_signed``: so says the project's own server, too."""

    user_id: str
    is_signed: bool
    attributes: Mapping[str, list[str]] = field(default_factory=dict)
    email: str = ""
    opts_in: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What was taken of a request, all of it checked."""

    key_id: int
    project_id: int
    endpoint_id: str
    arrived_at: datetime.datetime
    takes_new_names: bool
    hit_class: int = HitClass.NONE
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    visitor: Visitor | None = None
    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_line(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def from_line(cls, line: bytes) -> Batch:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` for what ``as_line`` did not write."""
        held = orjson.loads(line)
        held["arrived_at"] = datetime.datetime.fromisoformat(held["arrived_at"])
        held["visitor"] = Visitor(**held["visitor"]) if held["visitor"] else None
        return cls(**held)


@dataclass(slots=True)
class Left:
    """What was left out of a batch, each with a sentence."""

    endpoint: str = ""
    identity: str = ""
    events: dict[str, str] = field(default_factory=dict)
    note: tuple[str, str] = ("", "")  # for who puts the script into a page: one reason, without the visitor's values

    def part(self, refused: ItemRefused) -> str:
        self.note = ("PartLeftOut", refused.code)
        return refused.message


def read_batch(*, body: bytes, key: KnownKey, origin: str, user_agent: str, now: datetime.datetime) -> tuple[Batch, Left]:
    """Raises ``BatchRefused``."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise BatchRefused(400, "NotJson", f"The body is not JSON: {fault}.") from None
    if not isinstance(said, dict) or not visitors.is_number(said.get("Visitor")):
        raise BatchRefused(400, "NoVisitor", "A request is an object with “Visitor”, 32 hexadecimal digits.")
    if key.needs_consent and said.get("Consent") is not True:
        raise BatchRefused(
            403, "ConsentNeeded", "The project takes nothing before the visitor agreed: call pabal('consent', true)."
        )
    events = said.get("Events") or {}
    if not isinstance(events, dict) or not all(isinstance(one, dict) for one in events.values()):
        raise BatchRefused(400, "NotEvents", "“Events” is an object of events by their ids.")
    if len(events) > EVENTS_LIMIT:
        raise BatchRefused(400, "TooManyEvents", f"A request has {EVENTS_LIMIT} events at most; this one has {len(events)}.")
    left = Left()
    batch = Batch(
        key_id=key.id, project_id=key.project_id, arrived_at=now, takes_new_names=key.takes_new_names,
        hit_class=_hit_class(user_agent),
        endpoint_id=visitors.endpoint_id(project_public_id=key.project_public_id, number=said["Visitor"]),
        endpoint=_endpoint(said.get("Endpoint"), left), visitor=_visitor(said.get("Identity"), key, left),
        events=_events(events, {
            "SdkName": SDK, "ClientSdkVersion": str(said.get("Version") or "")[:20],
            "AppPackageName": origin.partition("://")[2][:200],
        }, left),
    )  # fmt: skip
    return batch, left


def _hit_class(user_agent: str) -> int:
    """Crawlers run scripts, too: what they do is kept, and counts as little as their clicks do."""
    return HitClass.SCANNER if hit_class(method="GET", user_agent=user_agent) == HitClass.SCANNER else HitClass.NONE


def _events(said: Mapping[str, dict[str, Any]], app: Mapping[str, str], left: Left) -> dict[str, Mapping[str, Any]]:
    taken: dict[str, Mapping[str, Any]] = {}
    for event_id, event in said.items():
        given: dict[str, Any] = {name: event[name] for name in _OF_EVENT if name in event}
        try:
            _check(event_id, given)
        except EventRefused as refused:
            left.events[event_id[:_ID_LIMIT]] = refused.message
            left.note = ("EventLeftOut", _in_all_languages(event_id, given))
        else:
            taken[event_id] = {**given, **app}
    return taken


def _in_all_languages(event_id: str, event: Mapping[str, Any]) -> str:
    """Why the event is refused, by language, as JSON: who reads it is not who asked."""
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            try:
                _check(event_id, event)
            except EventRefused as refused:
                found[language] = refused.message
    return orjson.dumps(found).decode()


def _check(event_id: str, event: Mapping[str, Any]) -> None:
    """Raises ``EventRefused``."""
    if not event_id or len(event_id) > _ID_LIMIT:
        raise EventRefused(_("The id of an event has 1 to %(limit)s characters.") % {"limit": _ID_LIMIT})
    check_event(event)
    name = event["EventType"]
    if name.startswith("_") and name not in _OF_PAGES:
        raise EventRefused(_("“%(name)s” is no event of web pages: names that begin with _ are Pinpoint's own.") % {"name": name})
    if len(orjson.dumps(event)) > EVENT_BYTES:
        raise EventRefused(_("An event has %(limit)s KB at most.") % {"limit": EVENT_BYTES // 1024})


def _endpoint(said: object, left: Left) -> dict[str, Any]:
    """What a page may say of its visitor's endpoint: neither address nor channel, user or opt-out."""
    if not said:
        return {}
    try:
        if not isinstance(said, dict):
            raise ItemRefused("json_type", "Endpoint", member="Endpoint", expected="an object")
        if other := sorted(set(said) - set(_OF_ENDPOINT)):
            raise ItemRefused("not_of_pages", other[0], member=other[0][:50])
        document = dict(said) | ({"Attributes": _lists(said["Attributes"])} if "Attributes" in said else {})
        return _checked(document)
    except ItemRefused as refused:
        left.endpoint = left.part(refused)
        return {}


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Raises ``ItemRefused``."""
    item = Item()
    take_document(item, document)
    rules.check_counts(item.attributes, item.user_attributes)
    written = orjson.dumps(document)
    if b"\\u0000" in written:
        raise ItemRefused("nul")
    if len(written) > rules.ENDPOINT_BYTES:
        raise ItemRefused("too_big")
    return document


def _lists(said: object) -> object:
    """Attributes' values as lists; a page may write one as a text."""
    return (
        {name: [value] if isinstance(value, str) else value for name, value in said.items()} if isinstance(said, dict) else said
    )


def _visitor(said: object, key: KnownKey, left: Left) -> Visitor | None:
    if not said:
        return None
    try:
        return _identified(said, key, left)
    except ItemRefused as refused:
        left.identity = left.part(refused)
        return None


def _identified(said: object, key: KnownKey, left: Left) -> Visitor:
    """Raises ``ItemRefused``."""
    if not isinstance(said, dict):
        raise ItemRefused("json_type", "Identity", member="Identity", expected="an object")
    texts = {name: said.get(name) or "" for name in ("UserId", "Signature", "Email")}
    for name, text in texts.items():
        if not isinstance(text, str) or any(ord(char) < 32 for char in text):
            raise ItemRefused("json_type", name, member=name, expected="a line of text")
    user_id, email = texts["UserId"], texts["Email"]
    if not user_id:
        raise ItemRefused("user_missing", "UserId")
    document = _checked({"User": {"UserId": user_id, "UserAttributes": _lists(said.get("UserAttributes") or {})}})
    if email:
        rules.check_address(email, ChannelType.EMAIL)
    is_signed = key.has_signed(signature=texts["Signature"], user_id=user_id, email=email)
    if texts["Signature"] and not is_signed:
        raise ItemRefused("signature_wrong", "Signature")
    if not is_signed and not key.trusts_pages:
        raise ItemRefused("signature_missing", "Signature")
    attributes = document["User"]["UserAttributes"]
    if not is_signed and (attributes or email):
        left.identity = left.part(ItemRefused("signature_for_more", "Signature"))
        return Visitor(user_id=user_id, is_signed=False)
    return Visitor(user_id=user_id, is_signed=is_signed, attributes=attributes, email=email, opts_in=said.get("OptIn") is True)
