"""Events of apps and web pages, as Pinpoint's PutEvents takes them (reference, section 8.4): endpoints are updated, events queued.

An event is answered when it is safe. It counts once however often it is sent, told by its endpoint, its id and its time, which are the
client's. So it happened when the client says it did, unless that is a month back or in the future: then when it came first.
"""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.utils.translation import gettext as _

from analytics import ports
from analytics.events import EventRow
from analytics.hits import queue
from analytics.models import EventKind, HitClass, SourceKind
from analytics.queries import last_reactions
from analytics.services.event_types import LIMIT, kinds_of
from core.errors import Refusal
from endpoints import queries
from endpoints.arrivals import Told, instants
from endpoints.models import OptOutEntry
from endpoints.services.update import Accepted, of_an_app, update_endpoints
from endpoints.writing.refusals import ItemRefused
from projects.models import Project

EVENTS_LIMIT = 100  # of one request
NAME_LIMIT = 50  # characters of a type, or of an attribute's or metric's name
VALUE_LIMIT = 200  # characters of an attribute's value
NAMES_LIMIT = 40  # attributes and metrics of one event
BYTES_LIMIT = 1_000_000  # of one event, as JSON
_NAMESPACE = uuid.UUID("5f0d3b8e-7a57-5a0c-9d5e-6f1a1c8b7d21")
_APP = ("AppPackageName", "AppTitle", "AppVersionCode", "AppVersionName", "SdkName", "ClientSdkVersion")
# Of these families only what an app can know is taken from one; the rest is what this installation itself did.
_OWN = ("_email.", "_SMS.", "_campaign.", "_journey.")
_OF_APPS = frozenset(
    {
        EventKind.CAMPAIGN_OPENED_NOTIFICATION, EventKind.CAMPAIGN_RECEIVED_FOREGROUND, EventKind.CAMPAIGN_RECEIVED_BACKGROUND,
        EventKind.JOURNEY_OPENED_NOTIFICATION, EventKind.JOURNEY_RECEIVED_FOREGROUND, EventKind.JOURNEY_RECEIVED_BACKGROUND,
    }
)  # fmt: skip
_NAMES_OF_APPS = frozenset(str(kind.label) for kind in _OF_APPS)


class TooManyEvents(Refusal):
    """More events than one request may bring."""


class EventRefused(Refusal):
    """One event that is not taken."""


@dataclass(slots=True)
class Answer:
    """What became of an endpoint's part of a request; empty texts: accepted. ``events`` by the client's ids."""

    endpoint: str = ""
    events: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """An event that was checked: whose, under which id, of which kind, and when it came."""

    endpoint_pk: int
    event_id: str
    event: Mapping[str, Any]
    kind: int
    arrived_at: datetime.datetime
    hit_class: int = HitClass.NONE


def put_events(*, project: Project, batch: Mapping[str, Mapping[str, Any]], now: datetime.datetime) -> dict[str, Answer]:
    """``batch``: the client's endpoint ids to ``{"Endpoint": …, "Events": {id: …}}``; an answer for each.

    A refused endpoint takes its events with it, a refused event nothing else. Raises ``TooManyEvents``, then nothing is taken.
    """
    total = sum(len(one.get("Events") or {}) for one in batch.values())
    if total > EVENTS_LIMIT:
        raise TooManyEvents(
            _("A request has %(limit)s events at most; this one has %(total)s.") % {"limit": EVENTS_LIMIT, "total": total}
        )
    answers = {endpoint_id: Answer() for endpoint_id in batch}
    pks = _endpoints(project, batch, answers, now)
    taken: list[tuple[str, str, Mapping[str, Any]]] = []
    for endpoint_id, one in batch.items():
        for event_id, event in (one.get("Events") or {}).items():
            if endpoint_id not in pks:
                answers[endpoint_id].events[event_id] = _("Its endpoint was not accepted.")
                continue
            try:
                check_event(event)
            except EventRefused as refused:
                answers[endpoint_id].events[event_id] = refused.message
            else:
                answers[endpoint_id].events[event_id] = ""
                taken.append((endpoint_id, event_id, event))
    kinds = kinds_of(project_id=project.pk, names={event["EventType"] for _endpoint, _id, event in taken})
    sources = _sources(project, (event for _endpoint, _id, event in taken))
    given: list[Given] = []
    for endpoint_id, event_id, event in taken:
        kind = kinds.get(event["EventType"])
        if kind is None:
            answers[endpoint_id].events[event_id] = _("The project has %(limit)s types of events already.") % {"limit": LIMIT}
        else:
            given.append(Given(pks[endpoint_id], event_id, event, kind, now))
    if given:
        queue.put_events(event_rows(project=project, given=given, sources=sources))
    return answers


