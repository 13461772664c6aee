"""A test answered by facets: which values of its subject pass. Must say the same as ``leaves`` says by SQL, on every value."""

from __future__ import annotations

import datetime
import functools
import operator
import re
from collections.abc import Callable
from decimal import Decimal

from core.audience import Audience
from endpoints import facets
from segments.evaluation import values
from segments.evaluation.leaves import PUSH
from segments.evaluation.tree import AnyOf, Comparison, Contains, Dated, Numeric, Present, Relation, SubjectKind, Test

_COMPARE: dict[Comparison, Callable[[Decimal, Decimal], bool]] = {
    Comparison.EQUAL: operator.eq,
    Comparison.GREATER_THAN: operator.gt,
    Comparison.LESS_THAN: operator.lt,
    Comparison.GREATER_THAN_OR_EQUAL: operator.ge,
    Comparison.LESS_THAN_OR_EQUAL: operator.le,
}
# As ``pabal_instant`` reads it. As microseconds: a zone may carry an instant past the year 9999, and SQL follows it there.
_INSTANT = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](\.[0-9]{1,9})?)?(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)
_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)


def subject_of(test: Test) -> facets.Subject | None:
    """The subject whose facet answers the test; None when none can."""
    if not isinstance(test, AnyOf | Contains | Dated | Numeric | Present):
        return None
    subject = test.subject
    if subject.kind is SubjectKind.STANDARD and subject.name not in facets.STANDARD_NAMES:
        return None
    if subject.kind is SubjectKind.METRIC and not isinstance(test, Numeric | Present):
        return None
    return subject


def holding(*, test: Test, facet: facets.Facet) -> Audience:
    """The endpoints for which a test holds whose ``subject_of`` is the facet's subject."""
    if not isinstance(test, AnyOf):
        return facet.matching(key=test, predicate=_predicate(test))
    wanted = set(test.values)
    if test.subject.kind is SubjectKind.STANDARD and test.subject.name == "Demographic.Channel" and "PUSH" in wanted:
        wanted |= set(PUSH)
    return facet.carrying(wanted)


def _predicate(test: Test) -> Callable[[str], bool]:
    match test:
        case Contains(values=parts):
            return lambda value: any(part in value for part in parts)
        case Dated():
            return _dated(test)
        case Numeric():
            return _numeric(test)
        case _:
            return lambda _value: True


def _dated(test: Dated) -> Callable[[str], bool]:
    instants = [(instant - _EPOCH) // datetime.timedelta(microseconds=1) for instant in test.instants]
    first, last = min(instants), max(instants)
    days = {instant // _DAY for instant in instants}
    holds: dict[Relation, Callable[[int], bool]] = {
        Relation.BEFORE: lambda instant: instant < last,
        Relation.AFTER: lambda instant: instant > first,
        Relation.BETWEEN: lambda instant: first <= instant <= last,
        Relation.ON: lambda instant: instant // _DAY in days,
    }
    relation = holds[test.relation]

    def passes(value: str) -> bool:
        instant = _microseconds(value)
        return instant is not None and relation(instant)

    return passes


def _numeric(test: Numeric) -> Callable[[str], bool]:
    read = Decimal if test.subject.kind is SubjectKind.METRIC else _number
    low, high = test.value, test.upper

    def passes(value: str) -> bool:
        number = read(value)
        if number is None:
            return False
        if test.comparison is Comparison.BETWEEN:
            return high is not None and low <= number <= high
        return _COMPARE[test.comparison](number, low)

    return passes


# A marketer who drags the ends of a range asks about the same texts again and again.
_number = functools.lru_cache(maxsize=200_000)(values.read_number)


@functools.lru_cache(maxsize=200_000)
def _microseconds(text: str) -> int | None:
    """Microseconds from 1970 to the instant; None for any other text."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    fraction = found[1]
    if fraction:  # Python's reader cuts it off where PostgreSQL rounds
        text = text.replace(fraction, "", 1)
    try:
        instant = datetime.datetime.fromisoformat(text)
    except ValueError:  # no such day
        return None
    since = instant - (_EPOCH if instant.tzinfo else _EPOCH_WITHOUT_ZONE)
    whole = since.days * _DAY + since.seconds * 1_000_000
    return whole + (round(float("0" + fraction) * 1_000_000) if fraction else 0)


def forget() -> None:
    """For benchmarks: no text has been read yet."""
    _number.cache_clear()
    _microseconds.cache_clear()
