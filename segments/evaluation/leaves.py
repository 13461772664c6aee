"""A test as one SQL scan, where facets can't answer it. It starts at the project's endpoints and only narrows; values are parameters."""

from __future__ import annotations

import datetime
import json
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from django.db import connection

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
_OF_MANY_USERS = """
    SELECT e.id FROM endpoints_endpoint e JOIN endpoints_endpointuser u ON u.id = e.user_id
     WHERE e.project_id = %(project)s AND u.project_id = %(project)s AND ({condition})
"""
# From the users to their endpoints by the index: OFFSET keeps the planner, who takes it that half of the users are meant, from
# beginning with all endpoints.
_OF_FEW_USERS = """
    SELECT e.id FROM endpoints_endpointuser u
      CROSS JOIN LATERAL (
        SELECT e.id FROM endpoints_endpoint e WHERE e.user_id = u.id AND e.project_id = %(project)s OFFSET 0
      ) AS e
     WHERE u.project_id = %(project)s AND ({condition})
"""
# PostgreSQL prices a row that one process hands to another at ten times what reading it costs. Here a row is an id, and its price
# kept every scan of a large table on one core.
_HAND_OVER = "SET LOCAL parallel_tuple_cost = 0.005"
_SAMPLE = """
    SELECT avg(CASE WHEN {condition} THEN 1 ELSE 0 END) FROM endpoints_endpointuser u TABLESAMPLE SYSTEM (1)
     WHERE u.project_id = %(project)s
"""
_FEW = 0.05
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
_USER_ID = Subject(SubjectKind.STANDARD, "User.UserId")
_HELD = {
    SubjectKind.ATTRIBUTE: "(e.attributes -> %(name)s)",
    SubjectKind.USER_ATTRIBUTE: "(u.attributes -> %(name)s)",
    SubjectKind.METRIC: "(e.metrics -> %(name)s)",
}
# Endpoints are never of the type PUSH itself; the filter means any of them.
PUSH = ("PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU")


def everyone(*, project_id: int) -> Audience:
    """All endpoints of the project."""
    return id_set(_PROJECT, {"project": project_id})


def holding(*, project_id: int, test: ValueTest) -> Audience:
    """The project's endpoints for which the test holds."""
    return scan(project_id=project_id, found=condition(test), is_of_user=is_of_user(test.subject))


def is_of_user(subject: Subject) -> bool:
    """Whether a test of it holds for nobody without a user, and needs the user alone."""
    return subject.kind is SubjectKind.USER_ATTRIBUTE or subject == _USER_ID


def scan(*, project_id: int, found: tuple[str, dict[str, Any]], is_of_user: bool = False) -> Audience:
    """The project's endpoints that meet a condition about ``e`` and its user ``u``, with its parameters.

    ``is_of_user``: it holds for nobody without a user, and is about ``u`` alone.
    """
    condition, params = found[0], found[1] | {"project": project_id}
    with connection.cursor() as cursor:
        cursor.execute(_HAND_OVER)
    query = _SCAN
    if is_of_user:
        query = _OF_FEW_USERS if _are_few(condition, params) else _OF_MANY_USERS
    return id_set(query.format(condition=condition), params)


