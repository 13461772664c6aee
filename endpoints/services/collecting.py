"""Writing what web pages sent: their visitors' endpoints, who they say they are, and their events.

Everything of a batch is written in one transaction with the position up to which batches are read, so that none is lost and none
counts twice. What a page may not do is decided here again, by what is stored: see docs/adr/0027-web-pages.md.
"""

from __future__ import annotations

import collections
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Q

from analytics.events import EventRow
from analytics.hits.consuming import Consumer
from analytics.hits.drain import write_events
from analytics.services.event_types import kinds_of
from core.redis import quick_client
from endpoints.collecting import notes
from endpoints.collecting.batch import BATCHES, Batch, Visitor
from endpoints.models import AttributeKind, AttributeName, ChannelType, Endpoint, OptOutEntry
from endpoints.services import catalogue
from endpoints.services.app_events import Given, event_rows
from endpoints.services.update import Accepted, update_endpoints
from endpoints.writing import rules
from projects.models import Project
from projects.services import public_keys

# Of what a project may have, pages may use up so much; the rest is left for its files and programs.
TYPES_OF_PAGES = 1_000
NAMES_OF_PAGES = 0.6
_LOCK = 0x7061_6269
_NAMESPACE = uuid.UUID("3a6f5cf4-7a4e-5d0b-8f3c-8f5e7d1c2b90")
_DAY_SECONDS = 2 * 24 * 3600

_log = logging.getLogger(__name__)


def drain_batches() -> int:
    """Write what waits. Returns how many new events were written."""
    return CONSUMER.drain()


def _write(lines: Sequence[bytes]) -> int:
    batches: list[tuple[bytes, Batch]] = []
    for line in lines:
        try:
            batches.append((line, Batch.from_line(line)))
        except (ValueError, KeyError, TypeError):
            BATCHES.bury(line)
    return _write_or_halve(batches)


def _write_or_halve(batches: Sequence[tuple[bytes, Batch]]) -> int:
    """One batch that the database does not take must not stop the others: it is looked for, and put aside."""
    if not batches:
        return 0
    try:
        with transaction.atomic():
            return _write_batches([batch for _line, batch in batches])
    except (OperationalError, InterfaceError):
        raise  # the database's fault: all of them wait
    except (DatabaseError, ValueError, TypeError):
        if len(batches) == 1:
            _log.exception("A batch of a web page can't be written")
            BATCHES.bury(batches[0][0])
            return 0
    middle = len(batches) // 2
    return _write_or_halve(batches[:middle]) + _write_or_halve(batches[middle:])


def _write_batches(batches: Sequence[Batch]) -> int:
    of_projects: dict[int, list[Batch]] = collections.defaultdict(list)
    for batch in batches:
        of_projects[batch.project_id].append(batch)
    projects = Project.objects.filter(pk__in=of_projects, deleted_at=None).order_by("pk")
    rows: list[EventRow] = []
    for project in projects:
        mine = of_projects[project.pk]
        found = _Pages(project, mine).written()
        rows += found
        public_keys.note_used(key_ids={batch.key_id for batch in mine}, now=mine[-1].arrived_at)
        seen = [notes.Seen(row.digits, row.occurred_at) for row in found[-notes.LAST :]]
        transaction.on_commit(_noting(project.pk, seen))
    return write_events(rows) if rows else 0


def _noting(project_id: int, seen: Sequence[notes.Seen]) -> Callable[[], None]:
    return lambda: notes.note_seen(project_id=project_id, seen=seen)


