"""Forms of people and projects: input into plain values."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, SetPasswordForm
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects import zones
from projects.models import Role, User

_OF_THIS_ERA = [MinValueValidator(datetime.date(1970, 1, 1)), MaxValueValidator(datetime.date(2999, 12, 31))]


def styled(form: forms.BaseForm) -> None:
    """Give widgets the classes of the design."""
    for field in form.fields.values():
        widget = field.widget
        if isinstance(widget, forms.HiddenInput):
            continue
        if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
            name = "form-check-input"  # of each of its boxes
        else:
            name = "form-select" if isinstance(widget, forms.Select) else "form-control"
        widget.attrs["class"] = f"{widget.attrs.get('class', '')} {name}".strip()


def one_line(text: str) -> None:
    """For names that stand in a mail's header."""
    if any(ord(char) < 32 for char in text):
        raise forms.ValidationError(_("A name is one line of text."))


class StyledForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class LogInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django sets the attribute alone, and axes keeps no longer one.
        self.fields["username"].validators.append(MaxLengthValidator(254))
        styled(self)

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).lower()


class ResetForm(PasswordResetForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not subscriptable at run time
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class ProjectForm(StyledForm):
    name = forms.CharField(label=_("Name"), max_length=64, validators=[one_line])
    description = forms.CharField(
        label=_("Description"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=zones.choices, initial="Asia/Seoul", help_text=_("Dates are picked and shown in this zone.")
    )


class InviteForm(StyledForm):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MARKETER)


class RoleForm(StyledForm):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class JoinForm(StyledForm):
    name = forms.CharField(label=_("Your name"), max_length=100, validators=[one_line])
    password = forms.CharField(
        label=_("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Ten characters or more."),
    )  # fmt: skip

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        password_validation.validate_password(password)
        return password


class AccountForm(StyledForm):
    name = forms.CharField(label=_("Your name"), max_length=100, required=False, validators=[one_line])


class AuditForm(StyledForm):
    """What of the audit trail is shown. All of it may be left out."""

    person = forms.ChoiceField(label=_("Who"), required=False)
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    since = forms.DateField(
        label=_("From day"), required=False, validators=_OF_THIS_ERA, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("To day"), required=False, validators=_OF_THIS_ERA, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )

    def __init__(self, *args: Any, people: Iterable[User], kinds: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = [(str(person.pk), str(person)) for person in people]
        self.fields["person"].choices = [("", _("Everybody")), *found, ("0", _("The console itself"))]  # type: ignore[attr-defined]
        self.fields["kind"].choices = [("", _("Everything")), *kinds.items()]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, Any]:
        """The fields of ``projects.queries.AuditFilter``; days are those of the active zone."""
        values = self.cleaned_data
        until = values["until"]
        return {
            "person": int(values["person"]) if values["person"] else None,
            "kind": values["kind"],
            "since": _midnight(values["since"]),
            "until": _midnight(until + datetime.timedelta(days=1) if until else None),
        }


def _midnight(date: datetime.date | None) -> datetime.datetime | None:
    return datetime.datetime.combine(date, datetime.time(), timezone.get_current_timezone()) if date else None
