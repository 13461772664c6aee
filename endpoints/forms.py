"""Forms about people and their attributes: input into plain values."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from endpoints.models import AttributeKind
from projects.forms import StyledForm


class RemoveAttributesForm(StyledForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=AttributeKind.choices)
    patterns = forms.CharField(
        label=_("Names"), max_length=2_000, help_text=_("Several are divided by commas. A * stands for any text: old_*"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip

    def clean_patterns(self) -> list[str]:
        patterns = [text.strip() for text in str(self.cleaned_data["patterns"]).split(",") if text.strip()]
        if not patterns:
            raise forms.ValidationError(_("Write at least one name."))
        return patterns
