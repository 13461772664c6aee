"""What each column of a file is: a row of fields for each column, numbered, for names may be anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from endpoints.models import ChannelType
from endpoints.writing.rules import NAME_LIMIT
from projects.forms import StyledForm
from segments.files.copying import Look
from segments.files.mapping import CUSTOM, FIXED, Mapping
from segments.models import ImportJob

_MOST = 500  # columns that a page can show


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column as the page shows it."""

    name: str
    samples: list[str]
    target: forms.BoundField
    attribute: forms.BoundField


class ColumnsForm(StyledForm):
    """``look`` is the file's beginning; ``mapping`` what is remembered, or guessed."""

    channel_type = forms.ChoiceField(
        label=_("Channel of every line"), required=False, help_text=_("Used where no column says the channel."),
        choices=[("", _("A column says it")), *ChannelType.choices],
    )  # fmt: skip
    encoding = forms.ChoiceField(label=_("Encoding"), choices=ImportJob.Encoding.choices)

    def __init__(self, *args: Any, look: Look, mapping: Mapping, sheet: str, **kwargs: Any) -> None:
        initial = {"channel_type": mapping.channel_type, "encoding": look.encoding, "sheet": sheet}
        super().__init__(*args, initial=initial, **kwargs)
        self._look = look
        if look.sheets:
            self.fields["sheet"] = forms.ChoiceField(
                label=_("Sheet"), choices=[(name, name) for name in look.sheets], required=False
            )
            self.fields["sheet"].widget.attrs["class"] = "form-select"
        for number, name in enumerate(look.names[:_MOST]):
            kind, attribute = _divided(mapping.columns.get(name, ""))
            self.fields[f"target-{number}"] = _target_field(kind, name)
            self.fields[f"attribute-{number}"] = _attribute_field(attribute, name)

    def rows(self) -> list[ColumnRow]:
        return [
            ColumnRow(
                name=name, samples=[row[number] for row in self._look.rows if number < len(row) and row[number]][:3],
                target=self[f"target-{number}"], attribute=self[f"attribute-{number}"],
            )
            for number, name in enumerate(self._look.names[:_MOST])
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for number in range(len(self._look.names[:_MOST])):
            if values.get(f"target-{number}") in CUSTOM and not values.get(f"attribute-{number}"):
                self.add_error(f"attribute-{number}", _("Enter the attribute's name."))
        return values

    def mapping(self) -> Mapping:
        values = self.cleaned_data
        columns = {}
        for number, name in enumerate(self._look.names[:_MOST]):
            target = values[f"target-{number}"]
            columns[name] = f"{target}{values[f'attribute-{number}']}" if target in CUSTOM else target
        return Mapping(columns=columns, channel_type=values["channel_type"])


def _divided(target: str) -> tuple[str, str]:
    for prefix in CUSTOM:
        if target.startswith(prefix):
            return prefix, target.removeprefix(prefix)
    return target, ""


def _target_field(initial: str, name: str) -> forms.ChoiceField:
    choices: Sequence[tuple[str, Any]] = [
        ("", _("Leave out")),
        *((target, target) for target in FIXED[:5]),
        (CUSTOM[0], _("Attribute of the endpoint…")),
        (CUSTOM[1], _("Attribute of the user…")),
        (CUSTOM[2], _("Metric (a number)…")),
        *((target, target) for target in FIXED[5:]),
    ]
    field = forms.ChoiceField(choices=choices, initial=initial, required=False)
    field.widget.attrs.update({"class": "form-select", "aria-label": _("What “%(name)s” is") % {"name": name}})
    return field


def _attribute_field(initial: str, name: str) -> forms.CharField:
    field = forms.CharField(max_length=NAME_LIMIT, initial=initial, required=False)
    field.widget.attrs.update({"class": "form-control", "aria-label": _("The attribute's name for “%(name)s”") % {"name": name}})
    return field
