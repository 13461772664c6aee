"""A segment's definition as frozen dataclasses: what parsing gives, and what evaluation and explanation read."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal

from endpoints.facets import Subject as Subject
from endpoints.facets import SubjectKind as SubjectKind


class Combine(enum.StrEnum):
    """How several parts become one. NONE is whoever is in no part."""

    ALL = "ALL"
    ANY = "ANY"
    NONE = "NONE"


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


SIGNS = {
    Comparison.EQUAL: "=", Comparison.GREATER_THAN: ">", Comparison.GREATER_THAN_OR_EQUAL: ">=", Comparison.LESS_THAN: "<",
    Comparison.LESS_THAN_OR_EQUAL: "<=",
}  # fmt: skip


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


class Span(enum.StrEnum):
    """How a day (in the project's zone) lies to today. Today itself is in WITHIN_LAST and WITHIN_NEXT."""

    TODAY = "TODAY"
    WITHIN_LAST = "WITHIN_LAST"
    MORE_THAN_AGO = "MORE_THAN_AGO"
    WITHIN_NEXT = "WITHIN_NEXT"
    MORE_THAN_AHEAD = "MORE_THAN_AHEAD"


@dataclass(frozen=True, slots=True)
class Relative:
    """One of the subject's values is an instant on such a day; ``days`` is 0 for TODAY. Evaluation turns it into ``Dated``."""

    subject: Subject
    span: Span
    days: int = 0


@dataclass(frozen=True, slots=True)
class Anniversary:
    """One of the subject's values has the day and month (in the project's zone) of a day from today to ``days`` ahead."""

    subject: Subject
    days: int = 0


@dataclass(frozen=True, slots=True)
class Near:
    """The endpoint's place is at most so far from a point (great circle)."""

    latitude: float
    longitude: float
    kilometres: float


@dataclass(frozen=True, slots=True)
class ActiveWithin:
    """The endpoint was last heard of (its EffectiveDate) within these hours."""

    hours: int


class Action(enum.StrEnum):
    RECEIVED = "RECEIVED"
    OPENED = "OPENED"
    CLICKED = "CLICKED"
    UNSUBSCRIBED = "UNSUBSCRIBED"


@dataclass(frozen=True, slots=True)
class Did:
    """What became of messages: of any campaign or one (its public id), any link or one, ever or within days (UTC).

    ``treatment`` says whose link it is, where each treatment of the campaign numbers its own.
    """

    action: Action
    campaign_id: str = ""
    link: int | None = None
    days: int | None = None
    treatment: int | None = None


@dataclass(frozen=True, slots=True)
class DidEvent:
    """An app's, a web page's or any other event: so often, ever or within days (UTC), with one of these values of each attribute."""

    event_type: str
    at_least: int = 1
    days: int | None = None
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    metrics: tuple[tuple[str, Comparison, Decimal], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the sets of who did it answer."""
        return self.at_least == 1 and not self.attributes and not self.metrics


# The tests that look at one subject's values, and those that look elsewhere or at the calendar.
ValueTest = AnyOf | Contains | Dated | Numeric | Present
OtherTest = Relative | Anniversary | Near | ActiveWithin | Did | DidEvent
Test = ValueTest | OtherTest


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
class Limit:
    """So many of a group: those first by a metric (``metric``, the greatest first unless ``is_ascending``), else random by seed."""

    count: int
    metric: str = ""
    is_ascending: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Base segments (none: everyone in the project), narrowed by dimensions, then to ``limit``.

    ``is_excluded``: taken away from the other groups.
    """

    sources: tuple[SourceSegment, ...] = ()
    source_type: Combine = Combine.ANY
    dimensions: tuple[Dimension, ...] = ()
    match: Combine = Combine.ALL
    is_excluded: bool = False
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    groups: tuple[Group, ...]
    include: Combine = Combine.ALL
