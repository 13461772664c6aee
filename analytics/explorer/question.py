"""What is asked of a project's events, and what comes of it."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.models import EventKind
from analytics.statistics.buckets import Buckets
from core.errors import Refusal

BY_CAMPAIGN = "campaign"


class QuestionRefused(Refusal):
    """A question that can't be answered as it is asked."""


class Measure(enum.StrEnum):
    EVENTS = "events"
    ENDPOINTS = "endpoints"  # distinct ones
    SUM = "sum"
    AVERAGE = "average"
    LEAST = "least"
    GREATEST = "greatest"

    @property
    def is_of_metric(self) -> bool:
        return self not in (Measure.EVENTS, Measure.ENDPOINTS)

    @property
    def is_total(self) -> bool:
        """Whether nothing is nought, and not nothing."""
        return self in (Measure.EVENTS, Measure.ENDPOINTS, Measure.SUM)


@dataclass(frozen=True, slots=True)
class Question:
    """``metric``: what a measure of metrics is of. ``group``: an attribute by whose values it is told apart, or ``is_by_campaign``.

    ``attributes`` (name, values of which one) and ``metrics`` (name, sign, number) must all hold.
    """

    project_id: int
    kind: int
    buckets: Buckets
    measure: Measure = Measure.EVENTS
    metric: str = ""
    group: str = ""
    is_by_campaign: bool = False
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    metrics: tuple[tuple[str, str, float], ...] = ()

    @property
    def is_counted(self) -> bool:
        """Whether the counters can answer."""
        return self.measure is Measure.EVENTS and not (self.group or self.attributes or self.metrics)

    @property
    def has_attributes(self) -> bool:
        """Only what apps, web pages and other programs send has attributes and metrics."""
        return self.kind >= EventKind.SESSION_START


@dataclass(frozen=True, slots=True)
class Group:
    """One line of the answer. ``name``: the attribute's value, or the campaign's number; empty: events without one.

    ``values``: of each bucket; None: not known, or nothing to take an average of. ``total``: over all buckets.
    """

    name: str
    values: Sequence[float | None]
    total: float | None
    is_rest: bool = False  # all other values together


@dataclass(frozen=True, slots=True)
class Cut:
    """Events before ``since`` were not read: there are ``events``, of which ``read`` were."""

    since: datetime.datetime
    events: int
    read: int


@dataclass(frozen=True, slots=True)
class Answer:
    """``groups``: those with most first, the rest last. ``missing``: events that the lake, which answered, does not have (yet)."""

    groups: Sequence[Group]
    total: float | None
    cut: Cut | None = None
    is_of_lake: bool = False
    missing: int = 0
    reason: str = ""  # why the lake did not answer
