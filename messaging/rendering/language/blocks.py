"""Nodes become pieces: texts, and functions from a recipient to a text. How a value is put out, the part's own class says."""

from __future__ import annotations

from collections.abc import Sequence

from messaging.rendering.language.evaluation import Evaluation
from messaging.rendering.language.nodes import Block, Gap, Node, Output, PartialCall, Template, Text
from messaging.rendering.language.runtime import Get, GetText, Piece, Recipient, joined, merged
from messaging.rendering.language.values import is_true


class Blocks:
    """Compiles the nodes of one part. By itself it is the plain text of a subject or a text part: values as they are."""

    def __init__(self, template: Template, *, defaults: dict[str, str], longest: int) -> None:
        self._template = template
        self._source = template.source
        self._evaluation = Evaluation(source=template.source, defaults=defaults, longest=longest)

    def whole(self) -> tuple[Piece, ...]:
        return merged(self.nodes(self._template.nodes))

    def nodes(self, nodes: Sequence[Node]) -> list[Piece]:
        out: list[Piece] = []
        for node in nodes:
            self.node(node, out)
        return out

    def node(self, node: Node, out: list[Piece]) -> None:
        if isinstance(node, Text):
            self.literal(node, out)
        elif isinstance(node, Output):
            out.append(self.output(node))
        elif isinstance(node, Block):
            out.append(self.block(node))
        elif isinstance(node, PartialCall):
            out += self.nodes(self._template.partials[node.name])
        elif isinstance(node, Gap):
            self.gap(node)

    def literal(self, node: Text, out: list[Piece]) -> None:
        out.append(node.value)

    def gap(self, node: Gap) -> None:
        """A comment or a definition: nothing."""

    def output(self, node: Output) -> Piece:
        constant = self._evaluation.constant(node.expression)
        return self._evaluation.text(node.expression) if constant is None else constant

    def block(self, node: Block) -> GetText:
        call, evaluation = node.call, self._evaluation
        if call.helper.is_condition:
            test = evaluation.test(call)
            main, other = self.branches(node)
            return _either(test, main, other)
        # What each and the others read is read outside of them; only their main part has a this.
        is_each = call.helper.name == "each"
        items = evaluation.items(call.params[0]) if is_each else None
        value = None if is_each else evaluation.value(call)
        main, other = self.branches(node)
        if items is not None:
            return _each(items, main, other)
        assert value is not None
        return _with(value, main, other)

    def branches(self, node: Block) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
        return merged(self.main(node)), merged(self.nodes(node.other))

    def main(self, node: Block) -> list[Piece]:
        evaluation = self._evaluation
        before = evaluation.has_this, evaluation.has_index
        if not node.call.helper.is_condition:
            evaluation.has_this = True
            evaluation.has_index = evaluation.has_index or node.call.helper.name == "each"
        pieces = self.nodes(node.main)
        evaluation.has_this, evaluation.has_index = before
        return pieces


def _either(test: Get, main: tuple[Piece, ...], other: tuple[Piece, ...]) -> GetText:
    yes, no = joined(main), joined(other)
    return lambda recipient: yes(recipient) if test(recipient) else no(recipient)


def _each(items: Get, main: tuple[Piece, ...], other: tuple[Piece, ...]) -> GetText:
    body, nothing = joined(main), joined(other)

    def each(recipient: Recipient) -> str:
        found = items(recipient)
        if not found:
            return nothing(recipient)
        before = recipient.this, recipient.index, recipient.is_last
        out = []
        for index, item in enumerate(found):
            recipient.this, recipient.index, recipient.is_last = item, index, index == len(found) - 1
            out.append(body(recipient))
        recipient.this, recipient.index, recipient.is_last = before
        return "".join(out)

    return each


def _with(value: Get, main: tuple[Piece, ...], other: tuple[Piece, ...]) -> GetText:
    """A helper that is no condition, as a block: its result is ``this``."""
    body, nothing = joined(main), joined(other)

    def block(recipient: Recipient) -> str:
        found = value(recipient)
        if not is_true(found):
            return nothing(recipient)
        before, recipient.this = recipient.this, found
        text = body(recipient)
        recipient.this = before
        return text

    return block
