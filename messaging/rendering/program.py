"""A message compiled once: pieces of text and small functions, joined for each recipient."""

from __future__ import annotations

import html
import re
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from analytics.links import RunLinks
from messaging.rendering import plain_text
from messaging.rendering.content import HTML_LIMIT, MessageContent, TemplateError
from messaging.rendering.template import UNSUBSCRIBE, Part, Variable, parse, reader

# No "<" inside a tag: a megabyte of "<a <a <a" must not be read again from each of them to its end.
_ANCHOR = re.compile(r"<a(?:rea)?\b[^<>]*?\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_BODY_START = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_LINE_ENDS = re.compile(r"[\r\n\v\f\x00-\x08\x0e-\x1f\x85\u2028\u2029]+")


@dataclass(slots=True)
class _Recipient:
    """What the pieces of a message read."""

    document: dict[str, Any]
    links: RunLinks | None
    endpoint_id: int
    unsubscribe: str


_Piece = str | Callable[[_Recipient], str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message for one recipient. ``unsubscribe_url`` is empty in previews."""

    subject: str
    preheader: str
    html: str
    text: str
    unsubscribe_url: str


@dataclass(frozen=True, slots=True)
class MessageProgram:
    """A compiled message. ``links`` are the targets as written, by their numbers; ``variables`` the names that are used."""

    content: MessageContent
    links: list[str]
    variables: list[str]
    has_unsubscribe: bool
    subject: tuple[_Piece, ...]
    preheader: tuple[_Piece, ...]
    html: tuple[_Piece, ...]
    text: tuple[_Piece, ...]


def compile_content(content: MessageContent) -> MessageProgram:
    """Parse a message once; raises ``TemplateError``."""
    if len(content.html) > HTML_LIMIT or len(content.text) > HTML_LIMIT:
        part = "html" if len(content.html) > HTML_LIMIT else "text"
        raise TemplateError(
            _("The message has more than %(limit)s characters. Mail programs cut off far shorter ones.") % {"limit": HTML_LIMIT},
            part=part, line=1, column=1,
        )  # fmt: skip
    compiler = _Compiler(content)
    body = content.html
    text = content.text or plain_text.from_html(body)
    return MessageProgram(
        content=content,
        subject=compiler.plain(content.subject, "subject"),
        preheader=compiler.plain(content.preheader, "preheader"),
        html=compiler.page(body),
        text=compiler.plain(text, "text"),
        links=compiler.links,
        variables=sorted(compiler.variables),
        has_unsubscribe=UNSUBSCRIBE in compiler.variables,
    )


def render(program: MessageProgram, *, document: dict[str, Any], links: RunLinks | None = None, endpoint_id: int = 0) -> Rendered:
    """The message for one recipient. Without ``links`` it is a preview: real targets, no pixel, a dead unsubscribe link."""
    unsubscribe = links.unsubscribe_url(endpoint_id) if links is not None else ""
    recipient = _Recipient(document=document, links=links, endpoint_id=endpoint_id, unsubscribe=unsubscribe)
    return Rendered(
        subject=_LINE_ENDS.sub(" ", _join(program.subject, recipient)).strip(),
        preheader=_LINE_ENDS.sub(" ", _join(program.preheader, recipient)).strip(),
        html=_join(program.html, recipient),
        text=_join(program.text, recipient),
        unsubscribe_url=unsubscribe,
    )


def _join(pieces: Sequence[_Piece], recipient: _Recipient) -> str:
    return "".join([piece if type(piece) is str else piece(recipient) for piece in pieces])  # type: ignore[operator]


class _Compiler:
    def __init__(self, content: MessageContent) -> None:
        self._content = content
        self.links: list[str] = []
        self.variables: set[str] = set()

    def plain(self, source: str, part: str) -> tuple[_Piece, ...]:
        """Subject, preheader and text: values as they are."""
        return tuple(piece if isinstance(piece, str) else self._value(piece) for piece in parse(source, part=part))

    def page(self, source: str) -> tuple[_Piece, ...]:
        """The HTML part: values escaped, links signed, the preheader first and the pixel last in the body."""
        if not source:
            return ()
        parse(source, part="html")  # first of all, so that an error names its place in the whole
        start = _BODY_START.search(source)
        end = next(reversed(list(_BODY_END.finditer(source))), None)
        head = source[: start.end()] if start else ""
        body = source[len(head) : end.start() if end else len(source)]
        tail = source[end.start() :] if end else ""
        return (*self._markup(head), *self._hidden(), *self._markup(body), _pixel, *self._markup(tail))

    def _markup(self, source: str) -> list[_Piece]:
        pieces: list[_Piece] = []
        position = 0
        for anchor in _ANCHOR.finditer(source):
            group = next(number for number in (1, 2, 3) if anchor[number] is not None)
            target = html.unescape(anchor[group]).strip()
            if not self._is_tracked(target):
                continue
            pieces += self._escaped(source[position : anchor.start(group)])
            pieces.append(self._link(target))
            position = anchor.end(group)
        return pieces + self._escaped(source[position:])

    def _is_tracked(self, target: str) -> bool:
        parts = parse(target, part="html")
        if any(isinstance(part, Variable) and part.name == UNSUBSCRIBE for part in parts):
            return False
        return target.lower().startswith(("http://", "https://")) or (bool(parts) and isinstance(parts[0], Variable))

    def _link(self, target: str) -> _Piece:
        number = len(self.links)
        self.links.append(target)
        aim = _target(parse(target, part="html"), self._content.defaults, self.variables)

        def link(recipient: _Recipient) -> str:
            address = aim(recipient)
            if not address.lower().startswith(("http://", "https://")):
                return "#"  # the member's value is no address
            if recipient.links is None:
                return html.escape(address)
            return recipient.links.click_url(recipient.endpoint_id, number, address)

        return link

    def _hidden(self) -> list[_Piece]:
        if not self._content.preheader:
            return []
        return [
            '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">',
            *self._escaped(html.escape(self._content.preheader)),
            "</div>",
        ]

    def _escaped(self, source: str) -> list[_Piece]:
        return [piece if isinstance(piece, str) else self._escape(piece) for piece in parse(source, part="html")]

    def _escape(self, variable: Variable) -> _Piece:
        value = self._value(variable)

        def escape(recipient: _Recipient) -> str:
            return html.escape(value(recipient))

        return escape

    def _value(self, variable: Variable) -> Callable[[_Recipient], str]:
        self.variables.add(variable.name)
        if variable.name == UNSUBSCRIBE:
            return _unsubscribe
        read = reader(variable, self._content.defaults)
        return lambda recipient: read(recipient.document)


def _target(parts: list[Part], defaults: dict[str, str], variables: set[str]) -> Callable[[_Recipient], str]:
    """A link's target for a recipient: values quoted, but for one that is the whole beginning of the address."""
    pieces: list[str | tuple[Callable[[dict[str, Any]], str], bool]] = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            pieces.append(urllib.parse.quote(part, safe="%/:?#[]@!$&'()*+,;=~-._"))
        else:
            variables.add(part.name)
            pieces.append((reader(part, defaults), number == 0))

    def aim(recipient: _Recipient) -> str:
        out = []
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
            else:
                read, is_address = piece
                safe = "%/:?#[]@!$&'()*+,;=~-._" if is_address else "~-._"
                out.append(urllib.parse.quote(read(recipient.document), safe=safe))
        return "".join(out)

    return aim


def _unsubscribe(recipient: _Recipient) -> str:
    return recipient.unsubscribe or "#"


def _pixel(recipient: _Recipient) -> str:
    if recipient.links is None:
        return ""
    source = recipient.links.open_url(recipient.endpoint_id)
    return f'<img src="{source}" width="1" height="1" alt="" style="display:block;border:0">'
