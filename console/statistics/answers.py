"""What a question about events came to, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.explorer import Answer, Group, Question
from analytics.explorer.question import Measure
from campaigns.models import Campaign
from console.statistics.charts import Chart, Series
from projects.models import Project

VALUE = "v:"  # before the value of a group in the address of its points


def picture(*, project: Project, question: Question, answer: Answer, type_name: str, points: str) -> Chart:
    """``points``: as in ``Chart``. One query, where campaigns are named."""
    names = _names(project, question, answer.groups)
    series = [
        Series(
            names[number], one.values, total=one.total, key="" if one.is_rest else f"{VALUE}{one.name}",
        )
        for number, one in enumerate(answer.groups)
    ]  # fmt: skip
    labels = question.buckets.labels
    title = _("%(measure)s of %(type)s") % {"measure": _measure(question), "type": type_name}
    return Chart(
        "explore", title, _kind(question, len(labels), len(series)), labels, series, corner=_("When"),
        points=points,
    )  # fmt: skip


def _kind(question: Question, labels: int, series: int) -> str:
    """What adds up is piled up."""
    if series > 1 and question.measure in (Measure.EVENTS, Measure.SUM):
        return "stacked"
    return "line" if labels > 1 else "bar"


def _measure(question: Question) -> str:
    words = {
        Measure.EVENTS: _("Events"), Measure.ENDPOINTS: _("Endpoints"), Measure.SUM: _("Sum of “%(metric)s”"),
        Measure.AVERAGE: _("Average of “%(metric)s”"), Measure.LEAST: _("Least “%(metric)s”"), Measure.GREATEST: _("Greatest “%(metric)s”"),
    }  # fmt: skip
    return words[question.measure] % {"metric": question.metric}


def _names(project: Project, question: Question, groups: Sequence[Group]) -> list[str]:
    if not question.group and not question.is_by_campaign:
        return [_measure(question)]
    campaigns: Mapping[int, str] = {}
    if question.is_by_campaign:
        ids = [int(one.name) for one in groups if one.name]
        campaigns = dict(Campaign.objects.filter(project=project, pk__in=ids).values_list("pk", "name"))
    found = []
    for one in groups:
        if one.is_rest:
            found.append(_("All others"))
        elif not one.name:
            found.append(_("Without"))
        elif question.is_by_campaign:
            found.append(campaigns.get(int(one.name), one.name))
        else:
            found.append(one.name)
    return found


def notes(answer: Answer) -> list[str]:
    """What a reader must know of the numbers."""
    found = []
    if answer.cut is not None:
        since = timezone.localtime(answer.cut.since)
        found.append(
            _(
                "There are %(events)s events in these days, more than one question reads. The newest %(read)s were counted, those since "
                "%(since)s; what was before is not shown. Ask about fewer days to see all."
            )
            % {"events": f"{answer.cut.events:,}", "read": f"{answer.cut.read:,}", "since": f"{since:%Y-%m-%d %H:%M}"}
        )
    if answer.reason:
        found.append(answer.reason)
    if answer.is_of_lake:
        found.append(_("So many events are counted in the lake, where they come a minute or two after they happen."))
    if answer.missing:
        said = ngettext("%(count)s event is not there (yet).", "%(count)s events are not there (yet).", answer.missing)
        found.append(said % {"count": f"{answer.missing:,}"})
    return found
