"""The page of who the endpoints are: by country on a map, place, language, device, version, and since when they are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.statistics import countries
from console.statistics.charts import Chart, Series
from console.statistics.frame import asked as days_asked
from console.statistics.frame import show_page
from console.statistics.pictures import Points
from console.statistics.points import Asked, Point, of_chart, points_url, unknown
from core import clock
from core.audience import Audience
from core.errors import Refusal
from endpoints import demographics
from endpoints.models import ChannelType
from projects.access import Access, project_or_404
from projects.models import Project
from segments import evaluation
from segments import queries as segment_queries
from segments.evaluation.parse_dimension import MAX_VALUES
from segments.models import Segment

_DRAWN = 15  # bars
_LISTED = 50  # lines of a table; writing them out takes longer than counting
_MONTHS = 36
_MOST_SEGMENTS = 500
VALUE = "v:"  # before the value, or the group of values, in the address of a point
WITHOUT = "none"
_IS_PINPOINTS = {"Location.Country", *(f"Demographic.{name}" for name in ("AppVersion", "Channel", "Make", "Model", "Platform"))}


@dataclass(frozen=True, slots=True)
class Field:
    """A picture: ``path`` is the field of the endpoints, ``grouped`` the group that a value belongs to, ``named`` what that is called."""

    key: str
    path: str
    title: Any
    corner: Any
    kind: str = "ranks"
    grouped: Callable[[str], str] = str
    named: Callable[[str], str] = str


def _language_or_itself(locale: str) -> str:
    return countries.language_of(locale) or locale


def _channel_name(value: str) -> str:
    return str(ChannelType(value).label) if value in ChannelType else value


FIELDS = (
    Field(
        "countries", "Location.Country", gettext_lazy("Endpoints by country"), gettext_lazy("Country"), "map",
        named=countries.country_name,
    ),
    Field("regions", "Location.Region", gettext_lazy("Endpoints by region"), gettext_lazy("State or region")),
    Field("cities", "Location.City", gettext_lazy("Endpoints by city"), gettext_lazy("City")),
    Field(
        "languages", "Demographic.Locale", gettext_lazy("Endpoints by language"), gettext_lazy("Language"),
        grouped=_language_or_itself, named=countries.language_name,
    ),
    Field("app-versions", "Demographic.AppVersion", gettext_lazy("Endpoints by app version"), gettext_lazy("App version")),
    Field("platforms", "Demographic.Platform", gettext_lazy("Endpoints by platform"), gettext_lazy("Platform")),
    Field(
        "channels", "Demographic.Channel", gettext_lazy("Endpoints by channel"), gettext_lazy("Channel"), named=_channel_name,
    ),
    Field("makes", "Demographic.Make", gettext_lazy("Endpoints by maker of the device"), gettext_lazy("Maker of the device")),
    Field("models", "Demographic.Model", gettext_lazy("Endpoints by model of the device"), gettext_lazy("Model of the device")),
)  # fmt: skip
_BY_KEY = {one.key: one for one in FIELDS}


@login_required
def show_demographics(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    form, days = days_asked(request, access)
    context: dict[str, Any] = {"segments": list(segment_queries.listed_segments(project=access.project)[:_MOST_SEGMENTS])}
    try:
        segment, members = _within(access.project, request.GET)
    except Refusal as refusal:
        return show_page(request, access, "demographics", form, days, refusal=refusal.message, **context)
    found = demographics.makeup(project_id=access.project.pk, fields=[one.path for one in FIELDS], within=members)
    points = _points(access, segment)
    charts = [_picture(one, found, points(one.key)) for one in FIELDS]
    charts.append(_months(demographics.arrivals(project_id=access.project.pk, within=members), points("months")))
    return show_page(
        request, access, "demographics", form, days, charts=charts, total=found.total, segment=segment, **context,
    )  # fmt: skip


def _within(project: Project, query: QueryDict) -> tuple[Segment | None, Audience | None]:
    """The segment that was chosen and who is in it now. Raises ``Refusal`` when that can't be told."""
    chosen = query.get("segment", "")
    segment = Segment.objects.filter(project=project, public_id=chosen, deleted_at=None).first() if chosen else None
    if segment is None:
        return None, None
    return segment, evaluation.evaluate_segment(project_id=project.pk, segment_id=segment.public_id, now=clock.now())


def _points(access: Access, segment: Segment | None) -> Points:
    query = {"segment": segment.public_id} if segment else {}
    return lambda chart: points_url(access.project, chart, query) if access.can_edit else ""


# -- the pictures -------------------------------------------------------------------------------------------------------


