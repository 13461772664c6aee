"""A message compiled once: pieces of text and small functions, joined for each recipient."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core import clock
from messaging.rendering import inlining, masking
from messaging.rendering.content import HTML_LIMIT, MessageContent, TemplateError
from messaging.rendering.language import parse
from messaging.rendering.language.blocks import Blocks
from messaging.rendering.language.limits import Meter
from messaging.rendering.language.nodes import Template
from messaging.rendering.language.runtime import GetText, Links, Recipient, encoded, joined
from messaging.rendering.language.variables import UNSUBSCRIBE
from messaging.rendering.page import Page, hidden

_LINE_ENDS = re.compile(r"[\r\n\v\f\x00-\x08\x0e-\x1f\x85\u2028\u2029]+")


class Rendered:
    """A message for one recipient. ``unsubscribe_url`` is empty in previews.

    A message that is sent needs its parts in UTF-8 (``html_bytes``, ``text_bytes``), a preview as text.
    """

    __slots__ = ("html_bytes", "preheader", "subject", "text_bytes", "unsubscribe_url")

    def __init__(self, *, subject: str, preheader: str, html: str | bytes, text: str | bytes, unsubscribe_url: str) -> None:
        self.subject = subject
        self.preheader = preheader
        self.html_bytes = html if isinstance(html, bytes) else html.encode("utf-8", "replace")
        self.text_bytes = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        self.unsubscribe_url = unsubscribe_url

    @property
    def html(self) -> str:
        return self.html_bytes.decode()

    @property
    def text(self) -> str:
        return self.text_bytes.decode()


@dataclass(frozen=True, slots=True)
class MessageProgram:
    """A compiled message. ``links`` are the targets as written, by their numbers; ``variables`` the names that are used."""

    content: MessageContent
    links: list[str]
    variables: list[str]
    has_unsubscribe: bool
    subject: GetText
    preheader: GetText
    html: Callable[[Recipient], bytes]
    text: Callable[[Recipient], bytes]


def compile_content(content: MessageContent, *, allow_unescaped: bool = False) -> MessageProgram:
    """Parse a message once; raises ``TemplateError``. ``allow_unescaped``: whether ``{{{ }}}`` may put values in as they are."""
    if len(content.html) > HTML_LIMIT or len(content.text) > HTML_LIMIT:
        part = "html" if len(content.html) > HTML_LIMIT else "text"
        raise TemplateError(
            _("The message has more than %(limit)s characters. Mail programs cut off far shorter ones.") % {"limit": HTML_LIMIT},
            part=part, line=1, column=1,
        )  # fmt: skip
    subject = parse(content.subject, part="subject", allow_unescaped=True)  # no markup: nothing is escaped there anyway
    preheader = parse(content.preheader, part="preheader")
    html = parse(content.html, part="html", allow_unescaped=allow_unescaped)
    if content.text:
        text = parse(content.text, part="text", allow_unescaped=True)
    else:
        text = parse(masking.plain_text_of(html), part="html", allow_unescaped=True)
    inlined = inlining.inlined(html)
    if inlined is not None:
        try:
            return _compiled(content, subject, preheader, parse(inlined, part="html", allow_unescaped=allow_unescaped), text)
        except TemplateError:
            _compiled(content, subject, preheader, html, text)  # the same error, at the place where it was written
            raise
    return _compiled(content, subject, preheader, html, text)


def _compiled(content: MessageContent, subject: Template, preheader: Template, html: Template, text: Template) -> MessageProgram:
    meter = Meter()
    for template in (subject, preheader, text):
        meter.measure(template)
    meter.measure(preheader, step=2)  # once more, hidden in the page
    meter.measure(html, step=2, link=8)
    defaults, longest = content.defaults, meter.longest_value
    links: list[str] = []
    page = Page(html, defaults=defaults, longest=longest, links=links)
    before = hidden(preheader, defaults=defaults, longest=longest)
    variables = frozenset().union(*(template.variables for template in (subject, preheader, html, text)))
    return MessageProgram(
        content=content,
        subject=joined(Blocks(subject, defaults=defaults, longest=longest).whole()),
        preheader=joined(Blocks(preheader, defaults=defaults, longest=longest).whole()),
        html=encoded(page.page(before) if content.html else ()),
        text=encoded(Blocks(text, defaults=defaults, longest=longest).whole()),
        links=links,
        variables=sorted(variables),
        has_unsubscribe=UNSUBSCRIBE in variables,
    )


def render(
    program: MessageProgram, *, document: dict[str, Any], links: Links | None = None, endpoint_id: int = 0,
    now: datetime.datetime | None = None,
) -> Rendered:  # fmt: skip
    """The message for one recipient. Without ``links`` it is a preview: real targets, no pixel, a dead unsubscribe link.

    ``now`` is what ``{{now}}`` writes.
    """
    unsubscribe = links.unsubscribe_url(endpoint_id) if links is not None else ""
    recipient = Recipient(
        document=document, links=links, endpoint_id=endpoint_id, unsubscribe=unsubscribe, now=clock.now() if now is None else now
    )
    return Rendered(
        subject=_line(program.subject(recipient)),
        preheader=_line(program.preheader(recipient)),
        html=program.html(recipient),
        text=program.text(recipient),
        unsubscribe_url=unsubscribe,
    )


def render_subject(program: MessageProgram, *, document: dict[str, Any]) -> str:
    """The subject alone, as ``render`` writes it."""
    return _line(program.subject(Recipient(document=document, links=None, endpoint_id=0, unsubscribe="", now=clock.now())))


def _line(text: str) -> str:
    return (text if text.isprintable() else _LINE_ENDS.sub(" ", text)).strip()
