"""The form of a scheduled import."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from projects.forms import StyledForm
from projects.models import Project
from segments.models import Connection, ImportJob, ScheduledImport, Segment, SegmentType


class ScheduledImportForm(StyledForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=128,
        required=False,
        help_text=_("Also of the segment that it makes. Empty: the folder's name."),
    )
    connection = forms.ModelChoiceField(label=_("Connection"), queryset=Connection.objects.none())
    s3_url = forms.CharField(
        label=_("S3 address"), max_length=1100, help_text=_("A file, or a folder: s3://bucket/folder/"),
        widget=forms.TextInput(attrs={"placeholder": "s3://bucket/folder/"}),
    )  # fmt: skip
    every = forms.IntegerField(label=_("Every"), min_value=1, max_value=1000, initial=1)
    unit = forms.ChoiceField(label=_("Unit"), choices=ScheduledImport.Unit.choices, initial=ScheduledImport.Unit.DAYS)
    format = forms.ChoiceField(
        label=_("Format"), choices=ImportJob.Format.choices,
        help_text=_("Files whose columns were chosen once in an import are read the same way here."),
    )  # fmt: skip
    encoding = forms.ChoiceField(label=_("Encoding"), choices=ImportJob.Encoding.choices)
    into = forms.ChoiceField(
        label=_("Members of the segment"), initial=ImportJob.Into.EXTEND,
        choices=[
            (ImportJob.Into.EXTEND, _("Those of every file, old and new")),
            (ImportJob.Into.REPLACE, _("Those of the newest files alone")),
        ],
    )  # fmt: skip
    segment = forms.ModelChoiceField(
        label=_("Segment"), queryset=Segment.objects.none(), required=False, empty_label=_("A new one, made by the first run")
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = Connection.objects.filter(project=project).select_related("project").order_by("name")
        self.fields["connection"].queryset = found  # type: ignore[attr-defined]
        imported = Segment.objects.filter(project=project, segment_type=SegmentType.IMPORT, deleted_at=None, is_listed=True)
        self.fields["segment"].queryset = imported.order_by("-updated_at", "-id")  # type: ignore[attr-defined]
