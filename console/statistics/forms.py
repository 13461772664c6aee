"""What a page of numbers is asked for."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics import explorer
from analytics.conditions import SIGNS
from analytics.event_names import said
from analytics.models import FIRST_CUSTOM_KIND, EventKind
from analytics.statistics.buckets import Buckets, Grain
from analytics.statistics.daily import Days
from analytics.statistics.funnel import MOST_STEPS
from projects.forms import StyledForm, styled

MOST_DAYS = 366
MOST_DAYS_BY_HOUR = 14
MOST_CONDITIONS = 5
OF_ATTRIBUTE = "a:"  # before the name of an attribute by which events are told apart
_DEFAULT_DAYS = 30
_MEASURES = [
    (explorer.Measure.EVENTS, _("Events")), (explorer.Measure.ENDPOINTS, _("Endpoints")), (explorer.Measure.SUM, _("Sum of a metric")),
    (explorer.Measure.AVERAGE, _("Average of a metric")), (explorer.Measure.LEAST, _("Least value of a metric")),
    (explorer.Measure.GREATEST, _("Greatest value of a metric")),
]  # fmt: skip


def kind_choices(names: Mapping[int, str]) -> list[tuple[int, str]]:
    """The types of events to choose from: the project's own, then those of apps and pages, then those of messages."""
    found = sorted(names.items(), key=lambda one: (one[0] < FIRST_CUSTOM_KIND, one[0] < EventKind.SESSION_START, one[1]))
    return [(kind, said(name)) for kind, name in found]


class DaysForm(StyledForm):
    """From and to, both counted; without them the last thirty days."""

    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, today: datetime.date, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today, self._zone = today, zoneinfo.ZoneInfo(zone)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        until = values.get("until") or self._today
        since = values.get("since") or until - datetime.timedelta(days=_DEFAULT_DAYS - 1)
        if since > until:
            self.add_error("until", _("The end is before the start."))
        elif (until - since).days >= MOST_DAYS:
            self.add_error("since", _("A page shows %(days)s days at most.") % {"days": MOST_DAYS})
        return values | {"since": since, "until": until}

    def days(self) -> Days:
        """Those that are asked for, or the last thirty when they are none."""
        if self.is_valid():
            return Days(self.cleaned_data["since"], self.cleaned_data["until"], self._zone)
        return Days(self._today - datetime.timedelta(days=_DEFAULT_DAYS - 1), self._today, self._zone)


class FunnelForm(DaysForm):
    """Up to six steps, the time they have, and whom it looks at."""

    hours = forms.IntegerField(label=_("Within (hours)"), min_value=1, max_value=24 * 90, initial=168)
    segment = forms.ChoiceField(label=_("Segment"), required=False)

    def __init__(self, *args: Any, kinds: Iterable[tuple[int, str]], segments: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("–")), *((str(kind), name) for kind, name in kinds)]
        for number in range(1, MOST_STEPS + 1):
            label = _("Step %(number)s") % {"number": number}
            self.fields[f"step{number}"] = forms.ChoiceField(label=label, required=number <= 2, choices=choices)
        styled(self)
        self.order_fields([*(f"step{number}" for number in range(1, MOST_STEPS + 1)), "hours", "segment", "since", "until"])
        self.fields["segment"].choices = [("", _("Everybody")), *segments]  # type: ignore[attr-defined]

    def kinds(self) -> list[int]:
        values = (self.cleaned_data.get(f"step{number}") for number in range(1, MOST_STEPS + 1))
        return [int(value) for value in values if value]


class ExploreForm(DaysForm):
    """One type of events: what is counted, by what, and what must hold.

    Conditions come as rows of fields of the same names: ``attribute`` and ``value``; ``metric_name``, ``metric_sign`` and ``metric_value``.
    """

    type = forms.TypedChoiceField(label=_("Type"), coerce=int)
    grain = forms.ChoiceField(label=_("Time step"), required=False, choices=[(Grain.DAY, _("day")), (Grain.HOUR, _("hour"))])
    measure = forms.ChoiceField(label=_("What is counted"), required=False, choices=_MEASURES)
    metric = forms.CharField(label=_("Metric"), required=False, max_length=50, strip=False)
    group = forms.CharField(label=_("Told apart by"), required=False, max_length=60, strip=False)

    def __init__(self, *args: Any, kinds: Iterable[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["type"].choices = list(kinds)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if self.errors:
            return values
        measure = explorer.Measure(values.get("measure") or explorer.Measure.EVENTS)
        if measure.is_of_metric and not values.get("metric"):
            self.add_error("metric", _("Choose the metric of which it is told."))
        grain = Grain(values.get("grain") or Grain.DAY)
        if grain is Grain.HOUR and (values["until"] - values["since"]).days >= MOST_DAYS_BY_HOUR:
            self.add_error("grain", _("By the hour a page shows %(days)s days at most.") % {"days": MOST_DAYS_BY_HOUR})
        return values | {"measure": measure, "grain": grain}

    def attribute_rows(self) -> list[tuple[str, str]]:
        """(name, value) as they were given, those without a name left out."""
        given = zip(self._list("attribute"), self._list("value"), strict=False)
        return [(name[:50], value[:200]) for name, value in given if name][:MOST_CONDITIONS]

    def metric_rows(self) -> list[tuple[str, str, str]]:
        """(name, sign, number) as they were given, likewise."""
        given = zip(self._list("metric_name"), self._list("metric_sign"), self._list("metric_value"), strict=False)
        return [(name[:50], sign, value[:40]) for name, sign, value in given if name][:MOST_CONDITIONS]

    def _list(self, name: str) -> list[str]:
        return [text.replace("\0", "") for text in self.data.getlist(name)] if hasattr(self.data, "getlist") else []

    def question(self, *, project_id: int) -> explorer.Question:
        """The form is valid. Raises ``explorer.QuestionRefused`` for a condition that is none."""
        values = self.cleaned_data
        kind, group = values["type"], values["group"]
        is_of_programs = kind >= EventKind.SESSION_START
        metrics = tuple((name, sign, _number(text)) for name, sign, text in self.metric_rows() if sign in SIGNS)
        return explorer.Question(
            project_id=project_id, kind=kind, buckets=self.buckets(),
            measure=values["measure"] if is_of_programs else explorer.Measure.EVENTS,
            metric=values["metric"], group=group.removeprefix(OF_ATTRIBUTE) if is_of_programs and group.startswith(OF_ATTRIBUTE) else "",
            is_by_campaign=group == explorer.BY_CAMPAIGN, attributes=_united(self.attribute_rows()) if is_of_programs else (),
            metrics=metrics if is_of_programs else (),
        )  # fmt: skip

    def buckets(self) -> Buckets:
        return Buckets(self.days(), self.cleaned_data["grain"] if self.is_valid() else Grain.DAY)


def _united(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Rows of the same attribute are values of which it has one."""
    found: dict[str, list[str]] = {}
    for name, value in rows:
        found.setdefault(name, []).append(value)
    return tuple((name, tuple(values)) for name, values in found.items())


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise explorer.QuestionRefused(_("“%(text)s” is not a number. Write it like 12000 or 9.5.") % {"text": text})
    return number
