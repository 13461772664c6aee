"""Reads of the people pages: browsing and finding endpoints, one person with all endpoints, opt-outs.

Everything here stays fast with ten million endpoints: only indexed columns are asked, pages go by the last id, and what a text
begins with is looked at only so far.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.audience import Audience
from endpoints import facets
from endpoints.models import AttributeKind, AttributeName, ChannelType, Endpoint, EndpointUser, OptOut, OptOutEntry
from projects.models import Project, User

CANDIDATES = 200  # endpoints looked at for each way in which a text may be meant: Id, address, UserId
WINDOW = (
    20_000  # endpoints looked at for one page of a filter without facets: if one in a million fits, it must not read them all
)
_CHANNEL, _STATUS, _OPT_OUT = (
    facets.Subject(facets.SubjectKind.STANDARD, name) for name in ("Demographic.Channel", "EndpointStatus", "OptOut")
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which endpoints a page lists; an empty text is no condition."""

    channel: str = ""
    status: str = ""
    opt_out: str = ""

    def apply(self, endpoints: QuerySet[Endpoint]) -> QuerySet[Endpoint]:
        given = {"channel_type": self.channel, "status": self.status, "opt_out": self.opt_out}
        return endpoints.filter(**{name: value for name, value in given.items() if value})


@dataclass(frozen=True, slots=True)
class PersonLine:
    """An endpoint in a list."""

    id: int
    endpoint_id: str
    channel: str
    address: str
    user_id: str
    is_active: bool
    is_opted_out: bool
    updated_at: datetime.datetime

    @property
    def state(self) -> str:
        return str(_("Opted out") if self.is_opted_out else _("Receives messages") if self.is_active else _("Inactive"))

    @property
    def colour(self) -> str:
        return "orange" if self.is_opted_out else "green" if self.is_active else "secondary"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; ``next_after`` is where the next one begins (None: this is the last). It may be short, even empty, before."""

    lines: list[PersonLine]
    next_after: int | None
    total: int | None  # who fits the filter, on all pages


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. ``is_cut``: more begin with the text than were looked at."""

    lines: list[PersonLine]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class OptOutLine:
    """One change of an endpoint's OptOut: what to, when, by what way and by whom (a colleague, or a campaign's message)."""

    at: datetime.datetime
    is_opted_out: bool
    source: str
    actor: str
    campaign_id: int | None
    address: str


def browse(*, project: Project, only: Filter, after: int = 0, limit: int = 50) -> Page:
    """The project's endpoints in the order in which they were made, ``after`` an id.

    The facets know who fits, and how many. While they are being rebuilt, at most ``WINDOW`` endpoints are looked at for a page.
    """
    fitting = _fitting(project, only)
    if fitting is None:
        return _browse_window(project, only, after, limit)
    ids = fitting.after(endpoint_id=after, limit=limit + 1)
    lines = _lines(_rows(project).filter(pk__in=ids[:limit]).order_by("pk"))
    return Page(lines=lines, next_after=ids[limit - 1] if len(ids) > limit else None, total=len(fitting))


def _fitting(project: Project, only: Filter) -> Audience | None:
    asked = {_CHANNEL: only.channel, _STATUS: only.status, _OPT_OUT: only.opt_out}
    wanted = {facets.EVERYONE: ""} | {subject: value for subject, value in asked.items() if value}
    with facets.moment(project_id=project.pk):
        snapshot = facets.read(project_id=project.pk, subjects=list(wanted))
        found = [(snapshot.facet(subject), value) for subject, value in wanted.items()]
        sets = [facet.carrying([value]) for facet, value in found if facet is not None]
    return functools.reduce(lambda left, right: left & right, sets) if len(sets) == len(wanted) else None


def _browse_window(project: Project, only: Filter, after: int, limit: int) -> Page:
    rows = _rows(project).filter(pk__gt=after).order_by("pk")
    end = None if only == Filter() else rows.values_list("pk", flat=True)[WINDOW - 1 : WINDOW].first()
    if end is not None:
        rows = rows.filter(pk__lte=end)
    lines = _lines(only.apply(rows)[: limit + 1])
    if len(lines) > limit:
        return Page(lines=lines[:limit], next_after=lines[limit - 1].id, total=None)
    return Page(lines=lines, next_after=end, total=None)


