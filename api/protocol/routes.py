"""From a method and a path, as it stood on the wire, to an operation. Routes are a tree, made once."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from api.protocol.errors import BadRequest, MethodNotAllowed, NotFound
from api.protocol.model import Operation, model

PREFIX = "/v1/"
_GREEDY = "resource-arn"  # the last part of its address; some clients leave the slashes of an ARN as they are


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    is_greedy: bool = False
    operations: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)  # by method, with its parameters


@dataclass(frozen=True, slots=True)
class Route:
    """``parameters``: by their names in the address, decoded."""

    operation: Operation
    parameters: dict[str, str]


@functools.cache
def _tree() -> _Node:
    root = _Node()
    for operation in model().operations.values():
        node, names = root, []
        for part in operation.uri.strip("/").split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.parameter = node.parameter or _Node(is_greedy=part[1:-1] == _GREEDY)
                node = node.parameter
            else:
                node = node.fixed.setdefault(part, _Node())
        node.operations[operation.method] = (operation, tuple(names))
    return root


def find(method: str, path: str) -> Route:
    """``path`` still encoded, without its query. Raises ``NotFound``, ``MethodNotAllowed`` and ``BadRequest``."""
    found = _leaf(_tree(), path.strip("/").split("/"), 0, ())
    if found is None:
        raise NotFound(f"There is no resource at {path[:500]}.")
    node, values = found
    if method not in node.operations:
        allowed = ", ".join(sorted(node.operations))
        raise MethodNotAllowed(f"{method} is not possible here; possible: {allowed}.", headers={"Allow": allowed})
    operation, names = node.operations[method]
    return Route(operation, {name: _decoded(name, value) for name, value in zip(names, values, strict=True)})


def _leaf(node: _Node, parts: list[str], at: int, values: tuple[str, ...]) -> tuple[_Node, tuple[str, ...]] | None:
    """A fixed part goes before a parameter: ``/templates/x/email`` is no type of a template."""
    if at == len(parts):
        return (node, values) if node.operations else None
    part = parts[at]
    fixed = node.fixed.get(part)
    found = _leaf(fixed, parts, at + 1, values) if fixed is not None else None
    if found is None and node.parameter is not None and part:
        if node.parameter.is_greedy:
            return node.parameter, (*values, "/".join(parts[at:]))
        return _leaf(node.parameter, parts, at + 1, (*values, part))
    return found


def _decoded(name: str, value: str) -> str:
    try:
        text = unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name}: it is no UTF-8.") from None
    if "\0" in text:
        raise BadRequest(f"{name}: it holds a NUL character.")
    return text