def _groups(field: Field, totals: dict[str, int]) -> dict[str, int]:
    """The groups of values and how many have them, the most frequent first."""
    found: dict[str, int] = defaultdict(int)
    for value, total in totals.items():
        found[field.grouped(value)] += total
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _picture(field: Field, found: demographics.Makeup, points: str) -> Chart:
    totals = found.fields[field.path]
    groups = _groups(field, totals or {})
    is_map = field.kind == "map"
    listed = list(groups) if is_map else list(groups)[:_LISTED]
    known = sum(groups.values())
    rows: list[tuple[str, int, str | None]] = [(field.named(one), groups[one], f"{VALUE}{one}") for one in listed]
    if len(groups) > len(listed):
        rows.append((_("All others"), known - sum(count for _name, count, _key in rows), None))
    if groups and found.total > known:
        rows.append((_("Not known"), found.total - known, WITHOUT))
    series = [
        Series(_("Endpoints"), [count for _name, count, _key in rows], key="endpoints", total=found.total),
        Series(_("Share"), [count / found.total if found.total else None for _name, count, _key in rows], is_rate=True, is_drawn=False),
    ]  # fmt: skip
    return Chart(
        field.key, str(field.title), field.kind, [name for name, _count, _key in rows], series, corner=str(field.corner),
        empty=_empty(field, found, totals), points=points, label_keys=[key for _name, _count, key in rows],
        note=_note(field, len(groups)), drawn=len(listed) if is_map else min(len(listed), _DRAWN),
        places=[countries.country_number(one) for one in listed] if is_map else (),
    )  # fmt: skip


def _empty(field: Field, found: demographics.Makeup, totals: dict[str, int] | None) -> str:
    if totals is None:
        return _("This is not counted now: it has too many different values, or is being indexed anew.")
    if not found.total:
        return _("There are no endpoints yet. Import some first.")
    return _("Of no endpoint this is known. Import it as the column %(column)s, or let your app send it.") % {
        "column": field.path
    }


def _note(field: Field, groups: int) -> str:
    if field.kind == "map":
        return _("Countries that are too small for the map are in the table.")
    if groups > _DRAWN:
        return _("The picture shows the %(count)s most frequent, the table more of them.") % {"count": _DRAWN}
    return ""


def _months(found: Sequence[demographics.Arrivals], points: str) -> Chart:
    now = clock.now().date().replace(day=1)
    labels: list[str] = []
    values: list[int] = []
    keys: list[str | None] = []
    early, late = found[:-_MONTHS], found[-_MONTHS:]
    if early:
        labels.append(_("Before"))
        values.append(sum(len(one.members) for one in early))
        keys.append(None)
    for one in late:
        month = f"{one.month:%Y-%m}"
        labels.append(_("Since %(month)s") % {"month": month} if one.is_open and one.month != now else month)
        values.append(len(one.members))
        keys.append(month)
    series = [Series(_("Endpoints"), values, key="months", total=sum(values))]
    return Chart(
        "months", _("Endpoints by the month in which they came"), "bar", labels, series, corner=_("Month"), points=points,
        label_keys=keys, note=_("Months of UTC, of those endpoints that are still there."),
        empty=_("There is nobody yet, or months are still being counted: look again in some minutes."),
    )  # fmt: skip


# -- who the points are -------------------------------------------------------------------------------------------------


@of_chart(*_BY_KEY)
def endpoints_with_value(asked: Asked) -> Point:
    """A rule, unless it would be too long: who has one of the values, of the segment that the page was asked for."""
    field = _BY_KEY[str(asked.query["chart"])]
    segment, members = _within(asked.project, asked.query)
    values: list[str] = []
    if asked.label == WITHOUT:
        dimension: dict[str, Any] = {"Pabal": {"Negate": True, "Present": {"Standard": [field.path]}}}
        name = _("Not known: %(field)s") % {"field": field.corner}
    else:
        group = asked.label.removeprefix(VALUE)
        totals = demographics.makeup(project_id=asked.project.pk, fields=[field.path]).fields[field.path] or {}
        values = sorted(one for one in totals if field.grouped(one) == group)
        if not asked.label.startswith(VALUE) or not values:
            raise unknown()
        dimension = _having(field.path, values)
        name = _("%(field)s: %(value)s") % {"field": field.corner, "value": field.named(group)}
    if segment is not None:
        name = _("%(name)s, of %(segment)s") % {"name": name, "segment": segment.name}
    if len(values) > MAX_VALUES:  # more than a rule takes
        found = demographics.carrying(project_id=asked.project.pk, field=field.path, values=values)
        return Point(name, members=found if members is None else found & members)
    sources = {"SourceSegments": [{"Id": segment.public_id}], "SourceType": "ANY"} if segment else {"SourceSegments": []}
    return Point(
        name, document={"SegmentGroups": {"Include": "ALL", "Groups": [{**sources, "Type": "ALL", "Dimensions": [dimension]}]}}
    )


def _having(path: str, values: Sequence[str]) -> dict[str, Any]:
    """Pinpoint's own way to say it, or ours where it had none."""
    part, name = path.split(".")
    dimension = {part: {name: {"DimensionType": "INCLUSIVE", "Values": list(values)}}}
    return dimension if path in _IS_PINPOINTS else {"Pabal": dimension}


@of_chart("months")
def endpoints_of_month(asked: Asked) -> Point:
    segment, members = _within(asked.project, asked.query)
    found = {f"{one.month:%Y-%m}": one for one in demographics.arrivals(project_id=asked.project.pk, within=members)}
    if asked.label not in found:
        raise unknown()
    name = _("Came since %(month)s") if found[asked.label].is_open else _("Came in %(month)s")
    name = name % {"month": asked.label}
    if segment is not None:
        name = _("%(name)s, of %(segment)s") % {"name": name, "segment": segment.name}
    return Point(name, members=found[asked.label].members)
