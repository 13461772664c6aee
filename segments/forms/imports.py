"""Forms of imports and connections."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm
from projects.models import Project
from segments.models import Connection, ImportJob, Segment, SegmentType
from segments.services import connections

NEW = "new"
COLUMNS = "COLUMNS"


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Up to ten files, one import each."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(_FilesField, self).clean(file, initial) for file in files if file]


class ConnectionForm(StyledForm):
    """Keys, or a role (assumed with the keys, or with the server's own)."""

    name = forms.CharField(label=_("Connection name"), max_length=64)
    region = forms.CharField(label=_("Region"), max_length=32, initial="ap-northeast-2")
    endpoint_url = forms.URLField(
        label=_("Endpoint URL"), max_length=300, required=False, assume_scheme="https",
        help_text=_("Empty for Amazon S3 itself; the address of another S3 service otherwise."),
    )  # fmt: skip
    access_key_id = forms.CharField(
        label=_("Access key id"), max_length=128, required=False,
        help_text=_("May be empty with a role: then the server's own identity assumes it."),
    )  # fmt: skip
    secret_access_key = forms.CharField(
        label=_("Secret access key"), max_length=256, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again."),
    )  # fmt: skip
    role_arn = forms.RegexField(
        rf"\A{connections.ROLE.pattern}\Z", label=_("Role ARN"), max_length=300, required=False,
        error_messages={"invalid": _("A role ARN looks like arn:aws:iam::123456789012:role/name.")},
        widget=forms.TextInput(attrs={"placeholder": "arn:aws:iam::123456789012:role/pabal-import"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        has_id, has_secret = bool(values.get("access_key_id")), bool(values.get("secret_access_key"))
        if has_id != has_secret and not self.errors:
            self.add_error("secret_access_key" if has_id else "access_key_id", _("An access key id and its secret go together."))
        if not (has_id or has_secret or values.get("role_arn") or self.errors):
            self.add_error("access_key_id", _("Enter an access key, or a role."))
        return values


class CheckConnectionForm(StyledForm):
    """A connection and an address to try it with."""

    connection = forms.ModelChoiceField(label=_("Connection"), queryset=Connection.objects.none())
    s3_url = forms.CharField(
        label=_("S3 address"), max_length=1100, widget=forms.TextInput(attrs={"placeholder": "s3://bucket/folder/"})
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = Connection.objects.filter(project=project).select_related("project").order_by("name")
        self.fields["connection"].queryset = found  # type: ignore[attr-defined]
        self.fields["connection"].empty_label = None  # type: ignore[attr-defined]


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
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[
            ("CSV", _("CSV in Pinpoint's format")), ("JSON", _("JSON lines in Pinpoint's format")),
            (COLUMNS, _("Another CSV or an Excel workbook: choose what each column is")),
        ],
    )  # fmt: skip
    segment_name = forms.CharField(
        label=_("Segment name"), max_length=128, required=False, help_text=_("Empty: the file's name without its ending.")
    )

    is_dry_run = forms.BooleanField(label=_("Try it first: show what would change, and write nothing"), required=False)
    encoding = forms.ChoiceField(
        label=_("Encoding"), choices=ImportJob.Encoding.choices, required=False,
        help_text=_("Korean Excel's plain “CSV” is CP949. It is converted while it is read."),
    )  # fmt: skip
    result = forms.ChoiceField(
        label=_("What comes of it"), required=False,
        choices=[
            ("BOTH", _("Endpoints and a segment")), ("ENDPOINTS", _("Endpoints only, no segment")),
            ("SEGMENT", _("A segment only: of endpoints that exist already, left as they are")),
        ],
    )  # fmt: skip
    into = forms.ChoiceField(label=_("Segment"), choices=ImportJob.Into.choices, required=False)
    into_segment = forms.ModelChoiceField(label=_("Which segment"), queryset=Segment.objects.none(), required=False)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        imported = Segment.objects.filter(project=project, segment_type=SegmentType.IMPORT, deleted_at=None, is_listed=True)
        self.fields["into_segment"].queryset = imported.order_by("-updated_at", "-id")  # type: ignore[attr-defined]
        self._connections = {
            str(one.pk): one for one in Connection.objects.filter(project=project).select_related("project").order_by("name")
        }
        choices = [(key, one.name) for key, one in self._connections.items()]
        self.fields["connection"].choices = [*choices, (NEW, _("Make a new one"))]  # type: ignore[attr-defined]
        self.fields["source"].widget.attrs["data-reveal-target"] = "choice"
        self.fields["source"].widget.attrs["data-action"] = "reveal#update"
        for name in ("connection", "into"):
            self.fields[name].widget.attrs["data-reveal-target"] = "choice"
            self.fields[name].widget.attrs["data-action"] = "reveal#update"

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
        if values.get("into") in (ImportJob.Into.REPLACE, ImportJob.Into.EXTEND) and not values.get("into_segment"):
            self.add_error("into_segment", _("Choose the segment."))
        if values.get("into") == ImportJob.Into.REPLACE and len(values.get("uploads") or []) > 1:
            self.add_error("uploads", _("One file can replace the members of a segment, not several."))
        return values

    def order(self) -> dict[str, Any]:
        """The fields of ``services.imports.Order``."""
        values = self.cleaned_data
        return {
            "format": "CSV" if values["format"] == COLUMNS else values["format"],
            "is_held": values["format"] == COLUMNS,
            "segment_name": values["segment_name"],
            "encoding": values["encoding"] or ImportJob.Encoding.UTF8,
            "register_endpoints": values["result"] != "SEGMENT",
            "define_segment": values["result"] != "ENDPOINTS",
            "into": values["into"] or ImportJob.Into.NEW,
            "into_segment": values["into_segment"],
            "is_dry_run": values["is_dry_run"],
        }

    @property
    def chosen_connection(self) -> Connection | None:
        return self._connections.get(self.cleaned_data.get("connection", ""))

    @property
    def wants_new_connection(self) -> bool:
        return self.data.get("source") == "S3" and self.data.get("connection") == NEW
