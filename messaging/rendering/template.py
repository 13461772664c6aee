"""Pinpoint's variables (reference, section 5.2): a template is literal text and lookups."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from messaging.rendering.content import TemplateError

_OPEN = "{{"
_SEGMENT = re.compile(r"\.?(?:\[([^\[\]{}]+)\]|([^\s.\[\]{}\"'=()|]+))")
_INDEX = re.compile(r"[0-9]{1,4}")
_SCALARS = frozenset(
    [
        "Address",
        "ChannelType",
        "CreationDate",
        "EffectiveDate",
        "EndpointStatus",
        "Id",
        "OptOut",
        "RequestId",
        "CohortId",
        "UnsubscribeUrl",
        "User.UserId",
    ]
)
_GROUPS = {
    "Demographic": frozenset(
        ["AppVersion", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone"]
    ),
    "Location": frozenset(["City", "Country", "Latitude", "Longitude", "PostalCode", "Region"]),
}
UNSUBSCRIBE = "UnsubscribeUrl"


@dataclass(frozen=True, slots=True)
class Variable:
    """A lookup: ``{{User.UserAttributes.Name.[0]}}`` has the path ("User", "UserAttributes", "Name") and the index 0."""

    path: tuple[str, ...]
    index: int | None
    line: int
    column: int

    @property
    def name(self) -> str:
        return ".".join(self.path)


Part = str | Variable


def parse(source: str, *, part: str) -> list[Part]:
    """Literal pieces and variables, in order; raises ``TemplateError``."""
    parts: list[Part] = []
    position, line, line_start = 0, 1, 0
    while (start := source.find(_OPEN, position)) >= 0:
        if start > position:
            parts.append(source[position:start])
        line += source.count("\n", position, start)
        line_start = max(line_start, source.rfind("\n", position, start) + 1)
        where = (line, start - line_start + 1)
        if source.startswith("{{{", start):
            raise _error(_("{{{ }}} would put a member's value into the page unescaped. Write {{ }} instead."), part, where)
        end = source.find("}}", start)
        if end < 0:
            raise _error(_("“{{” is opened here and never closed. “}}” is expected."), part, where)
        parts.append(_variable(source[start + 2 : end].strip(), part, where))
        line += source.count("\n", start, end)
        line_start = max(line_start, source.rfind("\n", start, end) + 1)
        position = end + 2
    if position < len(source):
        parts.append(source[position:])
    return parts


def _error(message: str, part: str, where: tuple[int, int]) -> TemplateError:
    line, column = where
    placed = _("Line %(line)s, column %(column)s: %(message)s") % {"line": line, "column": column, "message": message}
    return TemplateError(placed, part=part, line=line, column=column)


def _variable(expression: str, part: str, where: tuple[int, int]) -> Variable:
    if not expression:
        raise _error(_("The name of a variable is expected between {{ and }}."), part, where)
    if expression[0] in "#/^>&!*" or expression == "else" or re.search(r"\s", re.sub(r"\[[^\]]*\]", "", expression)):
        raise _error(
            _("“%(expression)s” is a helper; only variables such as {{User.UserAttributes.Name}} can be used here.")
            % {"expression": expression[:60]},
            part,
            where,
        )
    segments = []
    position = 0
    while position < len(expression):
        match = _SEGMENT.match(expression, position)
        if match is None:
            raise _error(_("“%(expression)s” is not the name of a variable.") % {"expression": expression[:60]}, part, where)
        segments.append(match[1] or match[2])
        position = match.end()
    is_indexed = len(segments) > 1 and _INDEX.fullmatch(segments[-1]) and expression.endswith("]")
    index = int(segments.pop()) if is_indexed else None
    variable = Variable(path=tuple(segments), index=index, line=where[0], column=where[1])
    if not _exists(variable.path):
        raise _error(
            _(
                "There is no variable “%(name)s”. Variables are called Address, Attributes.name, Metrics.name, User.UserId, "
                "User.UserAttributes.name, Location.City …"
            )
            % {"name": variable.name[:60]},
            part,
            where,
        )
    return variable


def _exists(path: tuple[str, ...]) -> bool:
    if ".".join(path) in _SCALARS:
        return True
    if len(path) == 2:
        return path[0] in ("Attributes", "Metrics") or path[1] in _GROUPS.get(path[0], ())
    return len(path) == 3 and path[:2] == ("User", "UserAttributes")


def reader(variable: Variable, defaults: dict[str, str]) -> Callable[[dict[str, Any]], str]:
    """A function from an endpoint's document to the variable's text.

    A list gives its first value (or the indexed one); what is missing or empty gives the default, and without one nothing.
    """
    path, index = variable.path, variable.index or 0
    default = defaults.get(variable.name, "")

    def read(document: dict[str, Any]) -> str:
        value: Any = document
        for name in path:
            value = value.get(name)
            if value is None:
                return default
        if isinstance(value, list):
            value = value[index] if index < len(value) else ""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value) if value not in (None, "") else default

    return read