def find(*, project: Project, text: str, only: Filter, limit: int = 50) -> Found:
    """Endpoints whose Id, address or UserId is the text or begins with it, exact ones first."""
    lower = text.lower()
    rows = _rows(project)
    own_channels = rows.filter(channel_type__in=ChannelType.values)  # so that the index on (channel, address) serves
    users = dict(
        EndpointUser.objects.filter(project=project, user_id__startswith=text)
        .order_by("user_id")
        .values_list("pk", "user_id")[:CANDIDATES]
    )
    # The exact ones may lie behind the first candidates.
    exact = _ids(rows.filter(endpoint_key=lower)) | _ids(own_channels.filter(address_key=lower))
    exact |= _ids(rows.filter(user__in=[pk for pk, user_id in users.items() if user_id == text]))
    ways = [
        _ids(rows.filter(endpoint_key__startswith=lower)),
        _ids(own_channels.filter(address_key__startswith=lower)),
        _ids(rows.filter(user__in=list(users))),
    ]
    fitting = only.apply(rows.filter(pk__in=exact.union(*ways))).values_list("pk", flat=True)
    shown = sorted(fitting, key=lambda pk: (pk not in exact, pk))[:limit]
    lines = {line.id: line for line in _lines(rows.filter(pk__in=shown))}
    is_cut = any(len(way) > CANDIDATES for way in ways) or len(fitting) > limit
    return Found(lines=[lines[pk] for pk in shown if pk in lines], is_cut=is_cut)


def _ids(endpoints: QuerySet[Endpoint]) -> set[int]:
    return set(endpoints.values_list("pk", flat=True)[: CANDIDATES + 1])


def endpoint(*, project: Project, pk: int) -> Endpoint:
    """With its user. Raises ``Endpoint.DoesNotExist``."""
    return Endpoint.objects.select_related("user").get(project=project, pk=pk)


def endpoints_of_person(*, endpoint: Endpoint) -> list[Endpoint]:
    """All endpoints of the endpoint's user, or the endpoint alone when it has none."""
    if endpoint.user_id is None:
        return [endpoint]
    return list(
        Endpoint.objects.filter(project_id=endpoint.project_id, user_id=endpoint.user_id).select_related("user").order_by("pk")
    )


def opt_outs(*, project: Project, endpoints: Iterable[Endpoint], limit: int = 50) -> list[OptOutLine]:
    """Who opted these endpoints out or in, when and how, newest first. Two queries."""
    addresses = {one.pk: one.address or one.endpoint_id for one in endpoints}
    entries = list(OptOutEntry.objects.filter(project=project, endpoint__in=addresses).order_by("-at", "-pk")[:limit])
    actors = {entry.actor_id for entry in entries if entry.actor_id is not None}
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=actors)}
    return [
        OptOutLine(
            at=entry.at,
            is_opted_out=entry.opt_out == OptOut.ALL,
            source=str(OptOutEntry.Source(entry.source).label),
            actor=names.get(entry.actor_id, "") if entry.actor_id else "",
            campaign_id=entry.campaign_id,
            address=addresses[entry.endpoint_id],
        )
        for entry in entries
    ]


@dataclass(frozen=True, slots=True)
class Detail:
    """One named field of an endpoint, ready to be shown."""

    name: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    details: list[Detail]


def sections(*, endpoint: Endpoint) -> list[Section]:
    """The maps of an endpoint and of its user, sorted by name; empty ones are left out."""
    maps: list[tuple[str, dict[str, Any]]] = [
        (_("User attributes"), endpoint.user.attributes if endpoint.user else {}),
        (_("Endpoint attributes"), endpoint.attributes),
        (_("Metrics"), endpoint.metrics),
        (_("Demographic"), endpoint.demographic),
        (_("Location"), endpoint.location),
    ]
    return [Section(title, [Detail(name, _texts(held[name])) for name in sorted(held)]) for title, held in maps if held]


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    return [f"{value:g}" if isinstance(value, float) else str(value)]


@dataclass(frozen=True, slots=True)
class NameLine:
    """A name of the attribute catalogue."""

    kind: str
    label: str
    name: str
    looks_like_date: bool
    first_seen_at: datetime.datetime


def attribute_names(*, project: Project) -> list[NameLine]:
    return [
        NameLine(
            kind=one.kind, label=str(AttributeKind(one.kind).label), name=one.name, looks_like_date=one.looks_like_date,
            first_seen_at=one.first_seen_at,
        )
        for one in AttributeName.objects.filter(project=project).order_by("kind", "name")
    ]  # fmt: skip


def endpoints_with(*, project: Project, kind: str, name: str) -> int | None:
    """How many endpoints carry a name, exactly; None where no facets answer (too many values, or no such kind)."""
    if kind not in AttributeKind:
        return None
    subject = facets.Subject(facets.SubjectKind(kind), name)
    with facets.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[subject]).facet(subject)
        return None if facet is None else len(facet.carrying(facet.values()))


def _rows(project: Project) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(project=project)


def _lines(endpoints: QuerySet[Endpoint]) -> list[PersonLine]:
    columns = "pk", "endpoint_id", "channel_type", "address", "user__user_id", "status", "opt_out", "updated_at"
    return [
        PersonLine(
            id=pk, endpoint_id=endpoint_id, channel=str(ChannelType(channel).label), address=address, user_id=user_id or "",
            is_active=status == "ACTIVE", is_opted_out=opt_out == OptOut.ALL, updated_at=updated_at,
        )
        for pk, endpoint_id, channel, address, user_id, status, opt_out, updated_at in endpoints.values_list(*columns)
    ]  # fmt: skip
