"""The editors' forms: a template's document as fields, and the fields as a document. Members that no field shows are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.forms import EmailForm, clean_defaults, defaults_text
from messaging.message_templates import designs, shapes
from messaging.models import TemplateType
from projects.forms import StyledForm, styled

_LANGUAGES = ("ko-KR", "en-US", "en-GB", "ja-JP", "cmn-CN", "zh-CN", "de-DE", "fr-FR", "es-ES", "it-IT", "pt-BR")
_URL_LIMIT = 2_000  # characters
Path = tuple[str, ...]


class NewTemplateForm(StyledForm):
    name = forms.CharField(
        label=_("Template name"), max_length=128, help_text=_("Letters A–Z and a–z, digits, “_” and “-”; case matters.")
    )
    template_type = forms.ChoiceField(label=_("Type"), choices=TemplateType.choices, initial=TemplateType.EMAIL)
    start = forms.CharField(label=_("Begin with"), required=False, max_length=40)  # a design's key; empty: HTML by hand
    is_shared = forms.BooleanField(label=_("For all projects of this installation"), required=False)

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template_type"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}
        if not may_share:
            del self.fields["is_shared"]

    def clean_start(self) -> designs.Design | None:
        key = str(self.cleaned_data["start"])
        found = designs.design(key) if key else None
        if key and found is None:
            raise forms.ValidationError(_("There is no such design."))
        return found


class CopyForm(StyledForm):
    name = forms.CharField(label=_("Name of the copy"), max_length=128)


class _DocumentForm(forms.Form):
    """``paths``: a field to the member that it shows."""

    paths: dict[str, Path] = {}

    description = forms.CharField(label=_("Description"), max_length=shapes.DESCRIPTION_LIMIT, required=False)

    @classmethod
    def initial_of(cls, document: Mapping[str, Any]) -> dict[str, Any]:
        values = {name: _read(document, path) for name, path in {**cls.paths, "description": ("TemplateDescription",)}.items()}
        if "DefaultSubstitutions" in document:
            values["defaults"] = defaults_text(shapes.substitutions(document))
        return values

    def document(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The stored document with what the form says."""
        made: dict[str, Any] = json.loads(json.dumps(stored))
        for name, path in {**self.paths, "description": ("TemplateDescription",)}.items():
            if name in self.fields:
                _write(made, path, self.cleaned_data.get(name))
        if "defaults" in self.fields:
            defaults = self.cleaned_data["defaults"]
            _write(made, ("DefaultSubstitutions",), json.dumps(defaults, ensure_ascii=False) if defaults else "")
        return made


def _read(document: Mapping[str, Any], path: Path) -> Any:
    held: Any = document
    for name in path:
        if isinstance(held, list):
            held = held[int(name)] if int(name) < len(held) else None
        else:
            held = held.get(name) if isinstance(held, Mapping) else None
    return held if held is not None else ""


def _write(document: dict[str, Any], path: Path, value: Any) -> None:
    *folders, last = path
    held: Any = document
    for name in folders:
        held = held.setdefault(name, {})
    if value in (None, ""):
        held.pop(last, None)
    else:
        held[last] = value


