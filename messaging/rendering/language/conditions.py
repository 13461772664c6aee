"""The helpers that answer yes or no (reference, section 5.3). Arguments are values as they lie in the document."""

from __future__ import annotations

from typing import Any

from messaging.rendering.language.values import are_equal, as_text, compared, is_true

_NO = frozenset(["false", "0", "no", "n", "off"])


def every(*values: Any) -> bool:
    return all(map(is_true, values))


def some(*values: Any) -> bool:
    return any(map(is_true, values))


def negated(value: Any) -> bool:
    return not is_true(value)


def differ(one: Any, other: Any) -> bool:
    return not are_equal(one, other)


def is_greater(one: Any, other: Any) -> bool:
    return compared(one, other) == 1


def is_greater_or_equal(one: Any, other: Any) -> bool:
    return compared(one, other) in (0, 1)


def is_less(one: Any, other: Any) -> bool:
    return compared(one, other) == -1


def is_less_or_equal(one: Any, other: Any) -> bool:
    return compared(one, other) in (-1, 0)


def yes_no(value: Any, yes: str = "yes", no: str = "no", maybe: str = "maybe") -> str:
    """Missing is maybe; what people write for no (N, false, 0) is no; all else is yes."""
    text = as_text(value)
    if not text:
        return maybe
    return no if text.strip().lower() in _NO else yes
