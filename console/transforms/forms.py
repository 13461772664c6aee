"""What the pages of transforms send."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.lake import sql as lake
from analytics.models import LakeTransform
from projects.forms import StyledForm

_M = LakeTransform.Mode


class SqlForm(StyledForm):
    sql = forms.CharField(
        label=_("Query"), max_length=lake.CHARACTERS, widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        error_messages={"required": _("Write a query first.")},
    )  # fmt: skip


class TransformForm(SqlForm):
    """The table's name, what the query is asked about at a time, and from which day on."""

    name = forms.CharField(
        label=_("Name of the table"), max_length=50, widget=forms.TextInput(attrs={"placeholder": "opens_by_hour", "autocomplete": "off"})
    )  # fmt: skip
    mode = forms.ChoiceField(
        label=_("The query is asked"), initial=_M.HOUR, widget=forms.RadioSelect,
        choices=[
            (_M.HOUR, _("Hour by hour: of each hour that is over, its events alone; the answer is added to the table")),
            (_M.DAY, _("Day by day: of each day (UTC) with new events, its events; the answer takes the place of that day")),
            (_M.WHOLE, _("All at once: of all events, each hour in which there are new ones; the answer is the whole table")),
        ],
    )  # fmt: skip
    since = forms.DateField(
        label=_("Of what happened since"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("A day of UTC. Empty: only of what comes from now on."),
    )  # fmt: skip

    field_order = ["name", "mode", "since", "sql"]


class BackfillForm(StyledForm):
    since = forms.DateField(label=_("Since"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
