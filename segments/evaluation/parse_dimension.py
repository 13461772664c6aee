"""One SegmentDimensions object as a dimension: criteria that must all hold.

What Pinpoint can't say stands under its ``Pabal`` member::

    {"Negate": true,                                            the opposite of the whole dimension
     "Location": {"City": {"DimensionType", "Values"}, …},      City, PostalCode, Region
     "Demographic": {"Locale": {"DimensionType", "Values"}, …}, Locale, ModelVersion, PlatformVersion, Timezone
     "OptOut" | "EndpointStatus" | "UserId": {"DimensionType", "Values"},
     "Metrics": {name: {"ComparisonOperator": "BETWEEN", "Value", "To"}},
     "AttributesAsNumber" | "UserAttributesAsNumber": {name: {"ComparisonOperator", "Value", "To"?}},
     "Present": {"Attributes" | "UserAttributes" | "Metrics": [name, …]}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from segments.evaluation.refusals import DefinitionRefused
from segments.evaluation.tree import (
    AnyOf,
    Comparison,
    Contains,
    Criterion,
    Dated,
    Dimension,
    Numeric,
    Present,
    Relation,
    Subject,
    SubjectKind,
    Test,
)
from segments.evaluation.values import read_instant

MAX_VALUES = 100  # of one filter
MAX_VALUE_LENGTH = 100  # characters, as in Pinpoint
MAX_NAME_LENGTH = 50

_DEMOGRAPHIC = ("AppVersion", "Channel", "DeviceType", "Make", "Model", "Platform")
_OWN_DEMOGRAPHIC = ("Locale", "ModelVersion", "PlatformVersion", "Timezone")
_OWN_LOCATION = ("City", "PostalCode", "Region")
_OWN_STANDARD = {"OptOut": "OptOut", "EndpointStatus": "EndpointStatus", "UserId": "User.UserId"}
_KINDS = {
    "Attributes": SubjectKind.ATTRIBUTE,
    "UserAttributes": SubjectKind.USER_ATTRIBUTE,
    "Metrics": SubjectKind.METRIC,
}
_AS_NUMBER = {"AttributesAsNumber": SubjectKind.ATTRIBUTE, "UserAttributesAsNumber": SubjectKind.USER_ATTRIBUTE}


def parse_dimension(value: Any, *, group: int, filter: int) -> Dimension:
    """Raises ``DefinitionRefused`` with a sentence that begins with the place of the filter."""
    return _Reader(group, filter).dimension(value)


class _Reader:
    def __init__(self, group: int, filter: int) -> None:
        self.group = group
        self.filter = filter
        self.subject = ""  # the name of what is being read, for the sentence

    def refuse(self, problem: str) -> NoReturn:
        place = _("Group %(group)s, filter %(filter)s") % {"group": self.group, "filter": self.filter}
        if self.subject:
            place = _("%(place)s (%(name)s)") % {"place": place, "name": self.subject[:MAX_NAME_LENGTH]}
        sentence = _("%(place)s: %(problem)s") % {"place": place, "problem": problem}
        raise DefinitionRefused(sentence, group=self.group, filter=self.filter)

    def dimension(self, value: Any) -> Dimension:
        members = self.members(value, {"Attributes", "UserAttributes", "Metrics", "Demographic", "Location", "Behavior", "Pabal"})
        if members.get("Behavior"):
            self.refuse(_("filters on activity are not offered yet. Take the filter away."))
        location = self.members(members.get("Location", {}), {"Country", "GPSPoint"})
        if location.get("GPSPoint"):
            self.refuse(_("filters on the distance from a point are not offered yet. Take the filter away."))
        own = self.members(
            members.get("Pabal", {}), {"Negate", "Location", "Demographic", "Metrics", "Present", *_OWN_STANDARD, *_AS_NUMBER}
        )
        criteria = [
            *self.named(members.get("Attributes", {}), SubjectKind.ATTRIBUTE, self.attribute),
            *self.named(members.get("UserAttributes", {}), SubjectKind.USER_ATTRIBUTE, self.attribute),
            *self.named(members.get("Metrics", {}), SubjectKind.METRIC, self.metric),
            *self.standard(members.get("Demographic", {}), "Demographic.", _DEMOGRAPHIC),
            *self.standard({key: location[key] for key in location if key == "Country"}, "Location.", ("Country",)),
            *self.own(own),
        ]
        return Dimension(criteria=tuple(criteria), is_negated=own.get("Negate", False) is True)

    def own(self, own: dict[str, Any]) -> list[Criterion]:
        criteria = [
            *self.standard(own.get("Location", {}), "Location.", _OWN_LOCATION),
            *self.standard(own.get("Demographic", {}), "Demographic.", _OWN_DEMOGRAPHIC),
            *self.named(own.get("Metrics", {}), SubjectKind.METRIC, self.number),
        ]
        for key, kind in _AS_NUMBER.items():
            criteria += self.named(own.get(key, {}), kind, self.number)
        for key, name in _OWN_STANDARD.items():
            if own.get(key) is not None:
                criteria.append(self.set(Subject(SubjectKind.STANDARD, name), own[key]))
        for key, names in self.members(own.get("Present", {}), set(_KINDS)).items():
            for name in self.list(names):
                criteria.append(Criterion(Present(Subject(_KINDS[key], self.name(name)))))
        return criteria

    def named(self, value: Any, kind: SubjectKind, read: Callable[[Subject, Any], Criterion]) -> list[Criterion]:
        if not isinstance(value, dict):
            self.refuse(_("it is not built as a filter should be."))
        criteria = []
        for name in value:
            criteria.append(read(Subject(kind, self.name(name)), value[name]))
            self.subject = ""
        return criteria

    def standard(self, value: Any, prefix: str, known: tuple[str, ...]) -> list[Criterion]:
        held = self.members(value, set(known))
        return [
            self.set(Subject(SubjectKind.STANDARD, prefix + key), held[key]) for key in known if held.get(key) is not None
        ]  # a missing dimension may be null

    def attribute(self, subject: Subject, value: Any) -> Criterion:
        members = self.members(value, {"AttributeType", "Values"})
        values = self.values(members.get("Values"))
        test: Test
        match members.get("AttributeType", "INCLUSIVE"):
            case "INCLUSIVE":
                return Criterion(AnyOf(subject, values))
            case "EXCLUSIVE":
                return Criterion(AnyOf(subject, values), is_negated=True)
            case "CONTAINS":
                return Criterion(Contains(subject, values))
            case "BEFORE" | "AFTER" | "ON" | "BETWEEN" as relation:
                test = Dated(subject, Relation(relation), tuple(self.instant(text) for text in values))
            case _:
                self.refuse(_("this comparison is not known."))
        if test.relation is Relation.BETWEEN and len(values) != 2:
            self.refuse(_("“between” needs two dates: a first and a last one."))
        return Criterion(test)

    def metric(self, subject: Subject, value: Any) -> Criterion:
        if isinstance(value, dict) and value.get("ComparisonOperator") == "BETWEEN":
            self.refuse(_("this comparison is not known."))
        return self.number(subject, value)

    def number(self, subject: Subject, value: Any) -> Criterion:
        members = self.members(value, {"ComparisonOperator", "Value", "To"})
        operator = members.get("ComparisonOperator")
        if operator not in list(Comparison):
            self.refuse(_("this comparison is not known."))
        comparison = Comparison(operator)
        upper = self.decimal(members.get("To")) if comparison is Comparison.BETWEEN else None
        return Criterion(Numeric(subject, comparison, self.decimal(members.get("Value")), upper))

    def set(self, subject: Subject, value: Any) -> Criterion:
        self.subject = subject.name
        members = self.members(value, {"DimensionType", "Values"})
        values = self.values(members.get("Values"))
        kind = members.get("DimensionType", "INCLUSIVE")
        if kind not in ("INCLUSIVE", "EXCLUSIVE"):
            self.refuse(_("this comparison is not known."))
        self.subject = ""
        return Criterion(AnyOf(subject, values), is_negated=kind == "EXCLUSIVE")

    def name(self, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_LENGTH or not _storable(value):
            self.refuse(_("an attribute's name has 1 to 50 characters."))
        self.subject = value
        return value

    def values(self, value: Any) -> tuple[str, ...]:
        texts = self.list(value)
        if not texts:
            self.refuse(_("choose at least one value."))
        if len(texts) > MAX_VALUES:
            self.refuse(_("a filter takes at most 100 values."))
        for text in texts:
            if not isinstance(text, str) or not 0 < len(text) <= MAX_VALUE_LENGTH or not _storable(text):
                self.refuse(_("a value has 1 to 100 characters."))
        return tuple(texts)

    def instant(self, text: str) -> Any:
        instant = read_instant(text)
        if instant is None:
            self.refuse(_("“%(value)s” is not a date. Write it like 2026-03-01 or 2026-03-01T00:00:00Z.") % {"value": text})
        return instant

    def decimal(self, value: Any) -> Decimal:
        if type(value) not in (int, float) or abs(value) > 1e300 or not math.isfinite(value):
            self.refuse(_("give a number."))
        return Decimal(repr(value))

    def members(self, value: Any, known: Collection[str]) -> dict[str, Any]:
        if not isinstance(value, dict) or any(key not in known for key in value):
            self.refuse(_("it is not built as a filter should be."))
        return value

    def list(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            self.refuse(_("it is not built as a filter should be."))
        return value


def _storable(text: str) -> bool:
    """PostgreSQL holds neither NUL nor half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
