"""What a marketer wrote, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import Refusal

HTML_LIMIT = 600_000  # characters of an e-mail template (reference, section 5.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContent:
    """An e-mail as it was written. ``defaults``: a variable (``User.UserAttributes.Name``) to what a missing value becomes.

    ``headers``: more lines of the head, names and values; those that the console writes itself are left out.
    """

    from_address: str
    from_name: str = ""
    reply_to: str = ""
    subject: str
    preheader: str = ""
    html: str = ""
    text: str = ""
    defaults: dict[str, str] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()


class TemplateError(Refusal):
    """A template that can't be used. ``part`` is subject, preheader, html or text; line and column count from 1."""

    def __init__(self, message: object, *, part: str, line: int, column: int) -> None:
        super().__init__(message)
        self.part = part
        self.line = line
        self.column = column
