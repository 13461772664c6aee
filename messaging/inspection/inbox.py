"""What the inbox shows of a mail, and how big it is."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.rendering import Rendered

CLIPPED_AT = 102 * 1024  # bytes of HTML; Gmail cuts off the rest, the unsubscribe link with it
_SNIPPET = 160  # characters; no inbox shows more


@dataclass(frozen=True, slots=True)
class Inbox:
    """``snippet`` is the preheader, or, as mail programs do without one, the beginning of the text."""

    sender: str
    subject: str
    snippet: str
    has_preheader: bool
    size: int  # bytes of the HTML

    @property
    def kilobytes(self) -> int:
        return -(-self.size // 1024)

    @property
    def is_clipped(self) -> bool:
        return self.size > CLIPPED_AT


def inbox(*, rendered: Rendered, sender: str) -> Inbox:
    text = " ".join(rendered.text.split())
    return Inbox(
        sender=sender,
        subject=rendered.subject,
        snippet=(rendered.preheader or text)[:_SNIPPET],
        has_preheader=bool(rendered.preheader),
        size=len((rendered.html or rendered.text).encode()),
    )
