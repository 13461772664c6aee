"""The helpers that compute, in decimals: 0.1 and 0.2 are 0.3. What can't be computed is None, and prints nothing."""

from __future__ import annotations

import decimal
from decimal import Decimal

from messaging.rendering.language.values import ARITHMETIC

Number = Decimal | None
_PLACES = Decimal("1e-8")  # of a quotient


def add(one: Number, other: Number) -> Number:
    return None if one is None or other is None else ARITHMETIC.add(one, other)


def subtract(one: Number, other: Number) -> Number:
    return None if one is None or other is None else ARITHMETIC.subtract(one, other)


def multiply(one: Number, other: Number) -> Number:
    return None if one is None or other is None else ARITHMETIC.multiply(one, other)


def divide(one: Number, other: Number) -> Number:
    if one is None or not other:
        return None
    return ARITHMETIC.divide(one, other).quantize(_PLACES, decimal.ROUND_HALF_UP, ARITHMETIC)


def modulo(one: Number, other: Number) -> Number:
    """The sign is the dividend's, as Java's."""
    return None if one is None or not other else ARITHMETIC.remainder(one, other)


def ceiling(number: Number) -> Number:
    return _whole(number, decimal.ROUND_CEILING)


def floor(number: Number) -> Number:
    return _whole(number, decimal.ROUND_FLOOR)


def nearest(number: Number) -> Number:
    """Halves go up, as Java's: 2.5 is 3, -2.5 is -2."""
    return None if number is None else _whole(ARITHMETIC.add(number, Decimal("0.5")), decimal.ROUND_FLOOR)


def _whole(number: Number, rounding: str) -> Number:
    return None if number is None else number.to_integral_value(rounding, ARITHMETIC)