class _Pages:
    """One project's batches, in the order in which they came."""

    def __init__(self, project: Project, batches: Sequence[Batch]) -> None:
        self._project, self._batches = project, batches
        self._now = batches[-1].arrived_at
        found = Endpoint.objects.filter(project=project, endpoint_key__in={batch.endpoint_id for batch in batches})
        self._known = dict(found.values_list("endpoint_key", "pk"))
        self._named = set(self._known)  # for which there is a document, or that are stored
        self._visitors: dict[str, set[str]] = {}  # by UserId
        self._names = _Names(project, batches)
        self._addressed: set[str] = set()  # e-mail addresses that got an endpoint
        self._unknown_left = self._room_for_visitors()

    def written(self) -> list[EventRow]:
        """The rows of their events; the endpoints are written."""
        documents = [document for batch in self._taken() for document in self._documents(batch)]
        pks = dict(self._known)
        if documents:
            answers = update_endpoints(
                project=self._project, items=documents, source=OptOutEntry.Source.WEB_PAGE, now=self._now
            )  # fmt: skip
            for document, answer in zip(documents, answers, strict=True):
                if isinstance(answer, Accepted):
                    pks[document["Id"].lower()] = answer.id
                else:
                    _log.info("Not taken from a web page of project %s: %s", self._project.pk, answer.message)
        return self._events(pks)

    # -- visitors ------------------------------------------------------------------------------------------------------

    def _room_for_visitors(self) -> dict[int, int]:
        """How many new visitors each key may still bring today; those of this batch are counted."""
        new: dict[int, set[str]] = collections.defaultdict(set)
        for batch in self._batches:
            if batch.endpoint_id not in self._known:
                new[batch.key_id].add(batch.endpoint_id)
        left = {}
        for key_id, some in new.items():
            name = f"pabal:web:new:{key_id}:{self._now:%Y-%m-%d}"
            try:
                total = int(quick_client().incrby(name, len(some)))  # type: ignore[arg-type]  # the client is no async one
                quick_client().expire(name, _DAY_SECONDS)
            except redis.RedisError:
                total = len(some)  # nobody is turned away because Redis is
            left[key_id] = settings.WEB_VISITORS_PER_DAY - (total - len(some))
        return left

    def _taken(self) -> Iterable[Batch]:
        """Those whose visitor is known or has room."""
        admitted = set(self._known)
        for batch in self._batches:
            if batch.endpoint_id not in admitted:
                if self._unknown_left[batch.key_id] <= 0:
                    notes.note_refused(key_id=batch.key_id, code="TooManyVisitors", detail="", now=self._now)
                    continue
                self._unknown_left[batch.key_id] -= 1
                admitted.add(batch.endpoint_id)
            yield batch

    def _documents(self, batch: Batch) -> Iterable[dict[str, Any]]:
        """EndpointRequest documents: the visitor's own, and the user's apart from it, so that one refused takes the other along no more."""
        said = self._names.allowed(batch, batch.endpoint)
        if batch.endpoint_id not in self._named:
            self._named.add(batch.endpoint_id)
            address = {"ChannelType": str(ChannelType.IN_APP), "Address": batch.endpoint_id}
            yield {"Id": batch.endpoint_id, **address, **said}
        elif said:
            yield {"Id": batch.endpoint_id, **said}
        if batch.visitor is not None and self._may_be(batch, batch.visitor):
            yield from self._user(batch, batch.visitor)

    def _user(self, batch: Batch, visitor: Visitor) -> Iterable[dict[str, Any]]:
        user: dict[str, Any] = {"UserId": visitor.user_id}
        if attributes := self._names.allowed(batch, {"UserAttributes": visitor.attributes}).get("UserAttributes"):
            user["UserAttributes"] = attributes
        yield {"Id": batch.endpoint_id, "User": user}
        if visitor.email:
            yield from self._mail_address(visitor)

    def _mail_address(self, visitor: Visitor) -> Iterable[dict[str, Any]]:
        """An endpoint for an address that nobody has yet: of one that is there a page decides nothing, least of all that it wants mail."""
        key = visitor.email.lower()
        name = str(uuid.uuid5(_NAMESPACE, f"{self._project.pk}\n{key}"))
        is_there = Q(channel_type=ChannelType.EMAIL, address_key=key) | Q(endpoint_key=name)
        if key in self._addressed or Endpoint.objects.filter(is_there, project=self._project).exists():
            return
        self._addressed.add(key)
        yield {
            "Id": name, "ChannelType": str(ChannelType.EMAIL), "Address": visitor.email, "OptOut": "NONE" if visitor.opts_in else "ALL",
            "User": {"UserId": visitor.user_id},
        }  # fmt: skip

    def _may_be(self, batch: Batch, visitor: Visitor) -> bool:
        """A signed visitor is who he is. Of unsigned ones a user has a few: more than that, and one who made them up is at work."""
        his = self._visitors_of(visitor.user_id)
        if visitor.is_signed or batch.endpoint_id in his or len(his) < rules.VISITORS_PER_USER:
            his.add(batch.endpoint_id)
            return True
        notes.note_refused(key_id=batch.key_id, code="UserFull", detail="", now=self._now)
        return False

    def _visitors_of(self, user_id: str) -> set[str]:
        """The Ids of the user's visitors, those of this batch too."""
        if user_id not in self._visitors:
            rows = Endpoint.objects.filter(
                project=self._project, user__user_id=user_id, endpoint_key__startswith=rules.VISITOR_PREFIX
            )
            self._visitors[user_id] = set(rows.values_list("endpoint_key", flat=True))
        return self._visitors[user_id]

    # -- events --------------------------------------------------------------------------------------------------------

    def _events(self, pks: Mapping[str, int]) -> list[EventRow]:
        kinds = self._kinds()
        given = []
        for batch in self._batches:
            pk = pks.get(batch.endpoint_id)
            if pk is None:
                continue
            for event_id, event in batch.events.items():
                kind = kinds.get(event["EventType"])
                if kind is None:
                    notes.note_refused(key_id=batch.key_id, code="NewType", detail=event["EventType"], now=self._now)
                else:
                    given.append(Given(pk, event_id, event, kind, batch.arrived_at, batch.hit_class))
        return event_rows(project=self._project, given=given, sources={})

    def _kinds(self) -> dict[str, int]:
        """By name; new ones get numbers where a key takes them and the pages have room."""
        named = {
            is_open: {
                event["EventType"] for batch in self._batches if batch.takes_new_names == is_open for event in batch.events.values()
            }
            for is_open in (True, False)
        }  # fmt: skip
        known = kinds_of(project_id=self._project.pk, names=named[True] | named[False], limit=0)
        return known | kinds_of(project_id=self._project.pk, names=named[True] - known.keys(), limit=TYPES_OF_PAGES)


