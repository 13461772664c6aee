"""One SegmentDimensions object as a dimension: criteria that must all hold.

What Pinpoint can't say stands under its ``Pabal`` member::

    {"Negate": true,                                            the opposite of the whole dimension
     "Location": {"City": {"DimensionType", "Values"}, …},      City, PostalCode, Region
     "Demographic": {"Locale": {"DimensionType", "Values"}, …}, Locale, ModelVersion, PlatformVersion, Timezone
     "OptOut" | "EndpointStatus" | "UserId": {"DimensionType", "Values"},
     "Metrics": {name: {"ComparisonOperator": "BETWEEN", "Value", "To"}},
     "AttributesAsNumber" | "UserAttributesAsNumber": {name: {"ComparisonOperator", "Value", "To"?}},
     "Present": {"Attributes" | "UserAttributes" | "Metrics": [name, …], "Standard": ["Location.Country", …]},
     "RelativeDates" | "UserRelativeDates": {name: {"Span": "TODAY" | "WITHIN_LAST" | "MORE_THAN_AGO" | "WITHIN_NEXT" |
                                                    "MORE_THAN_AHEAD" | "ANNIVERSARY", "Days"?}},
     "Behavior": [{"Action": "RECEIVED" | "OPENED" | "CLICKED" | "UNSUBSCRIBED", "CampaignId"?, "Link"?, "Treatment"?, "Days"?},
                  {"Event": "cart.viewed", "AtLeast"?: 3, "Days"?, "Attributes"?: {name: [value, …]},
                   "Metrics"?: {name: {"ComparisonOperator", "Value"}}}]}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from segments.evaluation.refusals import DefinitionRefused
from segments.evaluation.tree import (
    SIGNS,
    Action,
    ActiveWithin,
    Anniversary,
    AnyOf,
    Comparison,
    Contains,
    Criterion,
    Dated,
    Did,
    DidEvent,
    Dimension,
    Near,
    Numeric,
    Present,
    Relation,
    Relative,
    Span,
    Subject,
    SubjectKind,
    Test,
)
from segments.evaluation.values import read_instant

MAX_VALUES = 100  # of one filter
MAX_VALUE_LENGTH = 100  # characters, as in Pinpoint
MAX_NAME_LENGTH = 50
MAX_DAYS = 36_500
MAX_TIMES = 1_000_000

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
_RELATIVE = {"RelativeDates": SubjectKind.ATTRIBUTE, "UserRelativeDates": SubjectKind.USER_ATTRIBUTE}
_DURATIONS = {"HR_24": 24, "DAY_7": 7 * 24, "DAY_14": 14 * 24, "DAY_30": 30 * 24}  # hours
STANDARD_NAMES = frozenset(
    [
        *(f"Demographic.{name}" for name in (*_DEMOGRAPHIC, *_OWN_DEMOGRAPHIC)),
        *(f"Location.{name}" for name in ("Country", *_OWN_LOCATION)),
        *_OWN_STANDARD.values(),
    ]
)


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
        location = self.members(members.get("Location", {}), {"Country", "GPSPoint"})
        own = self.members(
            members.get("Pabal", {}),
            {"Negate", "Location", "Demographic", "Metrics", "Present", "Behavior", *_OWN_STANDARD, *_AS_NUMBER, *_RELATIVE},
        )
        criteria = [
            *self.named(members.get("Attributes", {}), SubjectKind.ATTRIBUTE, self.attribute),
            *self.named(members.get("UserAttributes", {}), SubjectKind.USER_ATTRIBUTE, self.attribute),
            *self.named(members.get("Metrics", {}), SubjectKind.METRIC, self.metric),
            *self.standard(members.get("Demographic", {}), "Demographic.", _DEMOGRAPHIC),
            *self.standard({key: location[key] for key in location if key == "Country"}, "Location.", ("Country",)),
            *self.near(location.get("GPSPoint")),
            *self.recency(members.get("Behavior")),
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
        for key, kind in _RELATIVE.items():
            criteria += self.named(own.get(key, {}), kind, self.relative)
        criteria += [self.did(one) for one in self.list(own.get("Behavior", []))]
        for key, names in self.members(own.get("Present", {}), {*_KINDS, "Standard"}).items():
            for name in self.list(names):
                criteria.append(Criterion(Present(self.present(key, name))))
        return criteria

    def present(self, key: str, name: Any) -> Subject:
        if key != "Standard":
            return Subject(_KINDS[key], self.name(name))
        if name not in STANDARD_NAMES:
            self.refuse(_("this standard attribute is not known."))
        return Subject(SubjectKind.STANDARD, name)

    def relative(self, subject: Subject, value: Any) -> Criterion:
        members = self.members(value, {"Span", "Days"})
        span = members.get("Span")
        days = self.days(members.get("Days", 0), least=0)
        if span == "ANNIVERSARY" and days < 366:
            return Criterion(Anniversary(subject, days))
        if span not in list(Span):
            self.refuse(_("this comparison is not known."))
        return Criterion(Relative(subject, Span(span), 0 if span == Span.TODAY else days))

    def near(self, value: Any) -> list[Criterion]:
        if not value:
            return []
        self.subject = "Location.GPSPoint"
        members = self.members(value, {"Coordinates", "RangeInKilometers"})
        point = self.members(members.get("Coordinates"), {"Latitude", "Longitude"})
        latitude, longitude = self.decimal(point.get("Latitude")), self.decimal(point.get("Longitude"))
        reach = self.decimal(members.get("RangeInKilometers", 10))  # Pinpoint: optional; its console began with 10
        if abs(latitude) > 90 or abs(longitude) > 180:
            self.refuse(_("a latitude is from -90 to 90, a longitude from -180 to 180."))
        if not 0 < reach <= 20_038:  # half of the way around the Earth
            self.refuse(_("the distance is more than 0 and at most 20,038 km."))
        self.subject = ""
        return [Criterion(Near(float(latitude), float(longitude), float(reach)))]

    def recency(self, value: Any) -> list[Criterion]:
        if not value:
            return []
        recency = self.members(value, {"Recency"}).get("Recency")
        if not recency:
            return []
        members = self.members(recency, {"Duration", "RecencyType"})
        duration, kind = members.get("Duration"), members.get("RecencyType")
        if duration not in _DURATIONS or kind not in ("ACTIVE", "INACTIVE"):
            self.refuse(_("activity is ACTIVE or INACTIVE within HR_24, DAY_7, DAY_14 or DAY_30."))
        return [Criterion(ActiveWithin(_DURATIONS[duration]), is_negated=kind == "INACTIVE")]

    def did(self, value: Any) -> Criterion:
        if isinstance(value, dict) and "Event" in value:
            return self.did_event(value)
        members = self.members(value, {"Action", "CampaignId", "Link", "Treatment", "Days"})
        action, campaign, link, days = (members.get(key) for key in ("Action", "CampaignId", "Link", "Days"))
        treatment = members.get("Treatment")
        if action not in list(Action):
            self.refuse(_("say what became of the message: RECEIVED, OPENED, CLICKED or UNSUBSCRIBED."))
        if campaign is not None and not (
            isinstance(campaign, str) and len(campaign) <= 32 and campaign.isascii() and campaign.isalnum()
        ):
            self.refuse(_("the campaign is not named rightly. Choose it again."))
        is_link = link is None or (type(link) is int and 0 <= link < 2**31)
        if not is_link or (link is not None and (action != Action.CLICKED or not campaign)):
            self.refuse(_("a link is named by its number, for clicks in one campaign."))
        if treatment is not None and (type(treatment) is not int or not 0 <= treatment < 2**15 or link is None):
            self.refuse(_("a treatment is named by its number, beside a link of it."))
        within = None if days is None else self.days(days, least=1)
        return Criterion(Did(Action(action), campaign or "", link, within, treatment))

    def did_event(self, value: Any) -> Criterion:
        members = self.members(value, {"Event", "AtLeast", "Days", "Attributes", "Metrics"})
        name, at_least, days = members["Event"], members.get("AtLeast", 1), members.get("Days")
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_LENGTH or "\0" in name:
            self.refuse(_("say which event it is."))
        self.subject = name
        if type(at_least) is not int or not 1 <= at_least <= MAX_TIMES:
            self.refuse(_("how often is a whole number, and at most %(most)s.") % {"most": MAX_TIMES})
        attributes = members.get("Attributes", {})
        metrics = members.get("Metrics", {})
        if not isinstance(attributes, dict) or not isinstance(metrics, dict):
            self.refuse(_("it is not built as a filter should be."))
        found = DidEvent(
            name, at_least, None if days is None else self.days(days, least=1),
            tuple((self.name(key), self.event_values(some)) for key, some in attributes.items()),
            tuple((self.name(key), *self.event_metric(test)) for key, test in metrics.items()),
        )  # fmt: skip
        self.subject = ""
        return Criterion(found)

    def event_values(self, value: Any) -> tuple[str, ...]:
        values = tuple(self.list(value))
        if not values or len(values) > MAX_VALUES or not all(isinstance(one, str) and len(one) <= 200 for one in values):
            self.refuse(_("it is not built as a filter should be."))
        return values

    def event_metric(self, value: Any) -> tuple[Comparison, Decimal]:
        members = self.members(value, {"ComparisonOperator", "Value"})
        operator = members.get("ComparisonOperator")
        if operator not in list(SIGNS):
            self.refuse(_("this comparison is not known."))
        return Comparison(operator), self.decimal(members.get("Value"))

    def days(self, value: Any, least: int) -> int:
        if type(value) is not int or not least <= value <= MAX_DAYS:
            self.refuse(_("a number of days is whole, and at most %(most)s.") % {"most": MAX_DAYS})
        return value

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
        value = self.decimal(members.get("Value"))
        if comparison is not Comparison.BETWEEN:
            return Criterion(Numeric(subject, comparison, value, None))
        low, high = sorted((value, self.decimal(members.get("To"))))  # as with dates, whichever end was given first
        return Criterion(Numeric(subject, comparison, low, high))

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
        if not isinstance(value, str) or not is_name(value):
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


def is_name(text: str) -> bool:
    """Whether an attribute or metric may be called so."""
    return 0 < len(text) <= MAX_NAME_LENGTH and _storable(text)


def _storable(text: str) -> bool:
    """PostgreSQL holds neither NUL nor half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
