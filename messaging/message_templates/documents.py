"""A document is made ready to be stored: checked, its MJML compiled, its variables parsed, so that errors come when one saves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from messaging.message_templates import mjml, shapes
from messaging.models import TemplateType
from messaging.rendering import MessageContent, TemplateError, compile_content

_PUSH_TEXTS = ("Title", "Body", "Url", "ImageUrl", "MediaUrl", "ImageIconUrl", "SmallImageIconUrl", "RawContent")
_PART = {"subject": "Subject", "preheader": "Pabal.Preheader", "html": "HtmlPart", "text": "TextPart"}


def prepared(template_type: str, document: Mapping[str, Any], *, allow_unescaped: bool = False) -> dict[str, Any]:
    """The document as it is stored; ``allow_unescaped`` as in ``compile_content``.

    Raises ``DocumentRefused``, or ``TemplateError`` whose part is a member of the document."""
    made = {name: value for name, value in document.items() if value not in (None, "", {}, [])}
    shapes.check(template_type, made)
    if template_type == TemplateType.EMAIL:
        if source := made.get("Pabal", {}).get("Mjml"):
            made["HtmlPart"] = mjml.compiled(source)
            shapes.check(template_type, made)
        _compile_email(made, allow_unescaped)
    else:
        for part, text in texts_of(template_type, made):
            _compile_text(text, part)
    return made


def email_content(document: Mapping[str, Any], *, from_address: str = "", from_name: str = "") -> MessageContent:
    """An e-mail template as the renderer takes it."""
    return MessageContent(
        from_address=from_address,
        from_name=from_name,
        subject=document.get("Subject", ""),
        preheader=document.get("Pabal", {}).get("Preheader", ""),
        html=document.get("HtmlPart", ""),
        text=document.get("TextPart", ""),
        defaults=shapes.substitutions(document),
        headers=tuple((one.get("Name", ""), one.get("Value", "")) for one in document.get("Headers") or ()),
    )


def text_content(document: Mapping[str, Any], text: str) -> MessageContent:
    """A text of another channel as the renderer takes it: rendered as its text part."""
    return MessageContent(from_address="", subject="", text=text, defaults=shapes.substitutions(document))


def _compile_email(document: Mapping[str, Any], allow_unescaped: bool) -> None:
    try:
        compile_content(email_content(document), allow_unescaped=allow_unescaped)
    except TemplateError as error:
        error.part = _PART.get(error.part, error.part)
        raise


def texts_of(template_type: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts with variables, by their members. In-app messages have none (reference, section 5.1)."""
    if template_type in (TemplateType.SMS, TemplateType.VOICE):
        yield "Body", document.get("Body", "")
    elif template_type == TemplateType.PUSH:
        for platform in shapes.PUSH_LIMITS:
            held = document.get(platform) or {}
            yield from ((f"{platform}.{name}", held[name]) for name in _PUSH_TEXTS if held.get(name))


def _compile_text(text: str, part: str) -> None:
    try:
        compile_content(dataclasses.replace(MessageContent(from_address="", subject=""), text=text))
    except TemplateError as error:
        error.part = part
        raise
