"""What a value is as text, as a number, as a truth. Never raises: data decides here, and a message must go out."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal
from typing import Any

ARITHMETIC = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN, Emax=6144, Emin=-6143, traps=[])
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*")
_LONGEST_NUMBER = 40  # characters of a text that is read as a number
_LARGEST = 30  # digits before the point that are still printed
LIST_ITEMS = 50  # of a list that are looked at; an attribute has no more in Pinpoint


def as_text(value: Any) -> str:
    """A list is its first value, a whole number has no point, null is nothing."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_LARGEST else ""
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value)) if abs(value) < 10**_LARGEST else ""
        return str(value) if abs(value) < 10**_LARGEST else ""  # not for NaN and infinity either
    return number_text(value) if isinstance(value, Decimal) else ""


def number_text(number: Decimal) -> str:
    if not number.is_finite() or number.adjusted() >= _LARGEST:
        return ""
    if number == 0 or number.adjusted() < -_LARGEST:
        return "0"
    return format(number.normalize(ARITHMETIC), "f")


def as_number(value: Any) -> Decimal | None:
    """The number, or the one that a text shows; None where there is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    if not isinstance(value, str):
        value = as_text(value)
        return Decimal(value) if value else None  # Python writes a float so that it reads back
    if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
        return None
    return Decimal(value.strip())


def is_true(value: Any) -> bool:
    """As in Handlebars: nothing, false, 0, the empty text and the empty list are false. So is a list of empty texts."""
    if isinstance(value, list):
        return any(item not in (None, "") for item in value[:LIST_ITEMS])
    return bool(value)


def are_equal(one: Any, other: Any) -> bool:
    """Texts are compared as texts; a number with a text by the number that the text shows. Nothing equals the empty text."""
    if not (isinstance(one, (str, list)) and isinstance(other, (str, list))):
        numbers = as_number(one), as_number(other)
        if None not in numbers:
            return numbers[0] == numbers[1]
    return as_text(one) == as_text(other)


def compared(one: Any, other: Any) -> int | None:
    """-1, 0 or 1: as numbers where both are, else as texts. None where one of them is missing."""
    left, right = as_number(one), as_number(other)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    first, second = as_text(one), as_text(other)
    if not first or not second:
        return None
    return (first > second) - (first < second)
