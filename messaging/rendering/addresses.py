"""The value of an attribute that is an address: a link that is signed and counted, or one that only must be safe."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from analytics.links import click_tail
from messaging.rendering import escaping, markup
from messaging.rendering.language.blocks import Blocks
from messaging.rendering.language.evaluation import Evaluation
from messaging.rendering.language.nodes import Block, Call, Expression, Node, Output, PartialCall, Template, Text, Variable
from messaging.rendering.language.runtime import GetText, Piece, Recipient, joined, merged
from messaging.rendering.language.variables import UNSUBSCRIBE

_LINKS = ("a", "area")
_WEB = ("http://", "https://")
_OTHERS = ("mailto:", "tel:", "sms:")


@dataclass(slots=True)
class Address:
    """``parts``: texts as they stand in the page, and nodes; ``start``: the offset of the first."""

    place: markup.Place
    start: int
    parts: list[str | Node] = field(default_factory=list)


class _Parts(Blocks):
    """What an address is made of, not yet escaped for the page. ``is_link``: quoted, so that it is one address."""

    def __init__(self, template: Template, evaluation: Evaluation, *, quote: str, is_link: bool) -> None:
        self._template = template
        self._source = template.source
        self._evaluation = evaluation
        self._quote = quote
        self._is_link = is_link
        self._is_begin = True  # nothing stands before

    def parts(self, parts: Sequence[str | Node]) -> tuple[Piece, ...]:
        out: list[Piece] = []
        for part in parts:
            if isinstance(part, str):
                out.append(self._text(part))
            else:
                self.node(part, out)
        return merged(out)

    def literal(self, node: Text, out: list[Piece]) -> None:
        ends = self._quote in node.value if self._quote else any(char.isspace() or char in ">\"'" for char in node.value)
        if ends:
            raise self._source.error(
                node.offset, _("This address ends within a block and begins before it. Write the whole address within the block.")
            )
        out.append(self._text(node.value))

    def _text(self, text: str) -> str:
        if not text:
            return ""
        plain = html.unescape(text)
        if self._is_begin:
            plain = plain.lstrip()
        self._is_begin = self._is_begin and not plain
        return escaping.quoted(plain, escaping.URL_SAFE) if self._is_link else plain

    def output(self, node: Output) -> Piece:
        if node.is_raw:
            raise self._source.error(node.offset, _("{{{ }}} can stand only between tags. Write {{ }} here."))
        text = super().output(node)
        safe = escaping.URL_SAFE if self._is_begin else escaping.VALUE_SAFE
        self._is_begin = False
        if not self._is_link:
            return text
        if isinstance(text, str):
            return escaping.quoted(text, safe)
        longest = max(100, self._evaluation.longest // 3)  # each character may become nine
        return lambda recipient: escaping.quoted(text(recipient)[:longest], safe)

    def branches(self, node: Block) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        begin = self._is_begin
        main = self.main(node)
        after, self._is_begin = self._is_begin, begin
        other = self.nodes(node.other)
        self._is_begin = self._is_begin and after
        return merged(main), merged(other)


class Addresses:
    def __init__(self, template: Template, evaluation: Evaluation) -> None:
        self._template = template
        self._evaluation = evaluation

    def compiled(self, address: Address, source: str, links: list[str]) -> list[Piece]:
        """The value as pieces of the page; a counted link is added to ``links``."""
        place, parts = address.place, address.parts
        first = next((part for part in parts if part != ""), "")
        begins = first.lstrip() if isinstance(first, str) else ""
        is_fixed = all(isinstance(part, str) for part in parts)
        is_web = html.unescape(begins).lower().startswith(_WEB)
        is_link = place.tag in _LINKS and place.attribute == "href"
        is_own = any(not isinstance(part, str) and self._unsubscribes(part) for part in parts)
        is_counted = is_link and not is_own and (is_web or not isinstance(first, str))
        if is_fixed and not is_counted:
            return [part for part in parts if isinstance(part, str)]
        made = _Parts(self._template, self._evaluation, quote=place.quote, is_link=is_counted).parts(parts)
        piece: GetText
        if is_counted:
            links.append(html.unescape(source).strip())
            piece = _counted(made, len(links) - 1)
        else:
            piece = _safe(made)
        return [piece] if place.quote else ['"', piece, '"']

    def _unsubscribes(self, node: Node) -> bool:
        if isinstance(node, Output):
            return _uses(node.expression)
        if isinstance(node, Block):
            return any(map(self._unsubscribes, (*node.main, *node.other)))
        if isinstance(node, PartialCall):
            return any(map(self._unsubscribes, self._template.partials[node.name]))
        return False


def _uses(expression: Expression) -> bool:
    if isinstance(expression, Call):
        return any(map(_uses, (*expression.params, *expression.options.values())))
    return isinstance(expression, Variable) and expression.name == UNSUBSCRIBE


def _counted(pieces: tuple[Piece, ...], number: int) -> GetText:
    if all(isinstance(piece, str) for piece in pieces):
        return _fixed("".join(map(str, pieces)).strip(), number)
    aim = joined(pieces)

    def link(recipient: Recipient) -> str:
        address = aim(recipient).strip()
        start = address[:8].lower()
        if not start.startswith(_WEB):
            return escaping.text(address) if start.startswith(_OTHERS) else "#"  # the member's value is no address
        if recipient.links is None:
            return escaping.text(address)
        return recipient.links.click_url(recipient.endpoint_id, number, address)

    return link


def _fixed(address: str, number: int) -> GetText:
    shown, tail = escaping.text(address), click_tail(number, address)

    def link(recipient: Recipient) -> str:
        return shown if recipient.links is None else recipient.links.click_of(recipient.endpoint_id, tail)

    return link


def _safe(pieces: tuple[Piece, ...]) -> GetText:
    aim = joined(pieces)

    def address(recipient: Recipient) -> str:
        text = aim(recipient)
        return escaping.text(text) if escaping.is_safe_address(text) else "#"

    return address
