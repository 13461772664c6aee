"""Conditions on an event as lines of text, one each: ``category = shoes, bags`` for an attribute, ``price >= 100`` for a metric."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from campaigns.schedule import COMPARE, EventFilter
from core.errors import Refusal

_LINE = re.compile(r"(?P<name>[^=<>]+?)\s*(?P<sign>==|>=|<=|=|>|<)\s*(?P<rest>.+)")
_SIGNS = {sign: comparison for comparison, (sign, _compare) in COMPARE.items()}


class LineRefused(Refusal):
    """A line that is no condition."""


def read(text: str, *, types: tuple[str, ...]) -> EventFilter:
    """The filter of these types with the conditions of the lines; raises ``LineRefused``."""
    attributes: dict[str, tuple[str, ...]] = {}
    metrics: list[tuple[str, str, Decimal]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        found = _LINE.fullmatch(line)
        if found is None:
            raise LineRefused(_("“%(line)s” is no condition. Write it like: category = shoes, bags") % {"line": line[:60]})
        name, sign, rest = found["name"].strip(), found["sign"], found["rest"].strip()
        if name in attributes or any(one[0] == name for one in metrics):
            raise LineRefused(_("“%(name)s” stands in two lines. Write all its values in one.") % {"name": name})
        if sign == "=":
            attributes[name] = _values(rest)
        else:
            metrics.append((name, _SIGNS[sign], _number(rest, line)))
    return EventFilter(types=types, attributes=tuple(attributes.items()), metrics=tuple(metrics))


def write(found: EventFilter) -> str:
    """The lines that ``read`` reads."""
    lines = [f"{name} = {_joined(values)}" for name, values in found.attributes]
    lines += [f"{name} {COMPARE[comparison][0]} {value.normalize():f}" for name, comparison, value in found.metrics]
    return "\n".join(lines)


def _values(rest: str) -> tuple[str, ...]:
    (row,) = csv.reader([rest], skipinitialspace=True)
    return tuple(one.strip() for one in row if one.strip())


def _joined(values: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return re.sub(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', ", ", out.getvalue())


def _number(rest: str, line: str) -> Decimal:
    try:
        found = Decimal(rest)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > Decimal("1e300"):
        raise LineRefused(_("“%(line)s”: a metric is compared with a number.") % {"line": line[:60]})
    return found
