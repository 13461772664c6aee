"""The page of questions about one type of events. What takes longer than a moment is asked for by the page itself when it is there."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _

from analytics import explorer
from analytics.conditions import SIGNS
from analytics.event_names import names_of
from analytics.models import EventKind
from analytics.statistics import daily
from campaigns.models import Campaign
from console.statistics import answers
from console.statistics.forms import MOST_CONDITIONS, OF_ATTRIBUTE, ExploreForm, kind_choices
from console.statistics.frame import show_page, today
from console.statistics.points import Asked, Point, acted, of_chart, points_url, unknown
from core.errors import Refusal
from projects.access import Access, project_or_404
from projects.models import Project

_AT_ONCE = 20_000  # events that are read before the page is answered
_OWN = ("chart", "series", "label", "wait")  # of a point's address and of the page's way to ask


@login_required
def explore_events(request: HttpRequest, project_id: str) -> HttpResponse:
    access = project_or_404(request, project_id)
    names = names_of(project_id=access.project.pk)
    form = _form(request.GET, access.project, names, today(access))
    context: dict[str, Any] = {"is_live": False}
    if form.is_valid():
        kind = form.cleaned_data["type"]
        known = explorer.known_names(project_id=access.project.pk, kind=kind, buckets=form.buckets())
        context |= {"known": known, "groups": _groups(form, known), "is_of_programs": kind >= EventKind.SESSION_START}
        context |= _answered(request, access, form, names)
    if request.headers.get("HX-Request"):
        return render(request, "console/statistics/_answer.html", context)
    context |= {
        "attribute_rows": [*form.attribute_rows(), ("", "")][:MOST_CONDITIONS],
        "metric_rows": [*form.metric_rows(), ("", ">", "")][:MOST_CONDITIONS], "signs": list(SIGNS),
    }  # fmt: skip
    return show_page(request, access, "explore", form, form.days(), **context)


def _form(data: QueryDict, project: Project, names: Mapping[int, str], now: datetime.date) -> ExploreForm:
    """Without a type it is the most frequent one of programs, or of all."""
    if "type" not in data:
        data = data.copy()
        days = ExploreForm(data, today=now, zone=project.time_zone, kinds=()).days()
        found = list(daily.known_kinds(project_id=project.pk, days=days))
        data["type"] = str(
            next((kind for kind in found if kind >= EventKind.SESSION_START), (found or [int(EventKind.SESSION_START)])[0])
        )
    return ExploreForm(data, today=now, zone=project.time_zone, kinds=kind_choices(names))


def _groups(form: ExploreForm, known: explorer.Known) -> list[tuple[str, str]]:
    chosen = form.cleaned_data["group"]
    found = [("", _("–")), (explorer.BY_CAMPAIGN, _("Campaign"))]
    found += [(f"{OF_ATTRIBUTE}{name}", name) for name in known.attributes]
    if chosen and chosen not in dict(found):
        found.append((chosen, chosen.removeprefix(OF_ATTRIBUTE)))
    return found


def _answered(request: HttpRequest, access: Access, form: ExploreForm, names: Mapping[int, str]) -> dict[str, Any]:
    try:
        question = form.question(project_id=access.project.pk)
        is_quick = question.is_counted or question.is_by_campaign or _is_small(question)
        if not is_quick and "wait" not in request.GET and not request.headers.get("HX-Request"):
            return {"is_asked": True, "question": question}
        answer = explorer.answer(question)
    except Refusal as refusal:
        return {"refusal": refusal.message}
    points = points_url(access.project, "explore", _query(request.GET, question)) if access.can_edit else ""
    chart = answers.picture(
        project=access.project, question=question, answer=answer, type_name=names.get(question.kind, str(question.kind)), points=points,
    )  # fmt: skip
    return {"charts": [chart], "notes": answers.notes(answer), "question": question, "points": points, "is_live": is_quick}


def _is_small(question: explorer.Question) -> bool:
    return (
        daily.totals(project_id=question.project_id, days=question.buckets.days, kinds=[question.kind])[question.kind] <= _AT_ONCE
    )


def _query(data: QueryDict, question: explorer.Question) -> QueryDict:
    """What was asked, with the days and the type that it came to."""
    kept, days = data.copy(), question.buckets.days
    for name in _OWN:
        kept.pop(name, None)
    for name, value in (("type", str(question.kind)), ("since", f"{days.first:%Y-%m-%d}"), ("until", f"{days.last:%Y-%m-%d}")):
        kept[name] = value
    return kept


@of_chart("explore")
def explored_point(asked: Asked) -> Point:
    """Who is behind a number; without a label, who is behind all of them: by a rule, where the days go to today."""
    names = names_of(project_id=asked.project.pk)
    form = _form(asked.query, asked.project, names, asked.now.astimezone(asked.days.zone).date())
    if not form.is_valid():
        raise unknown()
    question = form.question(project_id=asked.project.pk)
    event = names.get(question.kind, "")
    if not asked.label:
        return _whole(question, event, asked)
    place = question.buckets.place(asked.label)
    if place is None or not asked.series.startswith(answers.VALUE):
        raise unknown()
    value = asked.series.removeprefix(answers.VALUE)
    if question.is_by_campaign:
        return _of_campaign(question, event, asked, place, value)
    attributes = [*question.attributes, *([(question.group, (value,))] if question.group and value else [])]
    without = question.group if not value else ""
    members = acted(
        asked, [question.kind], [question.buckets.span(place)], attributes=attributes, metrics=question.metrics, without=without,
    )  # fmt: skip
    return Point(
        _("%(event)s%(value)s on %(day)s") % {"event": event, "value": f" ({value})" if value else "", "day": asked.label},
        members,
    )


def _of_campaign(question: explorer.Question, event: str, asked: Asked, place: int, value: str) -> Point:
    """``value``: the campaign's number; empty: of none."""
    campaign = (
        Campaign.objects.filter(project=asked.project, pk=int(value)).first() if value.isascii() and value.isdecimal() else None
    )
    if value and campaign is None:
        raise unknown()
    members = acted(asked, [question.kind], [question.buckets.span(place)], campaign_id=campaign.pk if campaign else 0)
    said = f" ({campaign.name})" if campaign else ""
    return Point(_("%(event)s%(value)s on %(day)s") % {"event": event, "value": said, "day": asked.label}, members)


