"""What a point of a picture stands for: some endpoints, or a rule that tells them. Its address says which point of which picture."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.explorer import table
from analytics.models import EventKind
from analytics.statistics.buckets import Buckets, Grain
from analytics.statistics.daily import Days
from core.audience import Audience
from core.errors import Refusal
from projects.models import Project

Span = tuple[datetime.datetime, datetime.datetime]


class PointRefused(Refusal):
    """A point of which no segment can be made."""


@dataclass(frozen=True, slots=True)
class Point:
    """``members``: who it is, as they are now and stay; or ``document``: a definition that goes on saying who it is."""

    name: str
    members: Audience | None = None
    document: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A point as its address names it. ``query`` is all of the address, what the page was asked for among it."""

    project: Project
    days: Days
    series: str
    label: str
    query: QueryDict
    now: datetime.datetime

    @property
    def day(self) -> datetime.date:
        """The label as a day of the page."""
        place = Buckets(self.days, Grain.DAY).place(self.label)
        if place is None:
            raise unknown()
        return self.days.first + datetime.timedelta(days=place)

    @property
    def whole(self) -> Span:
        """When the page's days begin and end."""
        days = Buckets(self.days, Grain.DAY)
        return days.start, days.end

    @property
    def span(self) -> Span:
        """When the label's day begins and ends."""
        return Buckets(Days(self.day, self.day, self.days.zone), Grain.DAY).span(0)


def unknown() -> PointRefused:
    return PointRefused(_("This point is not in the picture any more. Go back and choose one."))


def points_url(project: Project, chart: str, query: Mapping[str, Any] | QueryDict) -> str:
    """The address of a chart's points, to which the point is added. ``query``: what the page was asked for."""
    asked = query.urlencode() if isinstance(query, QueryDict) else urlencode(query)
    return f"{reverse('console:make-point-segment', args=[project.public_id])}?{urlencode({'chart': chart})}{'&' if asked else ''}{asked}"


Maker = Callable[[Asked], Point]
_makers: dict[str, Maker] = {}


def of_chart(*keys: str) -> Callable[[Maker], Maker]:
    """The function says what the points of these charts stand for."""

    def register(maker: Maker) -> Maker:
        _makers.update(dict.fromkeys(keys, maker))
        return maker

    return register


def point_of(chart: str, asked: Asked) -> Point:
    """Raises ``Refusal``: there is no such point, or it takes too long to find who it is."""
    maker = _makers.get(chart)
    if maker is None:
        raise unknown()
    return maker(asked)


def acted(asked: Asked, kinds: Sequence[int], spans: Sequence[Span], **conditions: Any) -> Audience:
    """Who had an event of these kinds in one of the spans."""
    return table.people(project_id=asked.project.pk, kinds=kinds, spans=spans, **conditions)


def hours_of_week(days: Days, weekday: int, hour: int) -> list[Span]:
    """That hour of each such weekday (0: Monday) among the days."""
    hours = Buckets(days, Grain.HOUR)
    return [hours.span(24 * number + hour) for number, day in enumerate(days.all) if day.weekday() == weekday]


def weekday_and_hour(asked: Asked) -> tuple[list[Span], str]:
    """The spans of a point of a heat map by hours of the week, and how they are called."""
    if asked.series not in tuple("0123456") or not asked.label.isascii() or not asked.label.isdecimal() or int(asked.label) > 23:
        raise unknown()
    weekday = date_format(datetime.date(2024, 1, 1) + datetime.timedelta(days=int(asked.series)), "l")
    said = _("%(weekday)s, %(hour)s:00") % {"weekday": weekday, "hour": asked.label}
    return hours_of_week(asked.days, int(asked.series), int(asked.label)), said


def between(days: Days) -> str:
    return f"{days.first:%Y-%m-%d} – {days.last:%Y-%m-%d}"


BOUNCES = (EventKind.EMAIL_HARDBOUNCE, EventKind.EMAIL_SOFTBOUNCE)
