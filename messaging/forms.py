"""Forms of senders and domains."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm, one_line


class SenderForm(StyledForm):
    name = forms.CharField(
        label=_("Sender name"), max_length=64, required=False, validators=[one_line],
        help_text=_("What the inbox shows, such as your shop's name."),
    )  # fmt: skip
    address = forms.EmailField(label=_("E-mail address"), max_length=254)


class DomainForm(StyledForm):
    name = forms.CharField(
        label=_("Domain"), max_length=200, validators=[one_line],
        help_text=_("What stands behind the @ of your addresses, such as shop.example.com."),
    )  # fmt: skip
