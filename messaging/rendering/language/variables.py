"""Pinpoint's variables (reference, section 5.2): which there are, and how one is read from an endpoint's document."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"\.?(?:\[([^\[\]{}]+)\]|([^\s.\[\]{}\"'=()|/]+))")
_INDEX = re.compile(r"[0-9]{1,4}")
UNSUBSCRIBE = "UnsubscribeUrl"
SCALARS = frozenset(
    [
        "Address",
        "ChannelType",
        "CreationDate",
        "EffectiveDate",
        "EndpointStatus",
        "Id",
        "OptOut",
        "RequestId",
        "CohortId",
        "RecommendationItems",
        UNSUBSCRIBE,
        "User.UserId",
    ]
)
GROUPS = {
    "Demographic": frozenset(
        ["AppVersion", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone"]
    ),
    "Location": frozenset(["City", "Country", "Latitude", "Longitude", "PostalCode", "Region"]),
}
_NAMED = ("Attributes", "Metrics", "Recommendations")
NAMES = sorted([*SCALARS, *(f"{group}.{name}" for group, names in GROUPS.items() for name in names)])


def split(word: str) -> tuple[tuple[str, ...], int | None] | None:
    """The path and the index of a variable as it was written; None where it is none by its form."""
    segments: list[str] = []
    position = 0
    while position < len(word):
        match = _SEGMENT.match(word, position)
        if match is None or (position == 0 and word[0] == "."):
            return None
        segments.append(match[1] or match[2])
        position = match.end()
    is_indexed = len(segments) > 1 and word.endswith("]") and _INDEX.fullmatch(segments[-1])
    if is_indexed and exists(tuple(segments[:-1])):
        return tuple(segments[:-1]), int(segments[-1])
    return tuple(segments), None


def exists(path: tuple[str, ...]) -> bool:
    if ".".join(path) in SCALARS:
        return True
    if len(path) == 2:
        return path[0] in _NAMED or path[1] in GROUPS.get(path[0], ())
    return len(path) == 3 and path[:2] == ("User", "UserAttributes")
