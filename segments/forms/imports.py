"""Forms of imports and connections."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm
from projects.models import Project
from segments.models import Connection, ImportJob

NEW = "new"


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Up to ten files, one import each."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(_FilesField, self).clean(file, initial) for file in files if file]


class ConnectionForm(StyledForm):
    name = forms.CharField(label=_("Connection name"), max_length=64)
    region = forms.CharField(label=_("Region"), max_length=32, initial="ap-northeast-2")
    endpoint_url = forms.URLField(
        label=_("Endpoint URL"), max_length=300, required=False, assume_scheme="https",
        help_text=_("Empty for Amazon S3 itself; the address of another S3 service otherwise."),
    )  # fmt: skip
    access_key_id = forms.CharField(label=_("Access key id"), max_length=128)
    secret_access_key = forms.CharField(
        label=_("Secret access key"), max_length=256, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again."),
    )  # fmt: skip


class ImportForm(StyledForm):
    """An import from S3 (by a connection that is there, or a new one) or by upload."""

    source = forms.ChoiceField(
        label=_("Where from"), choices=[("S3", _("S3 bucket")), ("UPLOAD", _("Upload from this computer"))], initial="S3",
        widget=forms.RadioSelect,
    )  # fmt: skip
    connection = forms.ChoiceField(label=_("Connection"), required=False)
    s3_url = forms.CharField(
        label=_("S3 address"), max_length=1100, required=False, help_text=_("A file, or a folder: s3://bucket/folder/"),
        widget=forms.TextInput(attrs={"placeholder": "s3://bucket/members.csv"}),
    )  # fmt: skip
    uploads = _FilesField(label=_("Files"), required=False, widget=_Files, help_text=_("Up to ten; each becomes a segment."))
    format = forms.ChoiceField(label=_("Format"), choices=ImportJob.Format.choices)
    segment_name = forms.CharField(
        label=_("Segment name"), max_length=128, required=False, help_text=_("Empty: the file's name without its ending.")
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = {str(one.pk): one for one in Connection.objects.filter(project=project).order_by("name")}
        choices = [(key, one.name) for key, one in self._connections.items()]
        self.fields["connection"].choices = [*choices, (NEW, _("Make a new one"))]  # type: ignore[attr-defined]
        self.fields["source"].widget.attrs["data-reveal-target"] = "choice"
        self.fields["source"].widget.attrs["data-action"] = "reveal#update"
        self.fields["connection"].widget.attrs["data-reveal-target"] = "choice"
        self.fields["connection"].widget.attrs["data-action"] = "reveal#update"

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("source") == "UPLOAD":
            files = values.get("uploads") or []
            if not files:
                self.add_error("uploads", _("Choose a file."))
            if len(files) > 10:
                self.add_error("uploads", _("At most ten files at once."))
        else:
            if not values.get("s3_url"):
                self.add_error("s3_url", _("Enter the address of the file or folder."))
            if not values.get("connection") and "connection" not in self.errors:
                self.add_error("connection", _("Choose a connection."))  # without one boto3 takes the server's own keys
        return values

    @property
    def chosen_connection(self) -> Connection | None:
        return self._connections.get(self.cleaned_data.get("connection", ""))

    @property
    def wants_new_connection(self) -> bool:
        return self.data.get("source") == "S3" and self.data.get("connection") == NEW