def _endpoints(
    project: Project, batch: Mapping[str, Mapping[str, Any]], answers: dict[str, Answer], now: datetime.datetime
) -> dict[str, int]:
    """The primary keys of those that exist or were made; what is said of them is written."""
    keys = {endpoint_id.lower() for endpoint_id in batch}
    known = queries.endpoint_pks(project_id=project.pk, keys=keys)
    pks = {endpoint_id: known[endpoint_id.lower()] for endpoint_id in batch if endpoint_id.lower() in known}
    written = [endpoint_id for endpoint_id, one in batch.items() if one.get("Endpoint") or endpoint_id not in pks]
    items = [_document(endpoint_id, batch[endpoint_id].get("Endpoint") or {}, endpoint_id in pks) for endpoint_id in written]
    if not items:
        return pks
    done = update_endpoints(project=project, items=items, source=OptOutEntry.Source.API, now=now)
    for endpoint_id, answer in zip(written, done, strict=True):
        if isinstance(answer, Accepted):
            pks[endpoint_id] = answer.id
        elif isinstance(answer, ItemRefused):
            answers[endpoint_id].endpoint = answer.message
            pks.pop(endpoint_id, None)
    return pks


def _document(endpoint_id: str, said: Mapping[str, Any], is_known: bool) -> dict[str, Any]:
    """An EndpointRequest document; of one that nobody knows yet, an app's own (in-app messages reach it) unless it says otherwise."""
    document = {name: value for name, value in said.items() if name not in ("EndpointStatus", "EffectiveDate")} | {
        "Id": endpoint_id
    }
    attributes = document.get("Attributes")
    if isinstance(attributes, Mapping):  # a public endpoint's are texts, not lists of texts
        document["Attributes"] = {name: [value] if isinstance(value, str) else value for name, value in attributes.items()}
    return document if is_known else of_an_app(document)


def check_event(event: Mapping[str, Any]) -> None:
    """Raises ``EventRefused``."""
    name = event.get("EventType")
    if not isinstance(name, str) or not name.strip():
        raise EventRefused(_("An event needs an EventType."))
    if len(name) > NAME_LIMIT:
        raise EventRefused(_("An EventType has %(limit)s characters at most.") % {"limit": NAME_LIMIT})
    if name.startswith(_OWN) and name not in _NAMES_OF_APPS:
        raise EventRefused(_("“%(name)s” is what the console itself writes; a program can't send it.") % {"name": name})
    if _instant(event.get("Timestamp")) is None:
        raise EventRefused(_("An event needs a Timestamp such as 2026-11-26T09:00:00Z."))
    attributes, metrics = _map(event, "Attributes"), _map(event, "Metrics")
    if len(attributes) + len(metrics) > NAMES_LIMIT:
        raise EventRefused(_("An event has %(limit)s attributes and metrics at most.") % {"limit": NAMES_LIMIT})
    if any(len(one) > NAME_LIMIT for one in (*attributes, *metrics)):
        raise EventRefused(_("The name of an attribute or metric has %(limit)s characters at most.") % {"limit": NAME_LIMIT})
    if not all(isinstance(one, str) and len(one) <= VALUE_LIMIT for one in attributes.values()):
        raise EventRefused(_("The value of an attribute is a text of %(limit)s characters at most.") % {"limit": VALUE_LIMIT})
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in metrics.values()):
        raise EventRefused(_("A metric is a number."))
    try:
        written = orjson.dumps(event)
    except orjson.JSONEncodeError as fault:  # half a surrogate pair, a number beyond 64 bits
        raise EventRefused(_("The event can't be kept: %(reason)s.") % {"reason": str(fault)[:VALUE_LIMIT]}) from None
    if len(written) > BYTES_LIMIT:
        raise EventRefused(_("An event has %(limit)s KB at most.") % {"limit": f"{BYTES_LIMIT // 1_000:,}"})
    if b"\\u0000" in written:
        raise EventRefused(_("A text must not hold a NUL character."))


