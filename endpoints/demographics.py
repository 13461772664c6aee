"""Who a project's endpoints are: how many have each country, language, device or version, and since when they are there. Counted from
sets, never by going through endpoints."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from core.audience import Audience
from endpoints import facets
from endpoints.facets import store
from endpoints.models import ArrivalMonth, AudienceDay


@dataclass(frozen=True, slots=True)
class Makeup:
    """``fields``: of each field the endpoints that have each value; None when it has more values than are counted, or is being indexed
    anew. ``total``: all endpoints that were looked at."""

    total: int
    fields: dict[str, dict[str, int] | None]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """``is_open``: the last month, which has not been closed yet; it has all who came since its beginning."""

    month: datetime.date
    members: Audience
    is_open: bool = False


def makeup(*, project_id: int, fields: Sequence[str], within: Audience | None = None) -> Makeup:
    """Of the project's endpoints, or of those ``within``, how many have each value of each field (like ``Location.Country``).

    Some queries for each field, however many endpoints there are.
    """
    subjects = {name: _subject(name) for name in fields}
    with facets.moment(project_id=project_id):
        snapshot = facets.read(project_id=project_id, subjects=[facets.EVERYONE, *subjects.values()])
        everyone = snapshot.facet(facets.EVERYONE)
        if everyone is None:
            return Makeup(0, dict.fromkeys(fields))
        members = everyone.carrying([""])
        if within is not None:
            members &= within
        pages = store.pages(members) if within is not None else {}
        found: dict[str, dict[str, int] | None] = {}
        for name, subject in subjects.items():
            facet = snapshot.facet(subject)
            if facet is None:
                found[name] = None
            else:
                found[name] = facet.totals() if within is None else facet.totals_within(members, pages)
    return Makeup(len(members), found)


def arrivals(*, project_id: int, within: Audience | None = None) -> list[Arrivals]:
    """The endpoints that are there by the month of UTC in which they came, the oldest first; empty until months have been counted.

    Two queries and the sets of the months.
    """
    with facets.moment(project_id=project_id):
        months = list(ArrivalMonth.objects.filter(project_id=project_id).order_by("month"))
        everyone = facets.read(project_id=project_id, subjects=[facets.EVERYONE]).facet(facets.EVERYONE)
        if not months or everyone is None:
            return []
        left = everyone.carrying([""])
    if within is not None:
        left &= within
    found = []
    for one in months:
        found.append(Arrivals(one.month, one.members & left))
    left -= Audience.union(one.members for one in found)
    last = months[-1].month
    after = datetime.date(last.year + last.month // 12, last.month % 12 + 1, 1)
    return [one for one in found if one.members] + [Arrivals(after, left, is_open=True)]


def carrying(*, project_id: int, field: str, values: Sequence[str]) -> Audience:
    """The endpoints that have one of the values; nobody while the field is not counted."""
    with facets.moment(project_id=project_id):
        facet = facets.read(project_id=project_id, subjects=[_subject(field)]).facet(_subject(field))
        return Audience() if facet is None else facet.carrying(values)


def growth(*, project_id: int, first: datetime.date, last: datetime.date) -> dict[datetime.date, AudienceDay]:
    """The project's numbers of these days; those of a day on which nobody counted are missing. One query."""
    rows = AudienceDay.objects.filter(project_id=project_id, day__gte=first, day__lte=last)
    return {one.day: one for one in rows}


def _subject(name: str) -> facets.Subject:
    return facets.Subject(facets.SubjectKind.STANDARD, name)
