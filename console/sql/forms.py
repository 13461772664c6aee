"""What the page of SQL sends."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.lake import sql as lake
from core.errors import Refusal

PREFIX = "value-"  # of a field that gives a parameter its value


class Unfinished(Refusal):
    """What was sent lacks something; the sentence says what."""


class QueryForm(forms.Form):
    """A query with the values of its parameters; a name where it is to be saved, or to become a segment."""

    sql = forms.CharField(max_length=lake.CHARACTERS, strip=True, error_messages={"required": _("Write a query first.")})
    name = forms.CharField(max_length=100, required=False)
    segment_name = forms.CharField(max_length=128, required=False)

    def parameters(self) -> dict[str, str]:
        names = lake.parameters_of(self.cleaned_data["sql"])
        given = {name: self.data.get(f"{PREFIX}{name}", "").strip() for name in names}
        return {name: value for name, value in given.items() if value}

    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")
