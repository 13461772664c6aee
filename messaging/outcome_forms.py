"""Forms of the suppression lists and of the bounce mailbox."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from messaging.models import BounceMailbox
from messaging.suppression import files
from projects.forms import StyledForm, one_line


class AddressesForm(StyledForm):
    addresses = forms.CharField(
        label=_("Addresses"), max_length=100_000, widget=forms.Textarea(attrs={"rows": 3}), help_text=_("One a line.")
    )

    def lines(self) -> list[str]:
        return str(self.cleaned_data["addresses"]).splitlines()


class AddressFileForm(StyledForm):
    file = forms.FileField(
        label=_("CSV file"), widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
        help_text=_("One address a line, or a column named address or email. 10 MB at most."),
    )  # fmt: skip

    def clean_file(self) -> list[str]:
        file = self.cleaned_data["file"]
        if file.size > files.BYTES_LIMIT:
            raise ValidationError(_("The file is larger than 10 MB. Divide it."))
        try:
            return list(files.addresses(file.read()))
        except (files.Undecodable, ValueError):
            raise ValidationError(_("The file can't be read. Save it as CSV in UTF-8.")) from None


class SuppressionRulesForm(StyledForm):
    hard_bounces = forms.BooleanField(
        label=_("Addresses that bounced for good"),
        required=False,
        help_text=_("There is no such mailbox, and there won't be one."),
    )
    complaints = forms.BooleanField(
        label=_("Addresses that reported a message as spam"), required=False,
        help_text=_("They are opted out in any case; the list keeps imports from writing to them again."),
    )  # fmt: skip


class BounceMailboxForm(StyledForm):
    host = forms.CharField(label=_("Server"), max_length=253, validators=[one_line])
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=993)
    security = forms.ChoiceField(
        label=_("Encryption"), choices=BounceMailbox.Security.choices, initial=BounceMailbox.Security.TLS
    )
    user = forms.CharField(label=_("User"), max_length=256, validators=[one_line])
    password = forms.CharField(
        label=_("Password"), max_length=256, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again. Empty: as it was."),
    )  # fmt: skip
    folder = forms.CharField(label=_("Folder"), max_length=200, initial="INBOX", validators=[one_line])

    @staticmethod
    def initial_of(mailbox: BounceMailbox) -> dict[str, Any]:
        return {name: getattr(mailbox, name) for name in ("host", "port", "security", "user", "folder")}

    def clean_host(self) -> str:
        return str(self.cleaned_data["host"]).lower()

    def clean_folder(self) -> str:
        folder = str(self.cleaned_data["folder"])
        if not folder.isascii():
            raise ValidationError(_("The folder's name must be in ASCII. Give it another name, or let bounces go to INBOX."))
        return folder
