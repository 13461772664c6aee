"""What a template's document may hold: members, kinds of values, sizes (reference, section 5.1)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _

from messaging.message_templates.refusals import DocumentRefused
from messaging.models import TemplateType

EMAIL_LIMIT, INAPP_LIMIT, SMS_LIMIT, VOICE_LIMIT = 600_000, 200_000, 1_600, 10_000  # characters
PUSH_LIMITS = {"Default": 4_000, "APNS": 4_000, "GCM": 4_000, "ADM": 6_000, "Baidu": 4_000}  # characters
HEADERS_LIMIT, HEADER_NAME_LIMIT, HEADER_VALUE_LIMIT = 15, 126, 870
DESCRIPTION_LIMIT = 500  # characters; Pinpoint says none
LAYOUTS = ("BOTTOM_BANNER", "TOP_BANNER", "OVERLAYS", "MOBILE_FEED", "MIDDLE_BANNER", "CAROUSEL")
INAPP_CONTENTS = 5  # a carousel's messages; every other layout has one
ACTIONS = ("OPEN_APP", "DEEP_LINK", "URL")
INAPP_ACTIONS = ("LINK", "DEEP_LINK", "CLOSE")
ALIGNMENTS = ("LEFT", "CENTER", "RIGHT")

_SHARED = {"TemplateDescription", "DefaultSubstitutions", "Pabal"}
_MEMBERS: dict[str, set[str]] = {
    TemplateType.EMAIL: {"Subject", "HtmlPart", "TextPart", "Headers", "RecommenderId"} | _SHARED,
    TemplateType.SMS: {"Body", "RecommenderId"} | _SHARED,
    TemplateType.PUSH: {*PUSH_LIMITS, "RecommenderId"} | _SHARED,
    TemplateType.VOICE: {"Body", "LanguageCode", "VoiceId"} | _SHARED,
    TemplateType.INAPP: {"Content", "CustomConfig", "Layout", "TemplateDescription", "Pabal"},
}
_ANDROID = ("Action", "Body", "ImageIconUrl", "ImageUrl", "RawContent", "SmallImageIconUrl", "Sound", "Title", "Url")
_PUSH_MEMBERS: dict[str, set[str]] = {
    "Default": {"Action", "Body", "Sound", "Title", "Url"},
    "APNS": {"Action", "Body", "MediaUrl", "RawContent", "Sound", "Title", "Url"},
    **{platform: set(_ANDROID) for platform in ("GCM", "ADM", "Baidu")},
}
_BUTTONS = {"PrimaryBtn", "SecondaryBtn"}
_CONTENT = {"BackgroundColor", "BodyConfig", "HeaderConfig", "ImageUrl"} | _BUTTONS
_TEXTS = {"BodyConfig": {"Alignment", "Body", "TextColor"}, "HeaderConfig": {"Alignment", "Header", "TextColor"}}
_DEFAULT_BUTTON = {"BackgroundColor", "BorderRadius", "ButtonAction", "Link", "Text", "TextColor"}
_PLATFORMS = {"Android", "IOS", "Web"}


def check(template_type: str, document: Mapping[str, Any]) -> None:
    """Raises ``DocumentRefused`` with the member that is wrong."""
    _known(document, _MEMBERS[template_type], "")
    _text(document, "TemplateDescription", DESCRIPTION_LIMIT)
    _text(document, "RecommenderId", 128)
    substitutions(document)
    if not isinstance(document.get("Pabal", {}), Mapping):
        raise DocumentRefused(_("“Pabal” must be an object."), part="Pabal")
    _CHECKS[TemplateType(template_type)](document)


def substitutions(document: Mapping[str, Any]) -> dict[str, str]:
    """``DefaultSubstitutions`` is JSON in a string: variable → what a missing value becomes."""
    text = document.get("DefaultSubstitutions") or "{}"
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str | int | float) for value in found.values()):
        raise DocumentRefused(
            _('The defaults must be JSON in a string: {"User.UserAttributes.Name": "Friend"}.'), part="DefaultSubstitutions"
        )
    return {name: str(value) for name, value in found.items()}


def _known(held: Mapping[str, Any], members: Collection[str], path: str) -> None:
    if not isinstance(held, Mapping):
        raise DocumentRefused(_("“%(part)s” must be an object.") % {"part": path.rstrip(".")}, part=path.rstrip("."))
    for name in held:
        if name not in members:
            given = {"name": f"{path}{name}"[:80], "known": ", ".join(sorted(members))}
            raise DocumentRefused(_("There is no member “%(name)s” here. There are: %(known)s.") % given, part=f"{path}{name}")


def _text(held: Mapping[str, Any], name: str, limit: int | None = None, path: str = "") -> str:
    value = held.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DocumentRefused(_("“%(part)s” must be text.") % {"part": path + name}, part=path + name)
    if "\0" in value:
        raise DocumentRefused(
            _("“%(part)s” holds a character that no message can carry.") % {"part": path + name}, part=path + name
        )
    if limit is not None and len(value) > limit:
        raise _too_long(path + name, len(value), limit)
    return value


def _too_long(part: str, length: int, limit: int) -> DocumentRefused:
    given = {"part": part, "length": f"{length:,}", "limit": f"{limit:,}"}
    return DocumentRefused(
        _("“%(part)s” has %(length)s characters; at most %(limit)s are possible. Shorten it.") % given, part=part
    )


def _choice(held: Mapping[str, Any], name: str, choices: Collection[str], path: str = "") -> None:
    if held.get(name) not in (None, *choices):
        given = {"part": path + name, "choices": ", ".join(choices)}
        raise DocumentRefused(_("“%(part)s” must be one of %(choices)s.") % given, part=path + name)


def _email(document: Mapping[str, Any]) -> None:
    subject = _text(document, "Subject", 998)
    if any(ord(char) < 32 for char in subject):
        raise DocumentRefused(_("A subject is one line of text."), part="Subject")
    html, text = _text(document, "HtmlPart", EMAIL_LIMIT), _text(document, "TextPart", EMAIL_LIMIT)
    whole = len(subject) + len(html) + len(text)
    if whole > EMAIL_LIMIT:
        raise _too_long("HtmlPart", whole, EMAIL_LIMIT)
    pabal = document.get("Pabal", {})
    _text(pabal, "Preheader", 300, "Pabal.")
    _text(pabal, "Mjml", EMAIL_LIMIT, "Pabal.")
    _headers(document.get("Headers") or [])


def _headers(headers: Any) -> None:
    if not isinstance(headers, list) or len(headers) > HEADERS_LIMIT:
        raise DocumentRefused(_("At most %(limit)s headers are possible.") % {"limit": HEADERS_LIMIT}, part="Headers")
    for header in headers:
        _known(header, {"Name", "Value"}, "Headers.")
        name = _text(header, "Name", HEADER_NAME_LIMIT, "Headers.")
        value = _text(header, "Value", HEADER_VALUE_LIMIT, "Headers.")
        if not name or not all(33 <= ord(char) <= 126 and char != ":" for char in name):
            raise DocumentRefused(_("A header's name is made of ASCII letters, digits and dashes."), part="Headers")
        if any(ord(char) < 32 and char != "\t" for char in value):
            raise DocumentRefused(_("A header's value is one line of text."), part="Headers")


def _sms(document: Mapping[str, Any]) -> None:
    _text(document, "Body", SMS_LIMIT)


def _voice(document: Mapping[str, Any]) -> None:
    _text(document, "Body", VOICE_LIMIT)
    _text(document, "LanguageCode", 16)
    _text(document, "VoiceId", 64)


def _push(document: Mapping[str, Any]) -> None:
    for platform, limit in PUSH_LIMITS.items():
        held = document.get(platform) or {}
        _known(held, _PUSH_MEMBERS[platform], f"{platform}.")
        _choice(held, "Action", ACTIONS, f"{platform}.")
        whole = sum(len(_text(held, name, path=f"{platform}.")) for name in sorted(_PUSH_MEMBERS[platform] - {"Action"}))
        if whole > limit:
            raise _too_long(platform, whole, limit)


def _inapp(document: Mapping[str, Any]) -> None:
    if (whole := len(json.dumps(document, ensure_ascii=False))) > INAPP_LIMIT:
        raise _too_long("Content", whole, INAPP_LIMIT)
    _choice(document, "Layout", LAYOUTS)
    custom = document.get("CustomConfig") or {}
    if not isinstance(custom, Mapping) or not all(isinstance(value, str) for value in custom.values()):
        raise DocumentRefused(_("“%(part)s” must be an object of texts.") % {"part": "CustomConfig"}, part="CustomConfig")
    contents = document.get("Content") or []
    most = INAPP_CONTENTS if document.get("Layout") == "CAROUSEL" else 1
    if not isinstance(contents, list) or len(contents) > most:
        raise DocumentRefused(_("This layout holds at most %(count)s messages.") % {"count": most}, part="Content")
    for content in contents:
        _inapp_content(content)


def _inapp_content(content: Mapping[str, Any]) -> None:
    _known(content, _CONTENT, "Content.")
    _text(content, "ImageUrl", path="Content.")
    _text(content, "BackgroundColor", 32, "Content.")
    for name, members in _TEXTS.items():
        held = content.get(name) or {}
        _known(held, members, f"Content.{name}.")
        _choice(held, "Alignment", ALIGNMENTS, f"Content.{name}.")
        for member in members - {"Alignment"}:
            _text(held, member, path=f"Content.{name}.")
    for name in _BUTTONS:
        button = content.get(name) or {}
        _known(button, {"DefaultConfig"} | _PLATFORMS, f"Content.{name}.")
        for part in ("DefaultConfig", *_PLATFORMS):
            held = button.get(part) or {}
            members = _DEFAULT_BUTTON if part == "DefaultConfig" else {"ButtonAction", "Link"}
            _known(held, members, f"Content.{name}.{part}.")
            _choice(held, "ButtonAction", INAPP_ACTIONS, f"Content.{name}.{part}.")


_CHECKS = {
    TemplateType.EMAIL: _email, TemplateType.SMS: _sms, TemplateType.PUSH: _push, TemplateType.VOICE: _voice,
    TemplateType.INAPP: _inapp,
}  # fmt: skip
