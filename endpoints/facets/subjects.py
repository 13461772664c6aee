"""What the index is about: subjects, and the values that an endpoint has for them."""

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

    def __hash__(self) -> int:
        return hash(self.name)  # two subjects of one name are rare, and a text keeps its hash


def _standard(name: str) -> Subject:
    return Subject(SubjectKind.STANDARD, name)


EVERYONE = _standard("Endpoint")  # one value, the empty text: every endpoint of the project
ADDRESS = _standard("Address")  # "set": the address is not empty; SHARED
# Addresses that another endpoint of the channel may have, too: a superset. Writers only add to it, ``rebuild`` computes it anew;
# whether two addresses really are one is asked by SQL, of these alone.
SHARED = "shared"
_SET = "set"
_CHANNEL = _standard("Demographic.Channel")
_OPT_OUT = _standard("OptOut")
_STATUS = _standard("EndpointStatus")
_DEMOGRAPHIC = {
    name: _standard(f"Demographic.{name}")
    for name in (
        "AppVersion", "DeviceType", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone",
    )
}  # fmt: skip
_LOCATION = {name: _standard(f"Location.{name}") for name in ("City", "Country", "PostalCode", "Region")}
STANDARD_NAMES = frozenset(subject.name for subject in (_CHANNEL, _OPT_OUT, _STATUS, *_DEMOGRAPHIC.values(), *_LOCATION.values()))


def number_text(number: float) -> str:
    """The one text of a metric's number: what is equal has the same."""
    return repr(float(number))


def values_of(
    *,
    channel_type: str | None = None,
    address: str | None = None,
    opt_out: str | None = None,
    status: str | None = None,
    attributes: Mapping[str, Sequence[str]] | None = None,
    metrics: Mapping[str, float] | None = None,
    demographic: Mapping[str, Any] | None = None,
    location: Mapping[str, Any] | None = None,
    user_attributes: Mapping[str, Sequence[str]] | None = None,
) -> set[tuple[Subject, str]]:
    """The (subject, value) pairs under which an endpoint with these fields is found.

    Only what is given: an endpoint's own fields with its ``channel_type`` (then EVERYONE is among the pairs), or a user's attributes alone.
    """
    found: set[tuple[Subject, str]] = set()
    if channel_type is not None:
        found.add((EVERYONE, ""))
        found.add((_CHANNEL, channel_type))
    if address:
        found.add((ADDRESS, _SET))
    if opt_out is not None:
        found.add((_OPT_OUT, opt_out))
    if status is not None:
        found.add((_STATUS, status))
    for names, held in ((_DEMOGRAPHIC, demographic), (_LOCATION, location)):
        for name, value in (held or {}).items():
            if name in names and isinstance(value, str) and value:
                found.add((names[name], value))
    for kind, lists in ((SubjectKind.ATTRIBUTE, attributes), (SubjectKind.USER_ATTRIBUTE, user_attributes)):
        for name, values in (lists or {}).items():
            if values:
                subject = Subject(kind, name)
                found.update((subject, value) for value in values)
    for name, number in (metrics or {}).items():
        found.add((Subject(SubjectKind.METRIC, name), number_text(number)))
    return found