def _are_few(condition: str, params: dict[str, Any]) -> bool:
    """Whether few users meet it, by a sample."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE.format(condition=condition), params)
        share = cursor.fetchone()[0]
    return share is not None and share < _FEW


def condition(test: ValueTest) -> tuple[str, dict[str, Any]]:
    """The test as SQL over ``endpoints_endpoint e`` and its user ``u``, with its parameters."""
    text, params = _condition(test)
    return text, params if test.subject.kind is SubjectKind.STANDARD else params | {"name": test.subject.name}


def _condition(test: ValueTest) -> tuple[str, dict[str, Any]]:
    match test:
        case AnyOf():
            return _any_of(test.subject, test.values)
        case Contains(values=parts):
            any_part = " OR ".join(f"strpos({{it}}, %(part_{number})s) > 0" for number in range(len(parts)))
            params: dict[str, Any] = {f"part_{number}": part for number, part in enumerate(parts)} | {"parts": list(parts)}
            return some(test.subject, f"({any_part})", "pabal_has_part({held}, %(parts)s)"), params
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


def some(subject: Subject, condition: str, of_several: str = "") -> str:
    """``condition`` about ``{it}`` holds for the standard text, or for one of the attribute's texts.

    ``of_several`` says the same of the array ``{held}``, as a function: a scan with a subquery stays on one core.
    """
    if subject.kind is SubjectKind.STANDARD:
        return condition.format(it=STANDARD[subject.name])
    held = _HELD[subject.kind]
    each = of_several or f"EXISTS (SELECT 1 FROM {_TEXTS} AS text(it) WHERE {condition.format(it='text.it')})"
    first = condition.format(it=f"({held} ->> 0)")  # nearly all have one text
    return f"({first}) OR ({held} -> 1 IS NOT NULL AND {each.format(held=held)})"


_DAY = datetime.timedelta(days=1)
_ZONE = datetime.timedelta(hours=15)  # no zone is further from UTC


def _dated(test: Dated) -> tuple[str, dict[str, Any]]:
    first, last = min(test.instants), max(test.instants)
    after: datetime.datetime | None = first
    until: datetime.datetime | None = last
    match test.relation:
        case Relation.BEFORE:
            wanted, after = f"(,{last.isoformat()})", None
        case Relation.AFTER:
            wanted, until = f"({first.isoformat()},)", None
        case Relation.BETWEEN:
            wanted = f"[{first.isoformat()},{last.isoformat()}]"
        case Relation.ON:
            wanted = ",".join(f"[{day}T00:00:00Z,{_day_after(day)}T00:00:00Z)" for day in {one.date() for one in test.instants})
            after, until = _later(first, -_DAY), _later(last, _DAY)
    bounds, params = _days_between(after, until)
    condition = f"({bounds}pabal_instant({{it}}) <@ %(wanted)s::tstzmultirange)"
    return some(test.subject, condition, "pabal_has_instant({held}, %(wanted)s)"), params | {"wanted": f"{{{wanted}}}"}


def _days_between(after: datetime.datetime | None, until: datetime.datetime | None) -> tuple[str, dict[str, Any]]:
    """A test that instants between these pass, and few others: their texts begin with their day, and so are in the days' order.

    Most values are done with here, for a tenth of what reading an instant takes.
    """
    bounds, params = "", {}
    earliest, latest = after and _later(after, -_ZONE), until and _later(until, _ZONE)
    if earliest:
        bounds += '({it}) COLLATE "C" >= %(earliest)s AND '
        params["earliest"] = earliest.date().isoformat()
    if latest and latest.date() < datetime.date.max:
        bounds += '({it}) COLLATE "C" < %(latest)s AND '
        params["latest"] = _day_after(latest.date())
    return bounds, params


def _later(moment: datetime.datetime, by: datetime.timedelta) -> datetime.datetime | None:
    """None before the year 1 and after the year 9999."""
    try:
        return moment + by
    except OverflowError:
        return None


def _day_after(day: datetime.date) -> str:
    return "10000-01-01" if day == datetime.date.max else (day + datetime.timedelta(days=1)).isoformat()


def _numeric(test: Numeric) -> tuple[str, dict[str, Any]]:
    low, high = test.value, test.upper
    bounds, path = {
        Comparison.EQUAL: (f"[{low},{low}]", f"@ == {low}"),
        Comparison.GREATER_THAN: (f"({low},)", f"@ > {low}"),
        Comparison.LESS_THAN: (f"(,{low})", f"@ < {low}"),
        Comparison.GREATER_THAN_OR_EQUAL: (f"[{low},)", f"@ >= {low}"),
        Comparison.LESS_THAN_OR_EQUAL: (f"(,{low}]", f"@ <= {low}"),
        Comparison.BETWEEN: (f"[{low},{high}]", f"@ >= {low} && @ <= {high}"),
    }[test.comparison]
    if test.subject.kind is SubjectKind.METRIC:  # the value as it stands, compared where it lies
        return "e.metrics @? %(wanted)s::jsonpath", {"wanted": f"$.{json.dumps(test.subject.name)} ? ({path})"}
    # The server's own readers take more than ours, and less time: ours is asked about what is in the range, unless the server would
    # write the number in just these digits (sixty at the most, and neither NaN nor Infinity).
    whole, ends = _whole(test)
    condition = (
        f"CASE WHEN pg_input_is_valid({{it}}, 'int4') THEN {whole}"
        " AND (({it})::int4::text = {it} OR pabal_number({it}) IS NOT NULL)"
        " WHEN pg_input_is_valid({it}, 'numeric') THEN ({it})::numeric <@ %(wanted)s::numrange"
        " AND (({it})::numeric::text = {it} AND length({it}) <= 60 AND right({it}, 1) COLLATE \"C\" <= '9'"
        " OR pabal_number({it}) IS NOT NULL) ELSE FALSE END"
    )
    return some(test.subject, condition, "pabal_has_number({held}, %(wanted)s)"), ends | {"wanted": bounds}


_LEAST, _GREATEST = -(2**31), 2**31 - 1


def _whole(test: Numeric) -> tuple[str, dict[str, Any]]:
    """The same of the whole number ``{it}``, which is read and compared in a third of the time, with its parameters."""
    first, last = _LEAST, _GREATEST
    up, down = (int(test.value.to_integral_value(rounding)) for rounding in (ROUND_CEILING, ROUND_FLOOR))
    match test.comparison:
        case Comparison.GREATER_THAN:
            first = down + 1
        case Comparison.GREATER_THAN_OR_EQUAL:
            first = up
        case Comparison.LESS_THAN:
            last = up - 1
        case Comparison.LESS_THAN_OR_EQUAL:
            last = down
        case _:
            first = up
            last = down if test.upper is None else int(test.upper.to_integral_value(ROUND_FLOOR))
    if first > min(last, _GREATEST) or last < _LEAST:
        return "FALSE", {}
    if last >= _GREATEST:
        return "({it})::int4 >= %(first)s", {"first": max(first, _LEAST)}
    if first <= _LEAST:
        return "({it})::int4 <= %(last)s", {"last": last}
    ends = {
        "sum": first + last,
        "width": last - first,
    }  # a text is dearer to take out of its document than to compare: once is enough
    return "abs(2::int8 * ({it})::int4 - %(sum)s) <= %(width)s", ends


def _present(subject: Subject) -> str:
    match subject.kind:
        case SubjectKind.STANDARD:
            return f"coalesce({STANDARD[subject.name]}, '') <> ''"
        case SubjectKind.METRIC:
            return f"jsonb_typeof({_HELD[subject.kind]}) = 'number'"
        case _:
            return f"coalesce(nullif({_HELD[subject.kind]}, '[]'), 'null') <> 'null'"
