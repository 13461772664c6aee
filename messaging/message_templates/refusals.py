"""Why a template is not saved."""

from __future__ import annotations

from core.errors import Refusal


class TemplateRefused(Refusal):
    """The template was not changed."""


class DocumentRefused(TemplateRefused):
    """What it says can't be stored. ``part``: the member that is wrong, such as ``HtmlPart`` or ``APNS.Title``."""

    def __init__(self, message: object, *, part: str) -> None:
        super().__init__(message)
        self.part = part
