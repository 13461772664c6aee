"""Pinpoint's WriteSegmentRequest (and what Pinpoint can't say, under ``Pabal``) as a definition."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from segments.evaluation.parse_dimension import is_name, parse_dimension
from segments.evaluation.refusals import DefinitionRefused
from segments.evaluation.tree import Combine, Definition, Group, Limit, SourceSegment

MAX_GROUPS = 5
MAX_SOURCES = 5
MAX_DIMENSIONS = 100  # over all groups
MAX_LIMIT = 2**53  # the greatest count that JSON carries exactly everywhere
_IGNORED = {"Name", "tags", "Pabal"}  # members of the request that say nothing about who belongs to the segment


def parse_document(document: Any) -> Definition:
    """The definition in a document. A document without ``SegmentGroups`` and ``Dimensions`` is everyone. Raises ``DefinitionRefused``."""
    members = _object(document, {"SegmentGroups", "Dimensions"} | _IGNORED)
    if "Dimensions" in members and "SegmentGroups" in members:
        raise DefinitionRefused(_("A definition has either Dimensions or SegmentGroups, not both."))
    if "Dimensions" in members:
        dimension = parse_dimension(members["Dimensions"], group=1, filter=1)
        return _checked(Definition(groups=(Group(dimensions=(dimension,) if dimension.criteria else ()),)))
    listed = _object(members.get("SegmentGroups", {}), {"Groups", "Include"})
    groups = tuple(_group(group, number) for number, group in enumerate(_list(listed.get("Groups", [])), start=1))
    if len(groups) > MAX_GROUPS:
        raise DefinitionRefused(_("A segment has at most five groups."))
    return _checked(Definition(groups=groups, include=_combine(listed.get("Include"), Combine.ALL)))


def _checked(definition: Definition) -> Definition:
    """One dimension may hold many filters."""
    if sum(len(dimension.criteria) for group in definition.groups for dimension in group.dimensions) > MAX_DIMENSIONS:
        raise DefinitionRefused(_("A segment has at most 100 filters. Take some away."))
    return definition


def _group(value: Any, number: int) -> Group:
    group = _object(value, {"Dimensions", "SourceSegments", "SourceType", "Type", "Pabal"}, group=number)
    sources = tuple(_source(source, number) for source in _list(group.get("SourceSegments", []), group=number))
    if len(sources) > MAX_SOURCES:
        raise DefinitionRefused(_("Group %(group)s: choose at most five base segments.") % {"group": number}, group=number)
    dimensions = [
        parse_dimension(dimension, group=number, filter=place)
        for place, dimension in enumerate(_list(group.get("Dimensions", []), group=number), start=1)
    ]
    own = _object(group.get("Pabal", {}), {"Exclude", "Limit"}, group=number)
    return Group(
        sources=sources,
        source_type=_combine(group.get("SourceType"), Combine.ANY, group=number),
        dimensions=tuple(dimension for dimension in dimensions if dimension.criteria),
        match=_combine(group.get("Type"), Combine.ALL, group=number),
        is_excluded=own.get("Exclude", False) is True,
        limit=_limit(own["Limit"], number) if own.get("Limit") else None,
    )


def _limit(value: Any, number: int) -> Limit:
    """``{"Count", "By": "RANDOM", "Seed"?}`` or ``{"Count", "By": "METRIC", "Name", "Order"?: "DESC" | "ASC"}``."""
    limit = _object(value, {"Count", "By", "Seed", "Name", "Order"}, group=number)
    count, by, seed, name = limit.get("Count"), limit.get("By"), limit.get("Seed", 0), limit.get("Name", "")
    if type(count) is not int or not 0 < count <= MAX_LIMIT:
        raise DefinitionRefused(_("Group %(group)s: say how many to take, 1 or more.") % {"group": number}, group=number)
    if by == "RANDOM" and type(seed) is int and 0 <= seed < 2**31:
        return Limit(count, seed=seed)
    order = limit.get("Order", "DESC")
    if by == "METRIC" and isinstance(name, str) and is_name(name) and order in ("DESC", "ASC"):
        return Limit(count, metric=name, is_ascending=order == "ASC")
    problem = _("Group %(group)s: take so many at random, or those first by a metric. Choose the metric.") % {"group": number}
    raise DefinitionRefused(problem, group=number)


def _source(value: Any, number: int) -> SourceSegment:
    source = _object(value, {"Id", "Version"}, group=number)
    segment_id, version = source.get("Id"), source.get("Version")
    is_version = version is None or (type(version) is int and 0 < version < 2**31)
    if not isinstance(segment_id, str) or not segment_id.isalnum() or not is_version:
        raise DefinitionRefused(_("Group %(group)s: a base segment is not named rightly.") % {"group": number}, group=number)
    return SourceSegment(segment_id, version)


def _combine(value: Any, otherwise: Combine, group: int | None = None) -> Combine:
    if value is None:
        return otherwise
    if value not in ("ALL", "ANY", "NONE"):
        raise DefinitionRefused(_("Parts of a segment are combined by ALL, ANY or NONE."), group=group)
    return Combine(value)


def _object(value: Any, known: set[str], group: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DefinitionRefused(_("The definition is not built as a segment definition should be."), group=group)
    for name in value:
        if name not in known:
            problem = _("The definition holds “%(name)s”, which a segment definition does not know.") % {"name": name}
            raise DefinitionRefused(problem, group=group)
    return value


def _list(value: Any, group: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        raise DefinitionRefused(_("The definition is not built as a segment definition should be."), group=group)
    return value