_COMPARISONS = {"=": "EQUAL", ">": "GREATER_THAN", "<": "LESS_THAN", ">=": "GREATER_THAN_OR_EQUAL", "<=": "LESS_THAN_OR_EQUAL"}


def _whole(question: explorer.Question, event: str, asked: Asked) -> Point:
    days = question.buckets.days
    name = _("%(event)s from %(first)s to %(last)s") % {"event": event, "first": days.first, "last": days.last}
    has_one_test_each = len({metric for metric, _sign, _value in question.metrics}) == len(question.metrics)
    if days.last < asked.now.astimezone(days.zone).date() or not question.has_attributes or not has_one_test_each:
        spans = [(question.buckets.start, question.buckets.end)]
        members = acted(asked, [question.kind], spans, attributes=question.attributes, metrics=question.metrics)
        return Point(name, members)
    length = len(days.all)
    behaviour: dict[str, Any] = {"Event": event, "Days": length}
    if question.attributes:
        behaviour["Attributes"] = {attribute: list(values) for attribute, values in question.attributes}
    if question.metrics:
        behaviour["Metrics"] = {
            metric: {"ComparisonOperator": _COMPARISONS[sign], "Value": value} for metric, sign, value in question.metrics
        }  # fmt: skip
    group = {"SourceSegments": [], "Type": "ALL", "Dimensions": [{"Pabal": {"Behavior": [behaviour]}}]}
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}
    return Point(_("%(event)s in the last %(count)s days") % {"event": event, "count": length}, document=document)