class EmailTemplateForm(EmailForm, _DocumentForm):
    headers = forms.CharField(
        label=_("More headers"), required=False, widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("One a line: X-Name: value. From, Subject, List-Unsubscribe and the like are written by the console itself."),
    )  # fmt: skip
    paths = {
        "subject": ("Subject",), "preheader": ("Pabal", "Preheader"), "html": ("HtmlPart",), "text": ("TextPart",),
    }  # fmt: skip

    @classmethod
    def initial_of(cls, document: Mapping[str, Any]) -> dict[str, Any]:
        lines = (f"{one.get('Name', '')}: {one.get('Value', '')}" for one in document.get("Headers") or ())
        return super().initial_of(document) | {"headers": "\n".join(lines)}

    def clean_headers(self) -> list[dict[str, str]]:
        found = []
        for line in str(self.cleaned_data["headers"]).splitlines():
            name, colon, value = line.partition(":")
            if line.strip() and not colon:
                raise forms.ValidationError(_("“%(line)s” has no “:”.") % {"line": line[:60]})
            if name.strip():
                found.append({"Name": name.strip(), "Value": value.strip()})
        return found

    def document(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        made = super().document(stored)
        _write(made, ("Headers",), self.cleaned_data["headers"] or None)
        return made


class DesignForm(forms.Form):
    """What the drag-and-drop editor posts."""

    mjml = forms.CharField(strip=False, max_length=shapes.EMAIL_LIMIT, widget=forms.HiddenInput)


def _counted(label: Any, limit: int, rows: int = 4, **more: Any) -> forms.CharField:
    """A text with a counter beside it."""
    attrs = {"rows": rows, "data-length-target": "text", "data-limit": limit, "data-action": "input->length#update"}
    attrs |= {"data-message-editor-target": "field"}
    return forms.CharField(label=label, max_length=limit, required=False, strip=False, widget=forms.Textarea(attrs=attrs), **more)


class _DefaultsForm(StyledForm, _DocumentForm):
    defaults = forms.CharField(
        label=_("Defaults for missing values"), required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line: User.UserAttributes.MBR_FULLNM = 고객"),
    )  # fmt: skip

    def clean_defaults(self) -> dict[str, str]:
        return clean_defaults(str(self.cleaned_data["defaults"]))


class SmsTemplateForm(_DefaultsForm):
    paths = {"body": ("Body",)}
    body = _counted(_("Text"), shapes.SMS_LIMIT, rows=6)


class VoiceTemplateForm(_DefaultsForm):
    paths = {"body": ("Body",), "language": ("LanguageCode",), "voice": ("VoiceId",)}
    body = _counted(_("What is said"), shapes.VOICE_LIMIT, rows=8)
    language = forms.ChoiceField(label=_("Language"), required=False)
    voice = forms.CharField(
        label=_("Voice"),
        max_length=64,
        required=False,
        help_text=_("The name of an Amazon Polly voice, such as Seoyeon or Joanna."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = str((kwargs.get("initial") or {}).get("language") or "")
        choices = dict.fromkeys([*([stored] if stored else []), *_LANGUAGES])
        self.fields["language"].choices = [("", "–"), *((code, code) for code in choices)]  # type: ignore[attr-defined]


_PUSH_LABELS = {
    "Title": _("Title"), "Body": _("Text"), "Action": _("When it is opened"), "Url": _("Address"), "ImageUrl": _("Image"),
    "MediaUrl": _("Image or video"), "Sound": _("Sound"), "RawContent": _("Raw content (JSON)"),
}  # fmt: skip
PUSH_PLATFORMS = {"Default": _("All platforms"), "APNS": "APNs (iOS)", "GCM": "FCM (Android)", "ADM": "ADM", "Baidu": "Baidu"}
_PUSH_FIELDS = {
    "Default": ("Title", "Body", "Action", "Url", "Sound"),
    "APNS": ("Title", "Body", "Action", "Url", "MediaUrl", "Sound", "RawContent"),
    **dict.fromkeys(("GCM", "ADM", "Baidu"), ("Title", "Body", "Action", "Url", "ImageUrl", "Sound", "RawContent")),
}
_PUSH_ACTIONS = [
    ("", "–"),
    ("OPEN_APP", _("Open the app")),
    ("DEEP_LINK", _("Open a place in the app")),
    ("URL", _("Open a web page")),
]


class PushTemplateForm(_DefaultsForm):
    paths = {f"{platform}_{name}": (platform, name) for platform, names in _PUSH_FIELDS.items() for name in names}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for platform, names in _PUSH_FIELDS.items():
            for name in names:
                self.fields[f"{platform}_{name}"] = _push_field(name, shapes.PUSH_LIMITS[platform])
        styled(self)

    def platforms(self) -> Iterator[tuple[Any, bool, list[forms.BoundField]]]:
        """Each platform's title, whether anything is written for it, and its fields."""
        for platform, names in _PUSH_FIELDS.items():
            fields = [self[f"{platform}_{name}"] for name in names]
            yield PUSH_PLATFORMS[platform], platform == "Default" or any(one.value() or one.errors for one in fields), fields


def _push_field(name: str, limit: int) -> forms.Field:
    if name == "Action":
        return forms.ChoiceField(label=_PUSH_LABELS[name], choices=_PUSH_ACTIONS, required=False)
    if name in ("Body", "RawContent"):
        return _counted(_PUSH_LABELS[name], limit, rows=3)
    return forms.CharField(
        label=_PUSH_LABELS[name], max_length=_URL_LIMIT, required=False,
        widget=forms.TextInput(attrs={"data-message-editor-target": "field"}),
    )  # fmt: skip


_LAYOUTS = [
    ("", "–"), ("BOTTOM_BANNER", _("Banner below")), ("TOP_BANNER", _("Banner above")), ("MIDDLE_BANNER", _("Banner in the middle")),
    ("OVERLAYS", _("Whole screen")), ("MOBILE_FEED", _("In the feed")), ("CAROUSEL", _("Carousel (up to five)")),
]  # fmt: skip
_INAPP_ACTIONS = [("", "–"), ("LINK", _("Open a web page")), ("DEEP_LINK", _("Open a place in the app")), ("CLOSE", _("Close"))]
_ALIGNMENTS = [("", "–"), ("LEFT", _("Left")), ("CENTER", _("Centre")), ("RIGHT", _("Right"))]
_BUTTON = {"Text": _("Button text"), "ButtonAction": _("When it is pressed"), "Link": _("Address")}
_INAPP_FIELDS: dict[str, tuple[Any, Path]] = {
    "header": (_("Heading"), ("HeaderConfig", "Header")),
    "header_align": (_("Heading’s alignment"), ("HeaderConfig", "Alignment")),
    "body": (_("Text"), ("BodyConfig", "Body")),
    "body_align": (_("Text’s alignment"), ("BodyConfig", "Alignment")),
    "image": (_("Image address"), ("ImageUrl",)),
    "background": (_("Background colour"), ("BackgroundColor",)),
    "header_colour": (_("Heading’s colour"), ("HeaderConfig", "TextColor")),
    "body_colour": (_("Text’s colour"), ("BodyConfig", "TextColor")),
    **{
        f"{kind}_{member.lower()}": (label, (f"{kind.title()}Btn", "DefaultConfig", member))
        for kind in ("primary", "secondary")
        for member, label in _BUTTON.items()
    },
}


class InappTemplateForm(StyledForm, _DocumentForm):
    layout = forms.ChoiceField(label=_("Layout"), choices=_LAYOUTS, required=False)
    custom = forms.CharField(
        label=_("Data for the app"), required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line: name = value"),
    )  # fmt: skip
    paths = {"layout": ("Layout",)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(shapes.INAPP_CONTENTS):
            for name, (label, _path) in _INAPP_FIELDS.items():
                self.fields[f"c{number}_{name}"] = _inapp_field(name, label)
        self.fields["layout"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}
        styled(self)

    @classmethod
    def initial_of(cls, document: Mapping[str, Any]) -> dict[str, Any]:
        values = super().initial_of(document)
        values["custom"] = defaults_text(document.get("CustomConfig") or {})
        for number in range(shapes.INAPP_CONTENTS):
            for name, (_label, path) in _INAPP_FIELDS.items():
                values[f"c{number}_{name}"] = _read(document, ("Content", str(number), *path))
        return values

    def clean_custom(self) -> dict[str, str]:
        return clean_defaults(str(self.cleaned_data["custom"]))

    def contents(self) -> Iterator[tuple[int, list[tuple[Any, list[forms.BoundField]]]]]:
        """The messages: their numbers, and their fields in groups with a title (the first has none)."""
        for number in range(shapes.INAPP_CONTENTS):
            of = {name: self[f"c{number}_{name}"] for name in _INAPP_FIELDS}
            groups: list[tuple[Any, list[forms.BoundField]]] = [("", [])]
            groups += [(_("First button"), []), (_("Second button"), [])]
            for name, field in of.items():
                groups[1 if name.startswith("primary") else 2 if name.startswith("secondary") else 0][1].append(field)
            yield number + 1, groups

    def document(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        made = super().document(stored)
        _write(made, ("CustomConfig",), self.cleaned_data["custom"] or None)
        most = shapes.INAPP_CONTENTS if made.get("Layout") == "CAROUSEL" else 1
        old = [*(made.get("Content") or []), *({} for _number in range(shapes.INAPP_CONTENTS))]
        contents = []
        for number in range(most):
            content = old[number]
            for name, (_label, path) in _INAPP_FIELDS.items():
                _write(content, path, self.cleaned_data.get(f"c{number}_{name}"))
            if content := _pruned(content):
                contents.append(content)
        _write(made, ("Content",), contents or None)
        return made


def _pruned(held: dict[str, Any]) -> dict[str, Any]:
    """Without members that say nothing."""
    made = {name: _pruned(value) if isinstance(value, dict) else value for name, value in held.items()}
    return {name: value for name, value in made.items() if value not in ({}, [], None, "")}


def _inapp_field(name: str, label: Any) -> forms.Field:
    if name.endswith("_buttonaction"):
        return forms.ChoiceField(label=label, choices=_INAPP_ACTIONS, required=False)
    if name.endswith("_align"):
        return forms.ChoiceField(label=label, choices=_ALIGNMENTS, required=False)
    if name == "body":
        return _counted(label, 1_000, rows=3)
    if "colour" in name or name == "background":
        return forms.RegexField(
            r"^#[0-9A-Fa-f]{6}$", label=label, required=False, error_messages={"invalid": _("Write a colour as #1F5FBF.")},
            widget=forms.TextInput(attrs={"placeholder": "#1F5FBF"}),
        )  # fmt: skip
    return forms.CharField(label=label, max_length=_URL_LIMIT, required=False)


FORMS: dict[str, type[Any]] = {
    TemplateType.EMAIL: EmailTemplateForm, TemplateType.SMS: SmsTemplateForm, TemplateType.PUSH: PushTemplateForm,
    TemplateType.VOICE: VoiceTemplateForm, TemplateType.INAPP: InappTemplateForm,
}  # fmt: skip
# A member that a refusal names → the field beside which it is said.
FIELDS = {"Subject": "subject", "Pabal.Preheader": "preheader", "HtmlPart": "html", "TextPart": "text", "Body": "body",
          "DefaultSubstitutions": "defaults", "TemplateDescription": "description", "Layout": "layout",
          "Headers": "headers", "Headers.Name": "headers", "Headers.Value": "headers"}  # fmt: skip


def field_of(part: str) -> str:
    return FIELDS.get(part) or part.replace(".", "_")
