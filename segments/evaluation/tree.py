"""A segment's definition as frozen dataclasses: what parsing gives, and what evaluation and explanation read."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal


class Combine(enum.StrEnum):
    """How several parts become one. NONE is whoever is in no part."""

    ALL = "ALL"
    ANY = "ANY"
    NONE = "NONE"


class SubjectKind(enum.StrEnum):
    ATTRIBUTE = "ATTRIBUTE"
    USER_ATTRIBUTE = "USER_ATTRIBUTE"
    METRIC = "METRIC"
    STANDARD = "STANDARD"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a test looks at. A STANDARD's name is its path, like ``Location.Country``."""

    kind: SubjectKind
    name: str


class Relation(enum.StrEnum):
    """How an instant compares with the values of a date filter."""

    BEFORE = "BEFORE"
    AFTER = "AFTER"
    ON = "ON"
    BETWEEN = "BETWEEN"


class Comparison(enum.StrEnum):
    """Pinpoint's five, and BETWEEN (both ends included)."""

    EQUAL = "EQUAL"
    GREATER_THAN = "GREATER_THAN"
    LESS_THAN = "LESS_THAN"
    GREATER_THAN_OR_EQUAL = "GREATER_THAN_OR_EQUAL"
    LESS_THAN_OR_EQUAL = "LESS_THAN_OR_EQUAL"
    BETWEEN = "BETWEEN"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the subject's values equals one of ``values``."""

    subject: Subject
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """One of ``values`` stands in one of the subject's values, upper and lower case told apart."""

    subject: Subject
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """One of the subject's values is an instant in this relation to one of ``instants`` (BETWEEN: two, both included)."""

    subject: Subject
    relation: Relation
    instants: tuple[datetime.datetime, ...]


@dataclass(frozen=True, slots=True)
class Numeric:
    """One of the subject's values is a number that compares so; ``upper`` is the second end of BETWEEN."""

    subject: Subject
    comparison: Comparison
    value: Decimal
    upper: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """The subject has a value."""

    subject: Subject


Test = AnyOf | Contains | Dated | Numeric | Present


@dataclass(frozen=True, slots=True)
class Criterion:
    """A test, or its opposite. The opposite holds for endpoints that lack the subject."""

    test: Test
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Dimension:
    """Criteria that must all hold; negated: not all of them."""

    criteria: tuple[Criterion, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class SourceSegment:
    """A base segment; without a version it is the newest."""

    segment_id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Base segments (none: everyone in the project), narrowed by dimensions. ``is_excluded``: taken away from the other groups."""

    sources: tuple[SourceSegment, ...] = ()
    source_type: Combine = Combine.ANY
    dimensions: tuple[Dimension, ...] = ()
    match: Combine = Combine.ALL
    is_excluded: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    groups: tuple[Group, ...]
    include: Combine = Combine.ALL
