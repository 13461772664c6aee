"""A template as a tree. Nodes keep the offset of what they came from, so that an error can name its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from messaging.rendering.content import TemplateError

if TYPE_CHECKING:
    from messaging.rendering.language.catalogue import Helper


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one part (subject, preheader, html or text) as it was written."""

    text: str
    part: str

    def error(self, offset: int, message: str) -> TemplateError:
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        placed = _("Line %(line)s, column %(column)s: %(message)s") % {"line": line, "column": column, "message": message}
        return TemplateError(placed, part=self.part, line=line, column=column)

    def line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


@dataclass(frozen=True, slots=True)
class Literal:
    """Text in quotes, a number, true, false or null."""

    value: str | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Variable:
    """A lookup: ``{{User.UserAttributes.Name.[0]}}`` has the path ("User", "UserAttributes", "Name") and the index 0."""

    path: tuple[str, ...]
    index: int | None
    offset: int = 0

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Loop:
    """What only the inside of a block knows: ``this``, ``@index``, ``@first``, ``@last``."""

    name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A helper with its arguments."""

    helper: Helper
    params: tuple[Expression, ...]
    options: dict[str, Expression]
    offset: int = 0


Expression = Literal | Variable | Loop | Call


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Output:
    """``{{expression}}``; ``is_raw`` is ``{{{expression}}}``."""

    expression: Expression
    offset: int
    is_raw: bool = False


@dataclass(slots=True)
class Block:
    """``{{#helper …}}main{{else}}other{{/helper}}``; ``number`` counts the blocks of a part."""

    call: Call
    offset: int
    number: int
    main: list[Node] = field(default_factory=list)
    other: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PartialCall:
    """``{{> name}}``."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a tag stands that puts nothing out: a comment, a partial's definition."""

    offset: int


Node = Text | Output | Block | PartialCall | Gap


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's place in the source. ``role``: output, text (nothing is put out), open, else, close, partial.

    ``block`` is the number of the block that an opening, an else or a close belongs to.
    """

    start: int
    end: int
    role: str
    block: int = -1


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed part. ``variables`` are the names of all that are used, within helpers and partials too."""

    source: Source
    nodes: list[Node]
    partials: dict[str, list[Node]]
    tags: list[Tag]
    variables: frozenset[str]
