"""Forms about access keys: input into plain values."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from api.models import Right
from projects.forms import StyledForm, one_line

_USES = [
    ("SERVER", _("A program of yours: on a server, in a script, in the AWS CLI")),
    ("APP", _("An app or a browser: it may only put events and update endpoints")),
]
_RIGHTS = [(right.value, right.label) for right in (Right.READ, Right.WRITE, Right.SEND)]


class AccessKeyForm(StyledForm):
    name = forms.CharField(
        label=_("Name"), max_length=64, validators=[one_line], help_text=_("Where it is used, so that you know later which one to revoke.")
    )  # fmt: skip
    use = forms.ChoiceField(label=_("Who carries it"), choices=_USES, widget=forms.RadioSelect, initial="SERVER")
    rights = forms.MultipleChoiceField(
        label=_("What it may do"), choices=_RIGHTS, widget=forms.CheckboxSelectMultiple, required=False,
        initial=[Right.READ, Right.WRITE, Right.SEND],
        help_text=_("Of a program. It never does more than you may yourself, and nothing once you have left the project."),
    )  # fmt: skip

    def rights_chosen(self) -> list[str]:
        if self.cleaned_data["use"] == "APP":
            return [Right.APP]
        return list(self.cleaned_data["rights"])
