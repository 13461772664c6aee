"""A test as one SQL scan, where facets can't answer it. It starts at the project's endpoints and only narrows; values are parameters."""

from __future__ import annotations

from typing import Any

from core.audience import Audience
from core.sql import id_set
from segments.evaluation.tree import (
    AnyOf,
    Comparison,
    Contains,
    Dated,
    Numeric,
    Present,
    Relation,
    Subject,
    SubjectKind,
    ValueTest,
)

_PROJECT = "SELECT e.id FROM endpoints_endpoint e WHERE e.project_id = %(project)s"
_SCAN = """
    SELECT e.id FROM endpoints_endpoint e LEFT JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %(project)s AND ({condition})
"""
_TEXTS = "jsonb_array_elements_text(CASE jsonb_typeof({held}) WHEN 'array' THEN {held} ELSE '[]' END)"

# The standard subjects, with the column or key that holds each. All are single texts.
STANDARD = {
    "Demographic.Channel": "e.channel_type",
    **{
        f"Demographic.{key}": f"e.demographic ->> '{key}'"
        for key in (
            "AppVersion", "DeviceType", "Locale", "Make", "Model", "ModelVersion", "Platform", "PlatformVersion", "Timezone",
        )
    },
    **{f"Location.{key}": f"e.location ->> '{key}'" for key in ("City", "Country", "PostalCode", "Region")},
    "OptOut": "e.opt_out",
    "EndpointStatus": "e.status",
    "User.UserId": "u.user_id",
}  # fmt: skip
_HELD = {
    SubjectKind.ATTRIBUTE: "(e.attributes -> %(name)s)",
    SubjectKind.USER_ATTRIBUTE: "(u.attributes -> %(name)s)",
    SubjectKind.METRIC: "(e.metrics -> %(name)s)",
}
# Endpoints are never of the type PUSH itself; the filter means any of them.
PUSH = ("PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU")
_SIGN = {
    Comparison.EQUAL: "{it} = %(value)s",
    Comparison.GREATER_THAN: "{it} > %(value)s",
    Comparison.LESS_THAN: "{it} < %(value)s",
    Comparison.GREATER_THAN_OR_EQUAL: "{it} >= %(value)s",
    Comparison.LESS_THAN_OR_EQUAL: "{it} <= %(value)s",
    Comparison.BETWEEN: "{it} BETWEEN %(value)s AND %(upper)s",
}


def everyone(*, project_id: int) -> Audience:
    """All endpoints of the project."""
    return id_set(_PROJECT, {"project": project_id})


def holding(*, project_id: int, test: ValueTest) -> Audience:
    """The project's endpoints for which the test holds."""
    return scan(project_id=project_id, found=condition(test))


def scan(*, project_id: int, found: tuple[str, dict[str, Any]]) -> Audience:
    """The project's endpoints that meet a condition about ``e`` and its user ``u``, with its parameters."""
    return id_set(_SCAN.format(condition=found[0]), found[1] | {"project": project_id})


def condition(test: ValueTest) -> tuple[str, dict[str, Any]]:
    """The test as SQL over ``endpoints_endpoint e`` and its user ``u``, with its parameters."""
    text, params = _condition(test)
    return text, params if test.subject.kind is SubjectKind.STANDARD else params | {"name": test.subject.name}


def _condition(test: ValueTest) -> tuple[str, dict[str, Any]]:
    match test:
        case AnyOf():
            return _any_of(test.subject, test.values)
        case Contains():
            return some(test.subject, "EXISTS (SELECT 1 FROM unnest(%(values)s::text[]) AS part WHERE strpos({it}, part) > 0)"), {
                "values": list(test.values)
            }
        case Dated():
            return _dated(test)
        case Numeric():
            return _numeric(test)
        case Present():
            return _present(test.subject), {}


def _any_of(subject: Subject, values: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    if subject.kind is SubjectKind.STANDARD:
        if subject.name == "Demographic.Channel" and "PUSH" in values:
            values = (*values, *PUSH)
        return f"{STANDARD[subject.name]} = ANY(%(values)s)", {"values": list(values)}
    return f"{_HELD[subject.kind]} ?| %(values)s", {"values": list(values)}


def some(subject: Subject, condition: str) -> str:
    """``condition`` about ``{it}`` holds for the standard text, or for one of the attribute's texts."""
    if subject.kind is SubjectKind.STANDARD:
        return condition.format(it=STANDARD[subject.name])
    texts = _TEXTS.format(held=_HELD[subject.kind])
    return f"EXISTS (SELECT 1 FROM {texts} AS text(it) WHERE {condition.format(it='text.it')})"


def _dated(test: Dated) -> tuple[str, dict[str, Any]]:
    first, last = min(test.instants), max(test.instants)
    it = "pabal_instant({it})"
    match test.relation:
        case Relation.BEFORE:
            return some(test.subject, f"{it} < %(last)s"), {"last": last}
        case Relation.AFTER:
            return some(test.subject, f"{it} > %(first)s"), {"first": first}
        case Relation.BETWEEN:
            return some(test.subject, f"{it} BETWEEN %(first)s AND %(last)s"), {"first": first, "last": last}
        case Relation.ON:
            days = [instant.date() for instant in test.instants]
            return some(test.subject, f"({it} AT TIME ZONE 'UTC')::date = ANY(%(days)s::date[])"), {"days": days}


def _numeric(test: Numeric) -> tuple[str, dict[str, Any]]:
    params = {"value": test.value, "upper": test.upper}
    sign = _SIGN[test.comparison]
    if test.subject.kind is SubjectKind.METRIC:
        held = _HELD[SubjectKind.METRIC]
        return sign.format(it=f"(CASE jsonb_typeof({held}) WHEN 'number' THEN {held}::numeric END)"), params
    return some(test.subject, sign.replace("{it}", "pabal_number({it})")), params


def _present(subject: Subject) -> str:
    match subject.kind:
        case SubjectKind.STANDARD:
            return f"coalesce({STANDARD[subject.name]}, '') <> ''"
        case SubjectKind.METRIC:
            return f"jsonb_typeof({_HELD[subject.kind]}) = 'number'"
        case _:
            return f"coalesce(nullif({_HELD[subject.kind]}, '[]'), 'null') <> 'null'"
