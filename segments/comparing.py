"""Two segments beside each other: how many are in both, and in one alone."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any

from endpoints import facets
from projects.models import Project
from segments.evaluation import evaluate_segment
from segments.models import Segment

_RADIUS = 90.0  # of the larger circle, in the picture's units


@dataclass(frozen=True, slots=True)
class Circle:
    """Where a segment stands in the picture, in its units; ``r`` is the radius."""

    x: float
    y: float
    r: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Endpoints: in both, in the first alone, in the second alone; and the two circles whose areas say so."""

    both: int
    only_first: int
    only_second: int
    first: Circle
    second: Circle

    @property
    def share_of_first(self) -> float:
        """Percent of the first that are in the second, too."""
        return _percent(self.both, self.both + self.only_first)

    @property
    def share_of_second(self) -> float:
        return _percent(self.both, self.both + self.only_second)


def compare(*, project: Project, first: Segment, second: Segment, now: datetime.datetime) -> Comparison:
    """Both at one moment. Raises ``DefinitionRefused`` when one of them can't be evaluated."""
    with facets.moment(project_id=project.pk):
        one, other = (evaluate_segment(project_id=project.pk, segment_id=each.public_id, now=now) for each in (first, second))
    both = len(one & other)
    circles = _circles(len(one), len(other), both)
    return Comparison(both, len(one) - both, len(other) - both, *circles)


def overlap_document(*, first: str, second: str) -> dict[str, Any]:
    """Who is in both."""
    return _document([{"SourceSegments": [{"Id": first}, {"Id": second}], "SourceType": "ALL", "Type": "ALL", "Dimensions": []}])


def difference_document(*, first: str, second: str) -> dict[str, Any]:
    """Who is in the first and not in the second."""
    kept = {"SourceSegments": [{"Id": first}], "SourceType": "ANY", "Type": "ALL", "Dimensions": []}
    taken = {"SourceSegments": [{"Id": second}], "SourceType": "ANY", "Type": "ALL", "Dimensions": [], "Pabal": {"Exclude": True}}
    return _document([kept, taken])


def _document(groups: list[dict[str, Any]]) -> dict[str, Any]:
    return {"SegmentGroups": {"Include": "ALL", "Groups": groups}}


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _circles(first: int, second: int, both: int) -> tuple[Circle, Circle]:
    """Two circles whose areas, and the area that they share, stand to one another as the numbers do."""
    most = max(first, second, 1)
    r1, r2 = (_RADIUS * math.sqrt(max(count, most / 400) / most) for count in (first, second))  # the smallest can still be seen
    low, high = abs(r1 - r2), r1 + r2
    wanted = math.pi * _RADIUS**2 * both / most
    for _turn in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _lens(r1, r2, middle) > wanted else (low, middle)
    distance = high + 6 if not both else low
    left = 200 - (r1 + distance + r2) / 2 + r1
    return Circle(round(left, 1), 100, round(r1, 1)), Circle(round(left + distance, 1), 100, round(r2, 1))


def _lens(r1: float, r2: float, distance: float) -> float:
    """The area that two circles share."""
    if distance >= r1 + r2:
        return 0.0
    if distance <= abs(r1 - r2):
        return math.pi * min(r1, r2) ** 2
    a1 = math.acos(max(-1.0, min(1.0, (distance**2 + r1**2 - r2**2) / (2 * distance * r1))))
    a2 = math.acos(max(-1.0, min(1.0, (distance**2 + r2**2 - r1**2) / (2 * distance * r2))))
    return r1**2 * (a1 - math.sin(2 * a1) / 2) + r2**2 * (a2 - math.sin(2 * a2) / 2)
