"""Forms of senders, domains and relays, and of the fields of an e-mail."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from messaging.domains import names
from messaging.models import Relay
from messaging.rendering.helper_lines import helper_lines
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


class RelayForm(StyledForm):
    """An SMTP server or Amazon SES; what belongs to the other kind is not asked for."""

    name = forms.CharField(label=_("Name of the relay"), max_length=64, validators=[one_line])
    kind = forms.ChoiceField(label=_("Kind"), choices=Relay.Kind.choices, initial=Relay.Kind.SMTP, widget=forms.RadioSelect)
    host = forms.CharField(label=_("Server"), max_length=253, required=False, validators=[one_line])
    port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(label=_("Encryption"), choices=Relay.Security.choices, initial=Relay.Security.STARTTLS)
    user = forms.CharField(label=_("User"), max_length=256, required=False, validators=[one_line])
    password = forms.CharField(
        label=_("Password"), max_length=256, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again. Empty: as it was."),
    )  # fmt: skip
    region = forms.RegexField(
        r"\A[a-z]{2}(-[a-z]+)+-[0-9]{1,2}\Z", label=_("Region"), max_length=32, required=False, initial="ap-northeast-2"
    )
    access_key_id = forms.CharField(
        label=_("Access key id"), max_length=128, required=False, validators=[one_line],
        help_text=_("May be empty with a role: then the server's own identity assumes it."),
    )  # fmt: skip
    secret_access_key = forms.CharField(
        label=_("Secret access key"), max_length=256, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again. Empty: as it was."),
    )  # fmt: skip
    role_arn = forms.RegexField(
        r"\Aarn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,200}\Z", label=_("Role ARN"), max_length=300, required=False,
        error_messages={"invalid": _("A role ARN looks like arn:aws:iam::123456789012:role/name.")},
        widget=forms.TextInput(attrs={"placeholder": "arn:aws:iam::123456789012:role/pabal-mail"}),
    )  # fmt: skip
    configuration_set = forms.RegexField(r"\A[A-Za-z0-9_-]{1,64}\Z", label=_("Configuration set"), max_length=64, required=False)
    senders = forms.CharField(
        label=_("Whose messages take it"), max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One address or domain a line. Empty: every sender that has no other relay."),
    )  # fmt: skip
    max_connections = forms.IntegerField(
        label=_("Connections at once"), min_value=1, max_value=100, initial=10, help_text=_("Of all workers together.")
    )
    messages_per_second = forms.FloatField(
        label=_("Messages a second"), min_value=0.01, max_value=10_000, required=False,
        help_text=_("Empty: as fast as it goes; Amazon SES's own limit is always kept."),
    )  # fmt: skip
    spf_include = forms.CharField(
        label=_("SPF include"), max_length=253, required=False, validators=[one_line],
        help_text=_("What its provider asks to have included in SPF, such as _spf.example.com. The DNS doctor looks for it."),
    )  # fmt: skip

    of_smtp = ("host", "port", "security", "user", "password")
    of_ses = ("region", "access_key_id", "secret_access_key", "role_arn", "configuration_set")
    of_both = ("senders", "max_connections", "messages_per_second", "spf_include")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}
        self.fields["port"].required = False  # of SES there is none

    @staticmethod
    def initial_of(relay: Relay) -> dict[str, Any]:
        values = {name: getattr(relay, name) for name in RelayForm.base_fields if hasattr(relay, name)}
        return values | {"senders": "\n".join(route.sender for route in relay.routes.all() if route.sender)}

    def clean_host(self) -> str:
        return str(self.cleaned_data["host"]).lower()

    def clean_spf_include(self) -> str:
        text = str(self.cleaned_data["spf_include"]).removeprefix("include:")
        try:
            return names.normal(text) if text else ""
        except ValueError:
            raise ValidationError(_("This is no domain. Enter one such as shop.example.com.")) from None

    def clean_senders(self) -> list[str]:
        return [_sender(line.strip()) for line in str(self.cleaned_data["senders"]).splitlines() if line.strip()]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("kind") == Relay.Kind.SMTP:
            if not values.get("host") and "host" not in self.errors:
                self.add_error("host", _("Enter the name of the server."))
            if values.get("port") is None and "port" not in self.errors:
                self.add_error("port", _("Enter the port."))
        elif values.get("kind") == Relay.Kind.SES:
            if not values.get("region") and "region" not in self.errors:
                self.add_error("region", _("Enter the region."))
            if not (values.get("access_key_id") or values.get("role_arn") or self.errors):
                self.add_error("access_key_id", _("Enter an access key, or a role."))
        return values

    def values(self) -> dict[str, Any]:
        """The fields of ``messaging.services.relays.RelayValues``; those of the other kind are left out."""
        given = self.cleaned_data
        is_ses = given["kind"] == Relay.Kind.SES
        names_of = [*(self.of_ses if is_ses else self.of_smtp), "name", "kind", *self.of_both]
        secret = "secret_access_key" if is_ses else "password"
        return {name: given[name] for name in names_of if name != secret} | {"secret": given[secret]}


def _sender(text: str) -> str:
    """An address or a domain, in lower case."""
    try:
        if "@" in text:
            validate_email(text)
            return text.lower()
        return names.normal(text)
    except (ValidationError, ValueError):
        raise ValidationError(_("“%(text)s” is neither an address nor a domain."), params={"text": text[:80]}) from None


class EmailForm(StyledForm):
    """What an e-mail says; the page around it has the ``message-editor`` controller."""

    subject = forms.CharField(label=_("Subject"), max_length=998, required=False)
    preheader = forms.CharField(
        label=_("Preheader"), max_length=300, required=False, help_text=_("What the inbox shows beside the subject.")
    )
    html = forms.CharField(
        label=_("HTML"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false"})
    )
    text = forms.CharField(
        label=_("Text part"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Empty: made from the HTML."),
    )  # fmt: skip
    defaults = forms.CharField(
        label=_("Defaults for missing values"), required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line: User.UserAttributes.MBR_FULLNM = 고객"),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("subject", "preheader", "html", "text"):
            self.fields[name].widget.attrs |= {
                "data-message-editor-target": "field",
                "data-action": "input->message-editor#changed",
            }

    def clean_subject(self) -> str:
        subject = str(self.cleaned_data["subject"])
        if any(ord(char) < 32 for char in subject):
            raise forms.ValidationError(_("A subject is one line of text."))
        return subject

    def clean_defaults(self) -> dict[str, str]:
        return clean_defaults(str(self.cleaned_data["defaults"]))

    def typed(self) -> dict[str, str]:
        """What stands in the fields, accepted or not."""
        accepted = {} if self.errors else self.cleaned_data | {"defaults": self["defaults"].value()}
        return {name: str(accepted.get(name, self[name].value()) or "") for name in self.fields}


def clean_defaults(text: str) -> dict[str, str]:
    """Raises Django's ``ValidationError`` for a line that says none."""
    found, wrong = read_defaults(text)
    if wrong:
        raise forms.ValidationError(_("“%(line)s” has no “=”.") % {"line": wrong[:60]})
    return found


def read_defaults(text: str) -> tuple[dict[str, str], str]:
    """The default of each variable, and the last line that says none."""
    found, wrong = {}, ""
    for line in text.splitlines():
        name, is_there, value = line.partition("=")
        if line.strip() and not is_there:
            wrong = line
        elif name.strip():
            found[name.strip().strip("{}").strip()] = value.strip()
    return found, wrong


def defaults_text(defaults: dict[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in defaults.items())


def editor_context(*, names: list[str]) -> dict[str, Any]:
    """What the message editor knows: the variables and helpers that it completes, and the helpers as a list beside it."""
    lines = helper_lines()
    words = json.dumps([[line.usage, line.about] for line in lines], ensure_ascii=False)
    return {"names": message_names(names), "helpers": lines, "helper_words": words}


def message_names(names: list[str]) -> str:
    """The variables that the editor completes, as JSON."""
    return json.dumps([*names, "Address", "User.UserId", "Location.City", "UnsubscribeUrl"], ensure_ascii=False)
