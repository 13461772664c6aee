"""Forms of the event stream and of webhooks: input into plain values."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from analytics.event_names import said
from analytics.models import EventKind, EventStream
from projects.forms import StyledForm, one_line

_D = EventStream.Destination


class EventStreamForm(StyledForm):
    """Where to; what belongs to other destinations is not asked for."""

    kind = forms.ChoiceField(label=_("Destination"), choices=_D.choices, initial=_D.KINESIS, widget=forms.RadioSelect)
    arn = forms.CharField(
        label=_("Stream ARN"), max_length=300, required=False, validators=[one_line],
        widget=forms.TextInput(attrs={"placeholder": "arn:aws:kinesis:ap-northeast-2:123456789012:stream/events"}),
    )  # fmt: skip
    bucket = forms.CharField(
        label=_("Bucket and prefix"), max_length=500, required=False, validators=[one_line],
        widget=forms.TextInput(attrs={"placeholder": "s3://bucket/events/"}),
        help_text=_("Files of gzip JSON lines, in a folder for each hour (UTC)."),
    )  # fmt: skip
    region = forms.CharField(label=_("Region"), max_length=32, required=False, initial="ap-northeast-2", validators=[one_line])
    folder = forms.CharField(
        label=_("Name of the folder"), max_length=100, required=False, validators=[one_line],
        help_text=_("Below EVENT_STREAM_FOLDER of the server, in a folder of this project's own."),
    )  # fmt: skip
    url = forms.CharField(
        label=_("URL"), max_length=1_000, required=False, validators=[one_line],
        widget=forms.TextInput(attrs={"placeholder": "https://example.com/events"}),
        help_text=_("Gets POSTs of up to 500 JSON lines, signed as Standard Webhooks."),
    )  # fmt: skip
    role_arn = forms.CharField(
        label=_("Role ARN"), max_length=300, required=False, validators=[one_line],
        widget=forms.TextInput(attrs={"placeholder": "arn:aws:iam::123456789012:role/pabal-events"}),
    )  # fmt: skip
    access_key_id = forms.CharField(label=_("Access key id"), max_length=128, required=False, validators=[one_line])
    secret_access_key = forms.CharField(
        label=_("Secret access key"), max_length=256, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept encrypted, and never shown again. Empty: as it was."),
    )  # fmt: skip
    transform = forms.CharField(
        label=_("Transform"), max_length=1_000, required=False, validators=[one_line],
        help_text=_("A URL or a Lambda function that gets records in batches and gives them back changed, or drops them. Empty: none."),
    )  # fmt: skip
    on_transform_failure = forms.ChoiceField(
        label=_("When the transform fails"), choices=EventStream.OnFailure.choices, initial=EventStream.OnFailure.DELIVER
    )

    of_streams = ("arn",)
    of_s3 = ("bucket", "region")
    _targets = {_D.KINESIS: "arn", _D.FIREHOSE: "arn", _D.S3: "bucket", _D.FOLDER: "folder", _D.HTTPS: "url"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}

    @classmethod
    def initial_of(cls, stream: EventStream) -> dict[str, Any]:
        names = ("kind", "role_arn", "access_key_id", "transform", "on_transform_failure")
        values = {name: getattr(stream, name) for name in names} | {cls._targets[_D(stream.kind)]: stream.target}
        return values | ({"region": stream.region} if stream.region else {})

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if "kind" in values:
            field = self._targets[_D(values["kind"])]
            if not values.get(field) and field not in self.errors:
                self.add_error(field, _("Fill this in."))
        return values

    def values(self) -> dict[str, Any]:
        """What ``event_streams.StreamValues`` takes; what belongs to another destination is left out."""
        found = self.cleaned_data
        kind = _D(found["kind"])
        values = {name: found[name] for name in ("kind", "transform", "on_transform_failure")}
        values["target"] = found[self._targets[kind]].strip()
        if kind in (_D.KINESIS, _D.FIREHOSE, _D.S3):
            values |= {name: found[name].strip() for name in ("role_arn", "access_key_id", "secret_access_key")}
        return values | ({"region": found["region"].strip()} if kind == _D.S3 else {})


class ReplayForm(StyledForm):
    since = forms.DateTimeField(
        label=_("From this instant on"), input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("In the project's time zone."),
    )  # fmt: skip

    def clean_since(self) -> datetime.datetime:
        since: datetime.datetime = self.cleaned_data["since"]
        if since.year < 2000:
            raise ValidationError(_("Choose a later instant."))
        return since


class WebhookForm(StyledForm):
    url = forms.CharField(
        label=_("URL"), max_length=1_000, validators=[one_line],
        widget=forms.TextInput(attrs={"placeholder": "https://example.com/pabal"}),
    )  # fmt: skip
    types = forms.MultipleChoiceField(
        label=_("Types of events"), widget=forms.CheckboxSelectMultiple, error_messages={"required": _("Choose at least one.")}
    )

    def __init__(self, *args: Any, names: Collection[str], **kwargs: Any) -> None:
        """``names``: of the project's own types, besides those that every project has."""
        super().__init__(*args, **kwargs)
        every = [str(kind.label) for kind in EventKind]
        field = self.fields["types"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, said(name)) for name in every + sorted(set(names) - set(every))]
