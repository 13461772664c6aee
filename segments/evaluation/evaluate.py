"""A definition becomes an audience: leaves by facets, or by SQL where those can't answer; the rest by set algebra."""

from __future__ import annotations

import datetime
import functools
import zoneinfo
from collections.abc import Sequence
from typing import Any

from core.audience import Audience
from endpoints import facets
from projects.models import Project
from segments.evaluation import beyond, indexed, leaves, ranks, sources
from segments.evaluation.moment import Moment
from segments.evaluation.parse import parse_document
from segments.evaluation.tree import Combine, Criterion, Definition, Dimension, Group, SourceSegment, Test
from segments.models import SegmentType


def evaluate_segment(*, project_id: int, segment_id: str, now: datetime.datetime, version: int | None = None) -> Audience:
    """The endpoints that are members of the project's segment now. Raises ``DefinitionRefused`` (``SourceRefused`` if there is none)."""
    with facets.moment(project_id=project_id):
        return _Evaluation(project_id, now).segment(SourceSegment(segment_id, version), ())


def evaluate_document(*, project_id: int, document: dict[str, Any], now: datetime.datetime) -> Audience:
    """The endpoints of the project that a definition (Pinpoint's WriteSegmentRequest) describes. Raises ``DefinitionRefused``."""
    return evaluate_definition(project_id=project_id, definition=parse_document(document), now=now)


def evaluate_definition(*, project_id: int, definition: Definition, now: datetime.datetime) -> Audience:
    with facets.moment(project_id=project_id):
        return _Evaluation(project_id, now).definition(definition, ("",))  # it counts as a segment above its base segments


class _Evaluation:
    """One question, asked within a moment. Each subject, each test, and everyone, is read once."""

    def __init__(self, project_id: int, now: datetime.datetime) -> None:
        self.project_id, self.now = project_id, now
        self._tests: dict[Test, Audience] = {}
        self._facets: dict[facets.Subject, facets.Facet | None] = {}
        self._segments: dict[SourceSegment, Audience] = {}

    @functools.cached_property
    def everyone(self) -> Audience:
        facet = self.facet(facets.EVERYONE)
        return leaves.everyone(project_id=self.project_id) if facet is None else facet.carrying([""])

    def facet(self, subject: facets.Subject) -> facets.Facet | None:
        """None where SQL must answer."""
        if subject not in self._facets:
            self._facets[subject] = facets.read(project_id=self.project_id, subjects=[subject]).facet(subject)
        return self._facets[subject]

    @functools.cached_property
    def moment(self) -> Moment:
        zone = Project.objects.values_list("time_zone", flat=True).get(pk=self.project_id)
        return Moment(self.now, zoneinfo.ZoneInfo(zone))

    def segment(self, source: SourceSegment, trail: tuple[str, ...]) -> Audience:
        if source not in self._segments:
            version = sources.find(project_id=self.project_id, source=source, trail=trail)
            if version.segment.segment_type == SegmentType.IMPORT:
                self._segments[source] = (version.members or Audience()) & self.everyone
            else:
                self._segments[source] = self.definition(parse_document(version.document), (*trail, source.segment_id))
        return self._segments[source]

    def definition(self, definition: Definition, trail: tuple[str, ...]) -> Audience:
        groups = [(group, self.group(group, trail)) for group in definition.groups]
        kept = [audience for group, audience in groups if not group.is_excluded]
        audience = self.combine(definition.include, kept) if kept else self.everyone
        return audience - Audience.union(taken for group, taken in groups if group.is_excluded)

    def group(self, group: Group, trail: tuple[str, ...]) -> Audience:
        audience = self.unlimited(group, trail)
        return ranks.limited(project_id=self.project_id, audience=audience, limit=group.limit) if group.limit else audience

    def unlimited(self, group: Group, trail: tuple[str, ...]) -> Audience:
        base = None
        if group.sources:
            base = self.combine(group.source_type, [self.segment(source, trail) for source in group.sources])
        if not group.dimensions:
            return self.everyone if base is None else base
        matching = self.combine(group.match, [self.dimension(dimension) for dimension in group.dimensions])
        return matching if base is None else base & matching

    def dimension(self, dimension: Dimension) -> Audience:
        audience = self.combine(Combine.ALL, [self.criterion(criterion) for criterion in dimension.criteria])
        return self.everyone - audience if dimension.is_negated else audience

    def criterion(self, criterion: Criterion) -> Audience:
        if criterion.test not in self._tests:
            self._tests[criterion.test] = self.holding(criterion.test)
        audience = self._tests[criterion.test]
        return self.everyone - audience if criterion.is_negated else audience

    def holding(self, test: Test) -> Audience:
        subject = indexed.subject_of(test)
        facet = self.facet(subject) if subject is not None else None
        if facet is not None:
            return indexed.holding(test=test, facet=facet)
        return beyond.holding(project_id=self.project_id, test=test, moment=self.moment)

    def combine(self, how: Combine, parts: Sequence[Audience]) -> Audience:
        if how is Combine.ALL:
            return functools.reduce(lambda left, right: left & right, parts) if parts else self.everyone
        union = Audience.union(parts)
        return union if how is Combine.ANY else self.everyone - union
