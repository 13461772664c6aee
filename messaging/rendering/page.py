"""The HTML part: each value escaped by its place in the page, links signed, the preheader first and the pixel last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _

from messaging.rendering import addresses, escaping, markup
from messaging.rendering.language.blocks import Blocks
from messaging.rendering.language.nodes import Block, Gap, Node, Output, PartialCall, Template, Text
from messaging.rendering.language.runtime import GetText, Piece, Recipient, merged

_URLS = frozenset(
    ["href", "src", "action", "formaction", "background", "cite", "poster", "data", "longdesc", "xlink:href", "codebase", "ping"]
)


class Page(Blocks):
    """Compiles the HTML part. ``links``: the targets as written, by their numbers; each compiled link adds one."""

    def __init__(self, template: Template, *, defaults: dict[str, str], longest: int, links: list[str]) -> None:
        super().__init__(template, defaults=defaults, longest=longest)
        self._links = links
        self._scanner = markup.Scanner()
        self._address: addresses.Address | None = None  # the value of an attribute that is an address, while it is read
        self._is_top = True
        self._tag = ""  # the last that began
        self._body_start: int | None = None
        self._body_end: int | None = None

    def page(self, hidden: tuple[Piece, ...]) -> tuple[Piece, ...]:
        out = self.nodes(self._template.nodes)
        end = len(out) if self._body_end is None else self._body_end
        start = 0 if self._body_start is None or self._body_start > end else self._body_start
        return merged([*out[:start], *hidden, *out[start:end], _pixel, *out[end:]])

    def nodes(self, nodes: Sequence[Node]) -> list[Piece]:
        out = super().nodes(nodes)
        if self._address is not None:
            address, self._address = self._address, None
            if not self._is_top:
                raise self._source.error(
                    address.start,
                    _("This address begins within a block and does not end there. Write the whole address within it."),
                )
            self._end_address(address, len(self._source.text), out)
        return out

    def node(self, node: Node, out: list[Piece]) -> None:
        if self._address is None and isinstance(node, (Output, Block, PartialCall)):
            self._begin_bare(node)
        if self._address is not None and not isinstance(node, Text):
            self._address.parts.append(node)
            return
        super().node(node, out)

    def literal(self, node: Text, out: list[Piece]) -> None:
        position = 0
        for event in self._scanner.feed(node.value):
            chunk, position = node.value[position : event.at], event.at
            if event.kind == "end" and self._address is not None:
                address, self._address = self._address, None
                address.parts.append(chunk)
                self._end_address(address, node.offset + event.at, out)
                continue
            out.append(chunk)
            place = self._scanner.place
            if event.kind == "begin" and place.attribute in _URLS:
                self._address = addresses.Address(place=place, start=node.offset + event.at)
            elif event.kind == "named":
                self._tag = place.tag
                if place.tag == "/body" and self._is_top:
                    self._body_end = len(out) - 1  # the piece before holds “</body”
            elif event.kind == "close" and self._tag == "body" and self._is_top and self._body_start is None:
                self._body_start = len(out)
        if self._address is not None:
            self._address.parts.append(node.value[position:])
        else:
            out.append(node.value[position:])

    def gap(self, node: Gap) -> None:
        self._check_decided(node.offset)

    def output(self, node: Output) -> Piece:
        place = self._scanner.place
        self._check_decided(node.offset)
        self._check_place(place, node.offset)
        constant = self._evaluation.constant(node.expression)
        escape = self._escape(place, node)
        if constant is not None:
            return escape(constant)
        return self._evaluation.written(node.expression, escape)

    def block(self, node: Block) -> GetText:
        self._check_decided(node.offset)
        return super().block(node)

    def branches(self, node: Block) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        was_top, self._is_top = self._is_top, False
        before = self._scanner.place
        main = self.main(node)
        after, self._scanner.place = self._scanner.place, before
        other = self.nodes(node.other)
        is_each = node.call.helper.name == "each"
        if not after.fits(self._scanner.place) or (is_each and not after.fits(before)):
            raise self._source.error(
                node.offset,
                _(
                    "The page goes on differently after the two sides of “{{#%(name)s}}”: a tag, a quote or a comment that begins on "
                    "one side must end there."
                )
                % {"name": node.call.helper.name},
            )
        self._scanner.place = after
        self._is_top = was_top
        return merged(main), merged(other)

    def _begin_bare(self, node: Node) -> None:
        """A value after an equals sign without quotes. A block may bring quotes of its own, but not to an address."""
        if not isinstance(node, Output) and self._scanner.place.attribute not in _URLS:
            return
        for event in self._scanner.inserted():
            place = self._scanner.place
            if event.kind == "begin" and place.attribute in _URLS:
                self._address = addresses.Address(place=place, start=node.offset)

    def _end_address(self, address: addresses.Address, end: int, out: list[Piece]) -> None:
        source = self._source.text[address.start : end]
        compiler = addresses.Addresses(self._template, self._evaluation)
        out += compiler.compiled(address, source, self._links)

    def _check_decided(self, offset: int) -> None:
        if self._scanner.place.is_undecided:
            raise self._source.error(
                offset, _("“<” stands right before this. Write &lt; for the sign; a tag's name can't be a value.")
            )

    def _check_place(self, place: markup.Place, offset: int) -> None:
        if place.mode == markup.TAG:
            raise self._source.error(
                offset,
                _(
                    "This stands within the tag <%(tag)s>, where a value can't be. Put it between the quotes of an attribute, or after “>”."
                )
                % {"tag": place.tag[:30]},
            )
        if place.mode == markup.BOGUS:
            raise self._source.error(offset, _("A value can't stand within <!…>."))
        if place.mode == markup.RAW and place.tag == "script":
            raise self._source.error(offset, _("A value can't stand within a script. Mail programs remove scripts."))
        if place.mode in (markup.VALUE, markup.BARE) and (place.attribute.startswith("on") or place.attribute == "srcdoc"):
            raise self._source.error(
                offset, _("A value can't stand within “%(name)s”: it would be run as a script.") % {"name": place.attribute[:30]}
            )

    def _escape(self, place: markup.Place, node: Output) -> Callable[[str], str]:
        if node.is_raw:
            if place.mode != markup.TEXT:
                raise self._source.error(node.offset, _("{{{ }}} can stand only between tags. Write {{ }} here."))
            return str
        if place.mode == markup.RAW and place.tag == "style":
            return escaping.style
        if place.mode in (markup.VALUE, markup.BARE) and place.attribute == "style":
            style = escaping.text if place.mode == markup.VALUE else escaping.bare
            return lambda value: style(escaping.style(value))
        return escaping.bare if place.mode == markup.BARE else escaping.text


class Hidden(Blocks):
    """The preheader at the begin of the page: what was written there is text, too."""

    def literal(self, node: Text, out: list[Piece]) -> None:
        out.append(escaping.text(node.value))

    def output(self, node: Output) -> Piece:
        plain = super().output(node)
        return escaping.text(plain) if isinstance(plain, str) else lambda recipient: escaping.text(plain(recipient))

    def hidden(self) -> tuple[Piece, ...]:
        return ('<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">', *self.whole(), "</div>")


def _pixel(recipient: Recipient) -> str:
    if recipient.links is None:
        return ""
    source = recipient.links.open_url(recipient.endpoint_id)
    return f'<img src="{source}" width="1" height="1" alt="" style="display:block;border:0">'


def hidden(template: Template, *, defaults: dict[str, str], longest: int) -> tuple[Piece, ...]:
    return Hidden(template, defaults=defaults, longest=longest).hidden() if template.nodes else ()
