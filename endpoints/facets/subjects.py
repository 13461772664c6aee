"""What can be asked of an endpoint, and what one endpoint answers."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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


_NOTHING: dict[str, Any] = {}
_ELSEWHERE = frozenset({"Latitude", "Longitude"})  # asked by distance, never by value


def values_of(
    *,
    channel_type: str = "",
    address: str = "",
    opt_out: str = "",
    status: str = "",
    attributes: Mapping[str, Sequence[str]] = _NOTHING,
    metrics: Mapping[str, float] = _NOTHING,
    demographic: Mapping[str, str] = _NOTHING,
    location: Mapping[str, Any] = _NOTHING,
    user_attributes: Mapping[str, Sequence[str]] = _NOTHING,
) -> set[tuple[Subject, str]]:
    """Each (subject, value) that an endpoint with these fields carries; of user attributes alone, what they add to it."""
    found = set()
    for kind, lists in ((SubjectKind.ATTRIBUTE, attributes), (SubjectKind.USER_ATTRIBUTE, user_attributes)):
        for name, values in lists.items():
            found |= {(Subject(kind, name), value) for value in values}
    found |= {(Subject(SubjectKind.METRIC, name), repr(float(number))) for name, number in metrics.items()}
    for prefix, members in (("Demographic.", demographic), ("Location.", location)):
        for name, value in members.items():
            if name not in _ELSEWHERE:
                found.add((Subject(SubjectKind.STANDARD, prefix + name), str(value)))
    columns = {"Demographic.Channel": channel_type, "OptOut": opt_out, "EndpointStatus": status, "Address": address and "set"}
    found |= {(Subject(SubjectKind.STANDARD, name), value) for name, value in columns.items() if value}
    if channel_type:
        found.add((Subject(SubjectKind.STANDARD, "Endpoint"), ""))
    return found
