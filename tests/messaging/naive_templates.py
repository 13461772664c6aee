"""Templates as plain tuples: made at random, written as source, and interpreted step by step, the slow and plain way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

# ("text", s) ("put", expression) ("if" | "not" | "each", expression, main, other) ("eq" | "gt", a, b, main, other)
# expressions: ("value", name, index) ("literal", s) ("number", n) ("this",) ("index",) ("call", helper, *expressions)
Tree = list[Any]

_VALUES = st.sampled_from(
    [("value", f"Attributes.{name}", index) for name in "abc" for index in (None, 0, 1)] + [("value", "Metrics.m", None)]
)
_LITERALS = st.sampled_from(["", "x", "b", "김", "<b>", " "]).map(lambda text: ("literal", text))
_NUMBERS = st.sampled_from(["0", "1", "12", "-3.5", "2.5"]).map(lambda text: ("number", text))


def _expressions(*, in_each: bool) -> st.SearchStrategy[Any]:
    leaves = _VALUES | _LITERALS | _NUMBERS
    if in_each:
        leaves = leaves | st.just(("this",)) | st.just(("index",))

    def calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        one = st.sampled_from(["upper", "lower", "stripTags", "capitalizeFirst"])
        return st.one_of(
            st.tuples(st.just("call"), one, inner),
            st.tuples(st.just("call"), st.just("replace"), inner, _LITERALS, inner),
            st.tuples(st.just("call"), st.just("cut"), inner, _LITERALS),
            st.tuples(st.just("call"), st.sampled_from(["eq", "and", "or"]), inner, inner),
            st.tuples(st.just("call"), st.sampled_from(["add", "multiply", "divide"]), _VALUES, _VALUES),
            st.tuples(st.just("call"), st.just("join"), _VALUES, _LITERALS),
        )

    return st.recursive(leaves, calls, max_leaves=4)


def nodes(depth: int = 2, *, in_each: bool = False) -> st.SearchStrategy[Tree]:
    expressions = _expressions(in_each=in_each)
    simple = st.tuples(st.just("text"), st.text("a가 \n.", min_size=1, max_size=5)) | st.tuples(st.just("put"), expressions)
    if depth:
        inner, looped = nodes(depth - 1, in_each=in_each), nodes(depth - 1, in_each=True)
        simple = simple | st.one_of(
            st.tuples(st.sampled_from(["if", "not"]), expressions, inner, inner),
            st.tuples(st.just("each"), _VALUES, looped, inner),
            st.tuples(st.sampled_from(["eq", "gt"]), expressions, expressions, inner, inner),
        )
    return st.lists(simple, max_size=4)


def source_of(tree: Tree) -> str:
    out = []
    for node in tree:
        if node[0] == "text":
            out.append(node[1])
        elif node[0] == "put":
            written = _written(node[1])
            out.append("{{" + (written[1:-1] if written.startswith("(") else written) + "}}")
        else:
            arguments = " ".join(map(_written, node[1:-2]))
            out.append(f"{{{{#{node[0]} {arguments}}}}}{source_of(node[-2])}{{{{else}}}}{source_of(node[-1])}{{{{/{node[0]}}}}}")
    return "".join(out)


def _written(expression: Any) -> str:
    kind = expression[0]
    if kind == "value":
        return str(expression[1]) if expression[2] is None else f"{expression[1]}.[{expression[2]}]"
    if kind == "literal":
        return f"'{expression[1]}'"
    if kind == "number":
        return str(expression[1])
    if kind in ("this", "index"):
        return {"this": "this", "index": "@index"}[kind]
    return f"({expression[1]} {' '.join(map(_written, expression[2:]))})"


class Interpreter:
    """``escape`` is done to every value that is put out."""

    def __init__(self, document: dict[str, Any], defaults: dict[str, str], escape: Callable[[str], str]) -> None:
        self.document = document
        self.defaults = defaults
        self.escape = escape

    def text(self, tree: Tree, this: Any = None, index: int = 0) -> str:
        out = ""
        for node in tree:
            if node[0] == "text":
                out += node[1]
            elif node[0] == "put":
                written = shown(self.value(node[1], this, index))
                if not written and node[1][0] == "value":  # a list whose first value is empty
                    written = self.defaults.get(node[1][1], "")
                out += self.escape(written)
            elif node[0] == "each":
                value = self.value(node[1], this, index)
                items = value if isinstance(value, list) else [value]
                items = [] if all(item in (None, "") for item in items) else items[:15]
                for number, item in enumerate(items):
                    out += self.text(node[2], item, number)
                if not items:
                    out += self.text(node[3], this, index)
            else:
                name = {"if": "and"}.get(node[0], node[0])
                values = [self.value(one, this, index) for one in node[1:-2]]
                out += self.text(node[-2] if self.call(name, values) else node[-1], this, index)
        return out

    def value(self, expression: Any, this: Any, index: int) -> Any:
        kind = expression[0]
        if kind == "this":
            return this
        if kind == "index":
            return index
        if kind == "literal":
            return expression[1]
        if kind == "number":
            return Decimal(expression[1])
        if kind == "call":
            return self.call(expression[1], [self.value(one, this, index) for one in expression[2:]])
        group, _dot, name = expression[1].partition(".")
        found = self.document[group].get(name)
        if isinstance(found, list) and expression[2] is not None:
            found = found[expression[2]] if expression[2] < len(found) else None
        if found in (None, "", [], [""]):
            return self.defaults.get(expression[1]) or None
        return found

    def call(self, name: str, values: list[Any]) -> Any:
        if name == "upper":
            return shown(values[0]).upper()
        if name == "lower":
            return shown(values[0]).lower()
        if name == "capitalizeFirst":
            text = shown(values[0])
            return text[:1].upper() + text[1:]
        if name == "stripTags":
            return shown(values[0]).replace("<b>", "").replace("<B>", "")
        if name == "replace":
            old = shown(values[1])
            return shown(values[0]).replace(old, shown(values[2])) if old else shown(values[0])
        if name == "cut":
            return "".join(shown(values[0]).split(shown(values[1]))) if shown(values[1]) else shown(values[0])
        if name == "join":
            items = values[0] if isinstance(values[0], list) else [values[0]]
            return shown(values[1]).join(shown(item) for item in items if shown(item))
        if name in ("add", "multiply", "divide"):
            return self.computed(name, values)
        if name == "and":
            return all(map(holds, values))
        if name == "or":
            return any(map(holds, values))
        if name == "not":
            return not holds(values[0])
        if name == "eq":
            if all(isinstance(value, (str, list)) for value in values) or None in [number(value) for value in values]:
                return shown(values[0]) == shown(values[1])
            return number(values[0]) == number(values[1])
        assert name == "gt"
        numbers = [number(value) for value in values]
        if None not in numbers:
            return numbers[0] > numbers[1]  # type: ignore[operator]
        return "" not in map(shown, values) and shown(values[0]) > shown(values[1])

    def computed(self, name: str, values: list[Any]) -> Decimal | None:
        one, other = map(number, values)
        if one is None or other is None or (name == "divide" and other == 0):
            return None
        if name == "add":
            return one + other
        if name == "multiply":
            return one * other
        return (one / other).quantize(Decimal("0.00000001"), ROUND_HALF_UP)


def shown(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)):
        text = f"{Decimal(str(value)):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("", "-0") else text
    return str(value)


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    text = shown(value)
    return Decimal(text) if text.lstrip("-").replace(".", "", 1).isdigit() else None


def holds(value: Any) -> bool:
    return any(item not in (None, "") for item in value) if isinstance(value, list) else bool(value)