def _map(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = event.get(name) or {}
    if type(found) is not dict and not isinstance(found, Mapping):  # an abstract class is asked slowly, and seldom
        raise EventRefused(_("“%(name)s” is a map of names to values.") % {"name": name})
    return found


def _instant(text: object) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)  # the SDKs of Android leave it out


def _sources(project: Project, events: Iterable[Mapping[str, Any]]) -> dict[str, ports.RunSource]:
    """The runs that events name: the SDKs say so of what is done after a notification was opened."""
    said = [_map(event, "Attributes") for event in events]
    named = {
        str(one[name]) for one in said for name in ("campaign_activity_id", "journey_activity_id") if one.get(name) is not None
    }
    found: dict[str, ports.RunSource] = {}
    for known in ports.run_sources.call(project.pk, named) if named else []:
        found |= known
    return found


def event_rows(*, project: Project, given: Sequence[Given], sources: Mapping[str, ports.RunSource]) -> list[EventRow]:
    """The rows of events that were checked. Whose message they came from is what they name (``sources``); a purchase that names none
    is put down to the last message that its person reacted to."""
    ids = [uuid.uuid5(_NAMESPACE, f"{one.endpoint_pk}:{one.event_id}") for one in given]
    times = instants({
        event_id: Told(_instant(one.event["Timestamp"]) or one.arrived_at, one.arrived_at)
        for event_id, one in zip(ids, given, strict=True)
    })  # fmt: skip
    whose = [_named(one, sources) for one in given]
    unnamed = [
        place for place, one in enumerate(given) if one.kind == EventKind.MONETIZATION_PURCHASE and whose[place] is None
    ]  # fmt: skip
    groups = (
        queries.groups_of_users(project_id=project.pk, ids={given[place].endpoint_pk for place in unnamed}) if unnamed else {}
    )
    reactions = last_reactions(
        project_id=project.pk, asked=[(groups[given[place].endpoint_pk], times[ids[place]]) for place in unnamed]
    )  # fmt: skip
    for place, reaction in zip(unnamed, reactions, strict=True):
        whose[place] = reaction
    return [
        EventRow(
            id=event_id, occurred_at=times[event_id], project_id=project.pk, endpoint_id=one.endpoint_pk, kind=one.kind,
            hit_class=one.hit_class, data=_data(one.event, one.arrived_at), **_columns(source),
        )
        for event_id, one, source in zip(ids, given, whose, strict=True)
    ]  # fmt: skip


def _named(one: Given, sources: Mapping[str, ports.RunSource]) -> ports.RunSource | None:
    attributes = _map(one.event, "Attributes")
    activity = str(attributes.get("campaign_activity_id") or attributes.get("journey_activity_id") or "")
    return sources.get(activity)


def _columns(source: ports.RunSource | None) -> dict[str, Any]:
    if source is None:
        return {"source_kind": SourceKind.DIRECT}
    return {
        "source_kind": source.source_kind, "source_id": source.source_id, "run_id": source.run_id, "treatment": source.treatment,
    }  # fmt: skip


def _data(event: Mapping[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """What the event tells beside its type, as ``analytics.records`` reads it; times in milliseconds."""
    data: dict[str, Any] = {"arrived": int(now.timestamp() * 1000)}
    app = {name: str(event[name])[:VALUE_LIMIT] for name in _APP if event.get(name)}
    session = _session(event.get("Session"))
    for name, value in (
        ("app", app),
        ("session", session),
        ("attributes", _map(event, "Attributes")),
        ("metrics", _map(event, "Metrics")),
    ):
        if value:
            data[name] = dict(value)
    return data


def _session(said: object) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        return {}
    start, stop = (_instant(said.get(name)) for name in ("StartTimestamp", "StopTimestamp"))
    found: dict[str, Any] = {"id": str(said.get("Id") or "")[:VALUE_LIMIT]}
    found |= {name: int(at.timestamp() * 1000) for name, at in (("start", start), ("stop", stop)) if at is not None}
    return found | ({"duration": said["Duration"]} if isinstance(said.get("Duration"), int) else {})
