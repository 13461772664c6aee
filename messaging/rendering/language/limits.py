"""What a template may cost at the most, whatever the data: counted before it is compiled, so that no message ever takes long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from messaging.rendering.language.nodes import Block, Call, Expression, Node, Output, PartialCall, Source, Template, Text
from messaging.rendering.language.texts import LONGEST

EACH_ITEMS = 15  # of a list, as Pinpoint (reference, section 5.2)
MOST_STEPS = 20_000  # a step takes a microsecond, or less
MOST_VALUES = 5_000  # variables and helpers, those within helpers too
MOST_CHARACTERS = 2_400_000  # of what was written, blocks repeated
MOST_NODES = 60_000  # after partials have been put in place
VALUE_CHARACTERS = 640_000  # of all values together; the longest value is this divided by their number, and at least 128
DEEPEST = 40  # blocks and partials within each other
_LINK = re.compile(r"href\s*=", re.IGNORECASE)


@dataclass(slots=True)
class Size:
    steps: int = 0
    characters: int = 0
    nodes: int = 0
    values: int = 0
    depth: int = 0

    def add(self, other: Size, times: int = 1) -> None:
        self.steps += other.steps * times
        self.characters += other.characters * times
        self.nodes += other.nodes
        self.values += other.values * times
        self.depth = max(self.depth, other.depth + 1)


@dataclass(slots=True)
class Meter:
    """Adds up the parts of one message; raises ``TemplateError`` at what is too much."""

    total: Size = field(default_factory=Size)

    def measure(self, template: Template, *, step: int = 1, link: int = 0) -> None:
        """``step``: the cost of putting one value out; ``link``: of an address that is signed."""
        weigher = _Weigher(template, step=step, link=link)
        for name in template.partials:
            weigher.partial(name, template.nodes[0].offset if template.nodes else 0)
        weigher.nodes(template.nodes, self.total)

    @property
    def longest_value(self) -> int:
        return min(LONGEST, VALUE_CHARACTERS // max(1, self.total.values))


class _Weigher:
    def __init__(self, template: Template, *, step: int, link: int) -> None:
        self._template = template
        self._step = step
        self._link = link
        self._sizes: dict[str, Size | None] = {}  # None: being measured
        self._open = 0  # partials that are being measured

    def nodes(self, nodes: list[Node], size: Size) -> Size:
        for node in nodes:
            size.nodes += 1
            if isinstance(node, Text):
                size.characters += len(node.value)
                if self._link:
                    size.steps += self._link * len(_LINK.findall(node.value))
            elif isinstance(node, Output):
                size.steps += self._step
                self._expression(node.expression, size)
            elif isinstance(node, Block):
                self._block(node, size)
            elif isinstance(node, PartialCall):
                size.add(self.partial(node.name, node.offset))
            _check(size, self._template.source, node.offset)
        return size

    def _block(self, block: Block, size: Size) -> None:
        size.steps += 2
        self._expression(block.call, size)
        inner = self.nodes(block.main, Size(steps=1))
        size.add(inner, EACH_ITEMS if block.call.helper.name == "each" else 1)
        size.add(self.nodes(block.other, Size()))

    def partial(self, name: str, offset: int) -> Size:
        if name in self._sizes:
            known = self._sizes[name]
            if known is None:
                raise self._template.source.error(
                    offset, _("The partial “%(name)s” calls itself; it would never end.") % {"name": name}
                )
            return known
        if self._open > DEEPEST:
            raise self._template.source.error(offset, _("Blocks and partials can be nested %(limit)s deep.") % {"limit": DEEPEST})
        self._sizes[name] = None
        self._open += 1
        measured = self.nodes(self._template.partials[name], Size())
        self._open -= 1
        self._sizes[name] = measured
        return measured

    def _expression(self, expression: Expression, size: Size) -> None:
        for one in _all(expression):
            size.values += 1
            size.steps += one.helper.cost if isinstance(one, Call) else 1


def _all(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Call):
        for inner in (*expression.params, *expression.options.values()):
            yield from _all(inner)


def _check(size: Size, source: Source, offset: int) -> None:
    if size.steps > MOST_STEPS or size.values > MOST_VALUES or size.nodes > MOST_NODES:
        message = _(
            "The message has more variables, helpers and links than can be put in for every recipient; "
            "what is in {{#each}} counts %(items)s times."
        )
        raise source.error(offset, message % {"items": EACH_ITEMS})
    if size.characters > MOST_CHARACTERS:
        message = _("The message could become longer than %(limit)s characters; what is in {{#each}} counts %(items)s times.")
        raise source.error(offset, message % {"limit": MOST_CHARACTERS, "items": EACH_ITEMS})
    if size.depth > DEEPEST:
        raise source.error(offset, _("Blocks and partials can be nested %(limit)s deep.") % {"limit": DEEPEST})
