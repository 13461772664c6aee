"""A definition as one query over the tables, for whoever wants to see or reuse it. It gives the ids that evaluation gives.

Fixed sets (members of imported segments, who opened) have no row each in any table: they are parameters, arrays of ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from core.audience import Audience
from core.sql import bigint_array
from segments.evaluation import beyond, leaves, ranks, sources
from segments.evaluation.moment import Moment
from segments.evaluation.parse import parse_document
from segments.evaluation.tree import (
    ActiveWithin,
    Anniversary,
    Combine,
    Criterion,
    Definition,
    Did,
    DidEvent,
    Dimension,
    Group,
    Limit,
    Near,
    Relative,
    SourceSegment,
    Test,
)
from segments.models import SegmentType

_QUERY = """SELECT e.id
  FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
 WHERE e.project_id = %(project)s
   AND {condition}"""


@dataclass(frozen=True, slots=True)
class Query:
    """``text`` with ``%(name)s`` for each of ``params``; an audience among them is to be given as a bigint array."""

    text: str
    params: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """The parameters as psycopg2 takes them."""
        return {key: bigint_array(value) if isinstance(value, Audience) else value for key, value in self.params.items()}


def definition_query(*, project_id: int, definition: Definition, moment: Moment) -> Query:
    """Raises ``DefinitionRefused`` where evaluation would."""
    writer = _Writer(project_id, moment)
    condition = writer.definition(definition, ("",))
    return Query(_QUERY.format(condition=condition), {"project": project_id} | writer.params)


class _Writer:
    def __init__(self, project_id: int, moment: Moment) -> None:
        self.project_id, self.moment = project_id, moment
        self.params: dict[str, Any] = {}
        self._numbers = 0

    def parameter(self, value: Any, name: str) -> str:
        self._numbers += 1
        key = f"{name}_{self._numbers}"
        self.params[key] = value
        return f"%({key})s"

    def definition(self, definition: Definition, trail: tuple[str, ...]) -> str:
        kept = [self.group(group, trail) for group in definition.groups if not group.is_excluded]
        taken = [self.group(group, trail) for group in definition.groups if group.is_excluded]
        parts = [combined(definition.include, kept)] if kept else []
        return combined(Combine.ALL, [*parts, *(_not(one) for one in taken)])

    def group(self, group: Group, trail: tuple[str, ...]) -> str:
        parts = []
        if group.sources:
            parts.append(combined(group.source_type, [self.source(source, trail) for source in group.sources]))
        if group.dimensions:
            parts.append(combined(group.match, [self.dimension(dimension) for dimension in group.dimensions]))
        condition = combined(Combine.ALL, parts)
        return self.limited(condition, group.limit) if group.limit else condition

    def limited(self, condition: str, limit: Limit) -> str:
        count = self.parameter(limit.count, "count")
        if limit.metric:
            name = self.parameter(limit.metric, "metric")
            condition = combined(Combine.ALL, [condition, f"coalesce(jsonb_typeof(e.metrics -> {name}) = 'number', false)"])
            order = f"(e.metrics ->> {name})::numeric {'ASC' if limit.is_ascending else 'DESC'}, e.id"
        else:
            order = f"{ranks.random_order(it='e.id', seed=self.parameter(limit.seed, 'seed'))}, e.id"
        query = _QUERY.format(condition=condition).replace("\n", "\n   ")
        return f"e.id IN (\n   {query}\n    ORDER BY {order} LIMIT {count})"

    def source(self, source: SourceSegment, trail: tuple[str, ...]) -> str:
        version = sources.find(project_id=self.project_id, source=source, trail=trail)
        if version.segment.segment_type == SegmentType.IMPORT:
            return self.one_of(version.members or Audience(), "members")
        return self.definition(parse_document(version.document), (*trail, source.segment_id))

    def one_of(self, audience: Audience, name: str) -> str:
        return f"e.id = ANY({self.parameter(audience, name)}::bigint[])"

    def dimension(self, dimension: Dimension) -> str:
        whole = combined(Combine.ALL, [self.criterion(criterion) for criterion in dimension.criteria])
        return _not(whole) if dimension.is_negated else whole

    def criterion(self, criterion: Criterion) -> str:
        condition = self.test(criterion.test)
        return _not(condition) if criterion.is_negated else condition

    def test(self, test: Test) -> str:
        match test:
            case Did():
                who = beyond.did(project_id=self.project_id, test=test, moment=self.moment)
                return self.one_of(who, test.action.value.lower())
            case DidEvent():
                who = beyond.did_event(project_id=self.project_id, test=test, moment=self.moment)
                return self.one_of(who, "did")
            case Relative():
                text, params = leaves.condition(self.moment.dated(test))
            case Near() | ActiveWithin() | Anniversary():
                text, params = beyond.condition(test, self.moment)
            case _:
                text, params = leaves.condition(test)
        names = {key: self.parameter(value, key) for key, value in params.items() if f"%({key})s" in text}
        named = re.sub(r"%\((\w+)\)s", lambda found: names[found[1]], text)
        return f"coalesce({' '.join(named.split())}, false)"  # what is unknown does not hold, and its opposite does


def combined(how: Combine, parts: list[str]) -> str:
    """Conditions that are never unknown, as one."""
    if how is Combine.ALL:
        return "(" + "\n   AND ".join(parts) + ")" if parts else "true"
    union = "(" + "\n    OR ".join(parts) + ")" if parts else "false"
    return union if how is Combine.ANY else _not(union)


def _not(condition: str) -> str:
    return f"NOT {condition}" if condition.startswith("(") else f"NOT ({condition})"
