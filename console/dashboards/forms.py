"""What the pages of dashboards send."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from console.models import Dashboard
from projects.forms import StyledForm


class DashboardNameForm(StyledForm):
    name = forms.CharField(label=_("Name"), max_length=100)


class DashboardForm(DashboardNameForm):
    """Its name, and when its numbers are old."""

    refresh_seconds = forms.TypedChoiceField(label=_("New numbers"), coerce=int, choices=Dashboard.Refresh.choices)