class _Names:
    """Which names of attributes and metrics pages may write: known ones, and new ones while there is room."""

    _KINDS = {
        "Attributes": AttributeKind.ATTRIBUTE, "UserAttributes": AttributeKind.USER_ATTRIBUTE, "Metrics": AttributeKind.METRIC,
    }  # fmt: skip

    def __init__(self, project: Project, batches: Sequence[Batch]) -> None:
        wanted = {(str(kind), name) for batch in batches for kind, name in self._of(batch)}
        self._unknown = catalogue.unknown_names(project=project, names=wanted)
        total = AttributeName.objects.filter(project=project).count() if self._unknown else 0
        self._room = int(settings.ATTRIBUTE_NAMES_LIMIT * NAMES_OF_PAGES) - total

    def _of(self, batch: Batch) -> Iterable[tuple[str, str]]:
        visitor = {"UserAttributes": batch.visitor.attributes} if batch.visitor else {}
        for member, some in {**batch.endpoint, **visitor}.items():
            if member in self._KINDS:
                yield from ((self._KINDS[member], name) for name in some)

    def allowed(self, batch: Batch, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is said, without names that are new and have no room."""
        found = dict(said)
        for member, kind in self._KINDS.items():
            if some := said.get(member):
                found[member] = {name: value for name, value in some.items() if self._has_room(batch, (str(kind), name))}
        return {member: some for member, some in found.items() if some}

    def _has_room(self, batch: Batch, name: tuple[str, str]) -> bool:
        if name not in self._unknown:
            return True
        if not batch.takes_new_names or self._room <= 0:
            notes.note_refused(key_id=batch.key_id, code="NewName", detail=name[1], now=batch.arrived_at)
            return False
        self._room -= 1
        self._unknown.discard(name)
        return True


CONSUMER = Consumer(waiting=BATCHES, lock=_LOCK, batch=500, write=_write)
