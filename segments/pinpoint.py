"""A stored definition in Pinpoint's own model: what its API can say of it, and whether that is all of it.

What Pinpoint can't say stands under ``Pabal`` members. The part without them is what GetSegment answers; a negated dimension and an
excluded group are no part of it, because without the member they would mean their opposite. Where the part holds other endpoints than
the segment does, the segment is extended and the answer carries the tag ``pabal:extended``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from segments.evaluation import parse_document

EXTENDED_TAG = "pabal:extended"
_DOUBLES = {"Value", "Latitude", "Longitude", "RangeInKilometers"}
_NEED_MEMBERS = {"GPSPoint", "Recency"}  # empty ones say nothing, and Pinpoint's model forbids them
_EXACT = 2**53  # a greater whole number in the database was a double


@dataclass(frozen=True, slots=True)
class PinpointDefinition:
    """``members``: ``SegmentGroups`` or ``Dimensions`` as GetSegment answers them; ``tags`` with the mark of an extended one."""

    members: dict[str, Any]
    tags: dict[str, str]
    is_extended: bool


def pinpoint_definition(document: dict[str, Any]) -> PinpointDefinition:
    """The part of a stored document that Pinpoint's model can carry. Raises ``DefinitionRefused`` for one that can't be read."""
    part = {key: document[key] for key in ("SegmentGroups", "Dimensions") if key in document}
    if "Dimensions" in part:
        kept = _dimensions([part["Dimensions"]])
        part["Dimensions"] = kept[0] if kept else {}
    if "Groups" in part.get("SegmentGroups", {}):
        part["SegmentGroups"] = part["SegmentGroups"] | {"Groups": _groups(part["SegmentGroups"]["Groups"])}
    is_extended = parse_document(part) != parse_document(document)
    mark = {EXTENDED_TAG: "true"} if is_extended else {}
    return PinpointDefinition(members=_as_modelled(part), tags=dict(document.get("tags", {})) | mark, is_extended=is_extended)


def has_own_members(document: dict[str, Any]) -> bool:
    """Whether there is a ``Pabal`` member where we write one. An attribute may be called so, too."""
    groups = document.get("SegmentGroups", {}).get("Groups", [])
    dimensions = [dimension for group in groups for dimension in group.get("Dimensions", [])]
    return any("Pabal" in one for one in (document, document.get("Dimensions", {}), *groups, *dimensions))


def _groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for group in groups:
        if group.get("Pabal", {}).get("Exclude") is True:
            continue
        part = {key: value for key, value in group.items() if key != "Pabal"}
        if "Dimensions" in part:
            part["Dimensions"] = _dimensions(part["Dimensions"])
        kept.append(part)
    return kept


def _dimensions(dimensions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = []
    for dimension in dimensions:
        own = dimension.get("Pabal", {})
        part = {key: value for key, value in dimension.items() if key != "Pabal"}
        if own.get("Negate") is not True and (part or not own):
            kept.append(part)
    return kept


def _as_modelled(value: Any, key: str = "") -> Any:
    """Without absent members that were written as null; doubles as doubles."""
    if isinstance(value, dict):
        held = {name: one for name, one in value.items() if one is not None and (one or name not in _NEED_MEMBERS)}
        return {name: _as_modelled(one, name) for name, one in held.items()}
    if isinstance(value, list):
        return [_as_modelled(one) for one in value]
    if key in _DOUBLES and isinstance(value, int) and abs(value) > _EXACT:
        return float(value)
    return value
