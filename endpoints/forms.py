"""Forms about people and their attributes: input into plain values."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from endpoints.models import AttributeKind
from projects.forms import StyledForm, one_line
from projects.services.public_keys import KeyValues


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


class KeyForm(StyledForm):
    name = forms.CharField(label=_("Name"), max_length=64, validators=[one_line])
    origins = forms.CharField(
        label=_("Origins"), max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "https://shop.example.com", "spellcheck": "false"}),
        help_text=_("Whose pages may use the key, one a line: https://shop.example.com, or https://*.example.com for all its subdomains."),
    )  # fmt: skip
    needs_consent = forms.BooleanField(
        label=_("Store and send nothing before the visitor agrees"), required=False,
        help_text=_("The page then calls pabal('consent', true) when the visitor agreed."),
    )  # fmt: skip
    trusts_pages = forms.BooleanField(
        label=_("Believe pages who their visitor is"), required=False,
        help_text=_(
            "Otherwise identify() needs a signature of your own server. If you switch this on, anybody who knows a user's id can add "
            "visits and events to that user, and so start event campaigns to him; attributes and addresses need the signature still."
        ),
    )  # fmt: skip
    takes_new_names = forms.BooleanField(
        label=_("Take new names of events and attributes"), required=False, initial=True,
        help_text=_("Switch it off once your pages send what they shall: nobody can fill the project with names of his own then."),
    )  # fmt: skip

    def values(self) -> KeyValues:
        origins = tuple(str(self.cleaned_data["origins"]).split())
        return KeyValues(**self.cleaned_data | {"origins": origins})
