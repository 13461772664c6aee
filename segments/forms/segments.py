"""The form of a dynamic segment: a name, and the builder's document."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm
from segments.evaluation.values import is_storable


class SegmentForm(StyledForm):
    name = forms.CharField(label=_("Segment name"), max_length=128)
    document = forms.CharField(widget=forms.HiddenInput, max_length=200_000)

    def clean_document(self) -> dict[str, Any]:
        return read_document(str(self.cleaned_data["document"]))


def read_document(text: str) -> dict[str, Any]:
    """The builder's JSON, without what it does not write (a name, tags); raises ``ValidationError`` for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise forms.ValidationError(_("The filters did not arrive. Load the page again.")) from None
    if not isinstance(document, dict) or not is_storable(document):
        raise forms.ValidationError(_("The filters did not arrive. Load the page again."))
    return {key: value for key, value in document.items() if key not in ("Name", "tags")}
