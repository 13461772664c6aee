"""Forms of senders."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm


class SenderForm(StyledForm):
    name = forms.CharField(
        label=_("Sender name"), max_length=64, required=False, help_text=_("What the inbox shows, such as your shop's name.")
    )
    address = forms.EmailField(label=_("E-mail address"))

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if any(ord(char) < 32 for char in name):
            raise forms.ValidationError(_("A name is one line of text."))
        return name
