"""The form of exports."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm
from projects.models import Project
from segments import queries
from segments.models import Connection, ExportJob, Segment


class ExportForm(StyledForm):
    """A segment or everything, to a bucket or as a download."""

    segment = forms.ChoiceField(label=_("What"), required=False)
    destination = forms.ChoiceField(
        label=_("Where to"), choices=[("DOWNLOAD", _("A file to download")), ("S3", _("S3 bucket"))], initial="DOWNLOAD",
        widget=forms.RadioSelect,
    )  # fmt: skip
    format = forms.ChoiceField(
        label=_("Format"), choices=ExportJob.Format.choices, required=False,
        help_text=_(
            "CSV and JSON lines have Pinpoint's own columns and members and can be imported again as they are. To look at the "
            "values in Excel choose XLSX: there all of them are text, never formulas."
        ),
    )  # fmt: skip
    connection = forms.ChoiceField(label=_("Connection"), required=False)
    s3_url_prefix = forms.CharField(
        label=_("S3 address"), max_length=1000, required=False, widget=forms.TextInput(attrs={"placeholder": "s3://bucket/folder/"}),
        help_text=_("A folder. The export makes one of its own in it, with gzip JSON lines as Pinpoint wrote them."),
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._segments = {one.public_id: one for one in queries.listed_segments(project=project)[:1000]}
        self._connections = {str(one.pk): one for one in Connection.objects.filter(project=project).order_by("name")}
        self._set_choices("segment", [("", _("All endpoints")), *((key, one.name) for key, one in self._segments.items())])
        self._set_choices("connection", [(key, one.name) for key, one in self._connections.items()])
        self.fields["destination"].widget.attrs["data-reveal-target"] = "choice"
        self.fields["destination"].widget.attrs["data-action"] = "reveal#update"

    def _set_choices(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("destination") == "S3":
            values["format"] = ExportJob.Format.JSON
            if not values.get("s3_url_prefix"):
                self.add_error("s3_url_prefix", _("Enter the address of the folder."))
            if not values.get("connection") and "connection" not in self.errors:
                self.add_error("connection", _("Choose a connection. Connections are made on the page of imports."))
        elif not values.get("format") and "format" not in self.errors:
            self.add_error("format", _("Choose a format."))
        return values

    @property
    def chosen_segment(self) -> Segment | None:
        return self._segments.get(self.cleaned_data.get("segment", ""))

    @property
    def chosen_connection(self) -> Connection | None:
        return self._connections.get(self.cleaned_data.get("connection", ""))
