"""What a page of numbers is asked for."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.statistics.daily import Days
from analytics.statistics.funnel import MOST_STEPS
from projects.forms import StyledForm, styled

MOST_DAYS = 366
_DEFAULT_DAYS = 30


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
