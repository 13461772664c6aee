"""A template's source becomes a tree, in one pass; all that is wrong with its language is found here, with its place."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from messaging.rendering.language.catalogue import HELPERS
from messaging.rendering.language.expressions import Reader, Token, nearest
from messaging.rendering.language.nodes import (
    Block,
    Call,
    Gap,
    Node,
    Output,
    PartialCall,
    Source,
    Tag,
    Template,
    Text,
)

_OPEN = "{{"
DEEPEST = 20  # blocks within each other; an {{else if}} is one within the one before


@dataclass(slots=True)
class _Frame:
    """A block that is open. ``number``: the block's, or the definition's; ``chained``: how many ``{{else if}}`` it has."""

    name: str
    block: Block | None  # None for a partial's definition
    nodes: list[Node]
    offset: int
    number: int
    has_this: bool
    has_index: bool
    has_else: bool = False
    is_inverted: bool = False
    chained: int = 0


class _Parser:
    def __init__(self, source: Source, *, allow_unescaped: bool) -> None:
        self._source = source
        self._allow_unescaped = allow_unescaped
        self._frames = [_Frame(name="", block=None, nodes=[], offset=0, number=-1, has_this=False, has_index=False)]
        self._partials: dict[str, list[Node]] = {}
        self._calls: list[PartialCall] = []
        self._tags: list[Tag] = []
        self._variables: set[str] = set()
        self._blocks = 0

    def parse(self) -> Template:
        text, position, strip = self._source.text, 0, False
        while (start := text.find(_OPEN, position)) >= 0:
            before = text[position:start]
            is_escaped = before.endswith("\\") and not before.endswith("\\\\")
            trims = text.startswith("{{~", start)
            if before.endswith("\\"):
                before = before[:-1]
            self._text(before.rstrip() if trims else before, position, strip)
            if is_escaped:
                position, strip = self._escaped(start), False
                continue
            end = self._tag(start, start + 3 if trims else start + 2)
            strip = text.startswith("~", end - 3)
            position = end
        self._text(text[position:], position, strip)
        if len(self._frames) > 1:
            frame = self._frames[-1]
            raise self._source.error(
                frame.offset,
                _("“{{#%(name)s}}” is opened here and never closed. “{{/%(name)s}}” is expected.") % {"name": frame.name},
            )
        for call in self._calls:
            if call.name not in self._partials:
                message = _('There is no partial “%(name)s”. It is defined by {{#* inline "%(name)s"}}…{{/inline}}.')
                raise self._source.error(call.offset, message % {"name": call.name[:60]} + nearest(call.name, self._partials))
        return Template(
            source=self._source, nodes=self._frames[0].nodes, partials=self._partials, tags=self._tags,
            variables=frozenset(self._variables),
        )  # fmt: skip

    def _text(self, value: str, offset: int, strip: bool) -> None:
        if strip:
            bare = value.lstrip()
            offset += len(value) - len(bare)
            value = bare
        if value:
            self._frames[-1].nodes.append(Text(value=value, offset=offset))

    def _escaped(self, start: int) -> int:
        """``\\{{…}}`` stands for itself."""
        end = self._source.text.find("}}", start)
        if end < 0:
            raise self._source.error(start, _("“{{” is opened here and never closed. “}}” is expected."))
        self._frames[-1].nodes.append(Text(value=self._source.text[start : end + 2], offset=start))
        self._tags.append(Tag(start=start - 1, end=end + 2, role="text"))
        return end + 2

    def _tag(self, start: int, position: int) -> int:
        """One tag; gives the offset after it."""
        text = self._source.text
        sign = text[position : position + 1]
        if sign == "!":
            return self._comment(start, position)
        if sign == "{" or (sign == "&" and not text.startswith(("&gt;", "&quot;", "&#39;"), position)):
            return self._raw(start, position)
        if sign == ">" or text.startswith("&gt;", position):
            return self._partial(start, position + (1 if sign == ">" else 4))
        reader = self._reader(position + 1 if sign in "#^/" and sign else position)
        if sign == "#":
            return self._open(start, reader)
        if sign == "^":
            return self._inverted(start, reader)
        if sign == "/":
            return self._close(start, reader)
        token = reader.peek()
        if token.kind == "word" and token.text == "else":
            reader.next()
            return self._else(start, reader)
        output = Output(expression=reader.whole(), offset=start)
        return self._add(output, start, reader.position, "output")

    def _reader(self, position: int) -> Reader:
        frame = self._frames[-1]
        return Reader(self._source, position, has_this=frame.has_this, has_index=frame.has_index, found=self._variables)

    def _add(self, node: Node, start: int, end: int, role: str, block: int = -1) -> int:
        self._frames[-1].nodes.append(node)
        self._tags.append(Tag(start=start, end=end, role=role, block=block))
        return end

    def _comment(self, start: int, position: int) -> int:
        ending = "--" if self._source.text.startswith("!--", position) else ""
        found = self._source.text.find(ending + "}}", position + 1)
        if ending and found < 0:
            found = self._source.text.find("--~}}", position + 1)
        if found < 0:
            raise self._source.error(
                start, _("The comment is opened here and never closed. “%(end)s}}” is expected.") % {"end": ending}
            )
        return self._add(Gap(start), start, self._source.text.index("}}", found) + 2, "text")

    def _raw(self, start: int, position: int) -> int:
        if not self._allow_unescaped:
            raise self._source.error(
                start,
                _("{{{ }}} would put a member's value into the page unescaped. Write {{ }} instead."),
            )
        reader = self._reader(position + 1)
        output = Output(expression=reader.whole(), offset=start, is_raw=True)
        end = reader.position
        if self._source.text[position] == "{":
            if not self._source.text.startswith("}", end):
                raise self._source.error(start, _("“{{{” is opened here and never closed. “}}}” is expected."))
            end += 1
        return self._add(output, start, end, "output")

    def _partial(self, start: int, position: int) -> int:
        reader = self._reader(position)
        name = self._partial_name(reader, start)
        reader.close()
        call = PartialCall(name=name, offset=start)
        self._calls.append(call)
        return self._add(call, start, reader.position, "output")

    def _partial_name(self, reader: Reader, start: int) -> str:
        token = reader.next()
        if token.kind not in ("word", "string"):
            raise self._source.error(start, _("The name of a partial is expected, not “%(found)s”.") % {"found": token.text[:40]})
        return token.text.strip("\"'") if token.kind == "string" and token.text[0] != "&" else token.text.replace("&quot;", "")

    def _open(self, start: int, reader: Reader) -> int:
        self._check_depth(start)
        name = reader.next()
        if name.text.startswith("*"):
            return self._definition(start, reader, name)
        if name.text.startswith(">") or name.text.startswith("&gt"):
            raise self._source.error(start, _("A partial is called by {{> name}} and has no block of its own."))
        self._helper_of_block(name, start, reader)
        block = self._block(start, reader.call(name))
        self._add(block, start, reader.position, "open", block.number)
        self._push(block, block.main)
        return reader.position

    def _check_depth(self, start: int) -> None:
        if sum(1 + frame.chained for frame in self._frames) > DEEPEST:
            raise self._source.error(start, _("Blocks can be nested %(limit)s deep.") % {"limit": DEEPEST})

    def _helper_of_block(self, name: Token, start: int, reader: Reader) -> None:
        if name.kind != "word":
            raise self._source.error(start, _("The name of a helper is expected after “{{#”."))
        reader.helper(name, start)

    def _block(self, start: int, call: Call) -> Block:
        for option in ("yes", "no") if call.helper.is_condition else ():
            if option in call.options:
                raise self._source.error(
                    start, _("“%(option)s=” is for {{%(helper)s …}} without a block; in a block use {{else}}.")
                    % {"option": option, "helper": call.helper.name},
                )  # fmt: skip
        self._blocks += 1
        return Block(call=call, offset=start, number=self._blocks - 1)

    def _push(self, block: Block, nodes: list[Node]) -> None:
        above, helper = self._frames[-1], block.call.helper
        frame = _Frame(name=helper.name, block=block, nodes=nodes, offset=block.offset, number=block.number,
                       has_this=above.has_this or not helper.is_condition, has_index=above.has_index or helper.name == "each")  # fmt: skip
        self._frames.append(frame)

    def _definition(self, start: int, reader: Reader, name: Token) -> int:
        word = name.text[1:] or reader.next().text
        if word != "inline":
            raise self._source.error(
                start, _('“{{#* %(name)s}}” is unknown. {{#* inline "name"}} is expected.') % {"name": word[:40]}
            )
        partial = self._partial_name(reader, start)
        reader.close()
        if partial in self._partials:
            raise self._source.error(start, _("There are two partials of the name “%(name)s”.") % {"name": partial[:60]})
        self._blocks += 1
        self._add(Gap(start), start, reader.position, "open", self._blocks - 1)
        nodes: list[Node] = []
        self._partials[partial] = nodes
        self._frames.append(
            _Frame(
                name="inline", block=None, nodes=nodes, offset=start, number=self._blocks - 1, has_this=True, has_index=True
            )  # where it is called decides
        )
        return reader.position

    def _inverted(self, start: int, reader: Reader) -> int:
        """``{{^}}`` is ``{{else}}``; ``{{^if x}}`` is a block that begins with its else."""
        token = reader.peek()
        if token.kind == "close":
            return self._else(start, reader)
        if token.text.startswith("*"):
            raise self._source.error(start, _('“{{#* %(name)s}}” is unknown. {{#* inline "name"}} is expected.') % {"name": "^"})
        end = self._open(start, reader)
        frame = self._frames[-1]
        assert frame.block is not None
        above = self._frames[-2]
        frame.nodes, frame.is_inverted = frame.block.other, True
        frame.has_this, frame.has_index = above.has_this, above.has_index
        return end

    def _else(self, start: int, reader: Reader) -> int:
        frame = self._frames[-1]
        if len(self._frames) == 1 or frame.block is None:
            raise self._source.error(start, _("{{else}} stands in no block."))
        if frame.has_else:
            raise self._source.error(
                start, _("There is an {{else}} before this one, in the “{{#%(name)s}}” of line %(line)s.")
                % {"name": frame.name, "line": self._source.line(frame.offset)},
            )  # fmt: skip
        above = self._frames[-2]
        number = frame.number
        if frame.is_inverted:
            gives = frame.block.call.helper
            frame.has_this, frame.has_index = above.has_this or not gives.is_condition, above.has_index or gives.name == "each"
        else:
            frame.has_this, frame.has_index = above.has_this, above.has_index
        name = reader.next()
        self._tags.append(Tag(start=start, end=0, role="else", block=number))
        if name.kind == "close":
            frame.nodes, frame.has_else = frame.block.main if frame.is_inverted else frame.block.other, True
        elif frame.is_inverted:
            raise self._source.error(start, _("In a block that begins with {{^ only {{else}} can stand."))
        else:
            self._check_depth(start)
            self._helper_of_block(name, start, reader)
            frame.nodes = frame.block.other
            chained = self._block(start, reader.call(name))
            frame.nodes.append(chained)
            frame.block, frame.nodes, frame.chained = chained, chained.main, frame.chained + 1
            frame.has_this = frame.has_this or not chained.call.helper.is_condition
            frame.has_index = frame.has_index or chained.call.helper.name == "each"
        self._tags[-1] = Tag(start=start, end=reader.position, role="else", block=number)
        return reader.position

    def _close(self, start: int, reader: Reader) -> int:
        name = reader.next()
        reader.close()
        frame = self._frames[-1]
        if len(self._frames) == 1:
            raise self._source.error(
                start,
                _("“{{/%(name)s}}” closes nothing.") % {"name": name.text[:40]}
                + nearest(name.text, HELPERS) * (name.text not in HELPERS),
            )
        if name.text.lstrip("*") != frame.name:
            raise self._source.error(
                start,
                _("“{{/%(found)s}}” stands here, where “{{/%(name)s}}” is expected: “{{#%(name)s}}” of line %(line)s is open.")
                % {"found": name.text[:40], "name": frame.name, "line": self._source.line(frame.offset)},
            )
        self._frames.pop()
        self._tags.append(Tag(start=start, end=reader.position, role="close", block=frame.number))
        return reader.position


def parse(text: str, *, part: str, allow_unescaped: bool = False) -> Template:
    """The tree of one part; raises ``TemplateError``."""
    return _Parser(Source(text=text, part=part), allow_unescaped=allow_unescaped).parse()
