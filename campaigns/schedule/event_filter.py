"""Pinpoint's EventFilter: which events start a message of a campaign (reference, section 6.2). Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Refusal

NAME_LIMIT = 50  # characters of a type, an attribute or a metric
VALUE_LIMIT = 200  # characters of an attribute's value
MOST = 50  # types, values of an attribute, attributes, metrics
COMPARE: dict[str, tuple[str, Callable[[Decimal, Decimal], bool]]] = {
    "EQUAL": ("==", operator.eq),
    "GREATER_THAN": (">", operator.gt),
    "LESS_THAN": ("<", operator.lt),
    "GREATER_THAN_OR_EQUAL": (">=", operator.ge),
    "LESS_THAN_OR_EQUAL": ("<=", operator.le),
}


class EventFilterRefused(Refusal):
    """The filter can't be read; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One of ``types`` (names), with one of the values of each attribute, and metrics that compare so, all in one event."""

    types: tuple[str, ...]
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    metrics: tuple[tuple[str, str, Decimal], ...] = ()  # name, a key of COMPARE, value

    def holds(self, data: Mapping[str, Any] | None) -> bool:
        """Whether an event of one of the types that tells this (``EventRow.data``) is meant."""
        attributes, metrics = (_told(data, member) for member in ("attributes", "metrics"))
        if not all(attributes.get(name) in values for name, values in self.attributes):
            return False
        return all(_compares(metrics.get(name), comparison, value) for name, comparison, value in self.metrics)


def parse_event_filter(value: Any) -> EventFilter:
    """Read ``{"FilterType", "Dimensions": {"EventType", "Attributes"?, "Metrics"?}}``; raises ``EventFilterRefused``."""
    members = _object(value, {"FilterType", "Dimensions"})
    if members.get("FilterType") not in ("SYSTEM", "ENDPOINT"):
        raise EventFilterRefused(_("The FilterType of events is SYSTEM or ENDPOINT."))
    dimensions = _object(members.get("Dimensions"), {"EventType", "Attributes", "Metrics"})
    said = _object(dimensions.get("EventType"), {"DimensionType", "Values"})
    if said.get("DimensionType", "INCLUSIVE") != "INCLUSIVE":
        raise EventFilterRefused(_("Name the events that start a message, not those that don't."))
    attributes, metrics = (_names(dimensions.get(member)) for member in ("Attributes", "Metrics"))
    return EventFilter(
        types=_texts(said.get("Values"), NAME_LIMIT),
        attributes=tuple((name, _values(test)) for name, test in attributes.items()),
        metrics=tuple((name, *_comparison(test)) for name, test in metrics.items()),
    )


def event_filter_document(found: EventFilter) -> dict[str, Any]:
    """The same as Pinpoint writes it."""
    own = all(name.startswith("_") for name in found.types)
    dimensions: dict[str, Any] = {"EventType": {"DimensionType": "INCLUSIVE", "Values": list(found.types)}}
    if found.attributes:
        dimensions["Attributes"] = {
            name: {"AttributeType": "INCLUSIVE", "Values": list(values)} for name, values in found.attributes
        }
    if found.metrics:
        dimensions["Metrics"] = {
            name: {"ComparisonOperator": comparison, "Value": float(value)} for name, comparison, value in found.metrics
        }
    return {"FilterType": "SYSTEM" if own else "ENDPOINT", "Dimensions": dimensions}


def _told(data: Mapping[str, Any] | None, member: str) -> Mapping[str, Any]:
    found = (data or {}).get(member)
    return found if isinstance(found, Mapping) else {}


def _compares(held: object, comparison: str, wanted: Decimal) -> bool:
    if not isinstance(held, int | float) or isinstance(held, bool):
        return False
    return COMPARE[comparison][1](Decimal(repr(held)), wanted)


def _object(value: Any, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or any(name not in known for name in value):
        raise EventFilterRefused(_("Say which events start a message."))
    return value


def _names(value: Any) -> Mapping[str, Any]:
    found = {} if value is None else value
    if not isinstance(found, Mapping) or len(found) > MOST or not all(0 < len(name) <= NAME_LIMIT for name in found):
        raise EventFilterRefused(_("The name of an attribute or metric has 1 to %(most)s characters.") % {"most": NAME_LIMIT})
    return found


def _values(test: Any) -> tuple[str, ...]:
    members = _object(test, {"AttributeType", "Values"})
    if members.get("AttributeType", "INCLUSIVE") != "INCLUSIVE":
        raise EventFilterRefused(_("An attribute of an event can only be compared with the values that it is to have."))
    return _texts(members.get("Values"), VALUE_LIMIT)


def _texts(value: Any, longest: int) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST:
        raise EventFilterRefused(_("Give 1 to %(most)s values.") % {"most": MOST})
    if not all(isinstance(one, str) and 0 < len(one) <= longest and "\0" not in one for one in value):
        raise EventFilterRefused(_("A value has 1 to %(most)s characters.") % {"most": longest})
    return tuple(value)


def _comparison(test: Any) -> tuple[str, Decimal]:
    members = _object(test, {"ComparisonOperator", "Value"})
    comparison, value = members.get("ComparisonOperator"), members.get("Value")
    if comparison not in COMPARE or not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= 1e300:
        raise EventFilterRefused(_("A metric of an event is compared with a number."))
    return comparison, Decimal(repr(value))
