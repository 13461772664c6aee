"""Definitions in Pinpoint's own model: what it can carry comes back as it was written, and what it can't is never lost through its API."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audience import Audience
from projects.models import Project
from segments import queries
from segments.evaluation import DefinitionRefused, parse_document
from segments.models import Segment
from segments.pinpoint import EXTENDED_TAG, pinpoint_definition
from segments.services import segments
from segments.services.requests import RequestRefused, SegmentExtended, create_from_request, update_from_request
from tests.factories.campaigns import make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
SHAPE = botocore.session.get_session().get_service_model("pinpoint").shape_for("WriteSegmentRequest")
BASES = ["a" * 32, "b" * 32]  # public ids of the project's base segments
PROPERTY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
NAMES = st.text(LETTERS, min_size=1, max_size=50) | st.sampled_from(["Pabal", "Values", "Value", "GPSPoint", r"\u0000"])
VALUES = st.lists(st.text(LETTERS, min_size=1, max_size=100) | st.just(r"\\u0000"), min_size=1, max_size=4)
INSTANTS = st.sampled_from(["2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T09:00:00.123456789+09:00", "0001-01-01T00:00:00Z"])
DOUBLES = st.floats(-1e300, 1e300) | st.integers(-(10**6), 10**6)
COMBINE = st.sampled_from(["ALL", "ANY", "NONE"])


def some(**members: Any) -> Any:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


def of(**members: Any) -> Any:
    """An object with all of these members."""
    return st.fixed_dictionaries(members)


SETS = st.fixed_dictionaries({"Values": VALUES}, optional={"DimensionType": st.sampled_from(["INCLUSIVE", "EXCLUSIVE"])})
ATTRIBUTES = st.dictionaries(
    NAMES,
    st.one_of(
        of(Values=VALUES),
        of(AttributeType=st.sampled_from(["INCLUSIVE", "EXCLUSIVE", "CONTAINS"]), Values=VALUES),
        of(AttributeType=st.sampled_from(["BEFORE", "AFTER", "ON"]), Values=st.lists(INSTANTS, min_size=1, max_size=3)),
        of(AttributeType=st.just("BETWEEN"), Values=st.lists(INSTANTS, min_size=2, max_size=2)),
    ),
    max_size=2,
)
OPERATORS = ["EQUAL", "GREATER_THAN", "LESS_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN_OR_EQUAL"]
POINT = st.fixed_dictionaries(
    {"Coordinates": of(Latitude=st.floats(-90, 90), Longitude=st.floats(-180, 180))},
    optional={"RangeInKilometers": st.floats(0.1, 20_000)},
)
RECENCY = of(
    Duration=st.sampled_from(["HR_24", "DAY_7", "DAY_14", "DAY_30"]), RecencyType=st.sampled_from(["ACTIVE", "INACTIVE"])
)
DIMENSION = some(
    Attributes=ATTRIBUTES,
    UserAttributes=ATTRIBUTES,
    Metrics=st.dictionaries(NAMES, of(ComparisonOperator=st.sampled_from(OPERATORS), Value=DOUBLES), max_size=2),
    Demographic=some(**dict.fromkeys(["AppVersion", "Channel", "DeviceType", "Make", "Model", "Platform"], SETS)),
    Location=some(Country=SETS, GPSPoint=POINT),
    Behavior=some(Recency=RECENCY),
)
SOURCES = st.lists(st.fixed_dictionaries({"Id": st.sampled_from(BASES)}, optional={"Version": st.just(1)}), max_size=3)
GROUP = some(Dimensions=st.lists(DIMENSION, max_size=3), SourceSegments=SOURCES, SourceType=COMBINE, Type=COMBINE)
TAGS = st.dictionaries(st.text(LETTERS, min_size=1, max_size=128), st.text(LETTERS, max_size=256), max_size=3)


@st.composite
def requests(draw: Any, name: str = "세그먼트") -> dict[str, Any]:
    """Anything that Pinpoint's model can carry."""
    request: dict[str, Any] = {"Name": name} | draw(some(tags=TAGS))
    if draw(st.booleans()):
        return request | {"Dimensions": draw(DIMENSION)}
    return request | {"SegmentGroups": draw(some(Groups=st.lists(GROUP, max_size=5), Include=COMBINE))}


OWN = st.sampled_from(
    [
        {},
        {"Negate": False},
        {"Negate": True},
        {"OptOut": {"DimensionType": "INCLUSIVE", "Values": ["ALL"]}},
        {"Present": {"Metrics": ["spend"]}},
        {"Behavior": [{"Action": "OPENED"}], "Negate": True},
        {"Location": {"City": {"DimensionType": "INCLUSIVE", "Values": ["서울"]}}},
    ]
)
OWN_OF_GROUPS = st.sampled_from([{}, {"Exclude": False}, {"Exclude": True}, {"Limit": {"Count": 9, "By": "RANDOM", "Seed": 1}}])
ABSENT = some(Demographic=st.just({"Make": None}), Location=st.just({"GPSPoint": {}}), Behavior=st.just({"Recency": {}}))


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """Anything that the console may have stored: with ``Pabal`` members, and with members that are there and say nothing."""
    groups = []
    for group in draw(st.lists(GROUP, max_size=3)):
        dimensions = [draw(ABSENT) | one | draw(some(Pabal=OWN)) for one in group.get("Dimensions", [])]
        groups.append(group | {"Dimensions": dimensions} | draw(some(Pabal=OWN_OF_GROUPS)))
    return {"SegmentGroups": {"Include": draw(COMBINE), "Groups": groups}}


def faults(request: dict[str, Any]) -> str:
    """What botocore's own validator says against it."""
    return str(ParamValidator().validate(request, SHAPE).generate_report())


@pytest.fixture
def project() -> Project:
    project = make_project()
    for public_id in BASES:
        segment = make_import_segment(project=project, members=Audience([1]))
        Segment.objects.filter(pk=segment.pk).update(public_id=public_id)
    return project


def read(segment: Segment) -> dict[str, Any]:
    """The segment as the API answers it, put together as the request was."""
    found = queries.pinpoint_definition(segment=Segment.objects.get(pk=segment.pk))
    return {"Name": segment.name} | found.members | ({"tags": found.tags} if found.tags else {})


def meaning(document: dict[str, Any]) -> list[Any]:
    """The definition, but for the order of criteria that must all hold: PostgreSQL keeps no order of an object's members."""
    definition = parse_document(document)
    return [definition.include] + [
        (dataclasses.replace(group, dimensions=()), [(set(one.criteria), one.is_negated) for one in group.dimensions])
        for group in definition.groups
    ]


def told(request: dict[str, Any]) -> dict[str, Any]:
    """No tags are the same as none."""
    return {key: value for key, value in request.items() if key != "tags" or value}


@PROPERTY
@given(request=requests(), later=requests(name="나중"))
def test_what_pinpoint_can_say_comes_back_as_it_was_written(project: Project, request: Any, later: Any) -> None:
    assert faults(request) == ""

    segment = create_from_request(project=project, actor=None, request=request, now=NOW)
    assert read(segment) == told(request)
    assert faults(read(segment)) == ""
    assert meaning(read(segment)) == meaning(request)

    segment = update_from_request(segment=segment, actor=None, request=later, now=NOW)
    assert read(segment) == told(later | {"tags": request.get("tags", {})})


@PROPERTY
@given(document=documents())
def test_whatever_is_stored_its_part_is_pinpoints_and_it_is_extended_when_it_says_more(project: Project, document: Any) -> None:
    segment = segments.create_segment(project=project, actor=None, name="x", document=document, now=NOW)

    found = queries.pinpoint_definition(segment=segment)

    assert faults(found.members) == ""
    assert "Pabal" not in [key for group in found.members["SegmentGroups"]["Groups"] for key in group]
    assert found.is_extended == (meaning(found.members) != meaning(document))
    assert found.is_extended == (EXTENDED_TAG in found.tags)
    copy = {"Name": "copy", "tags": found.tags, **found.members}
    if found.is_extended:
        with pytest.raises(SegmentExtended):
            create_from_request(project=project, actor=None, request=copy, now=NOW)
        with pytest.raises(SegmentExtended):
            update_from_request(segment=segment, actor=None, request={"Name": "x", **found.members}, now=NOW)
        segment.refresh_from_db()
        assert segment.version == 1
    else:
        made = create_from_request(project=project, actor=None, request=copy, now=NOW)
        assert meaning(made.versions.get().document) == meaning(document)


def groups(*dimensions: dict[str, Any], **own: Any) -> dict[str, Any]:
    return {"SegmentGroups": {"Groups": [{"Dimensions": list(dimensions), "Type": "ALL", "Pabal": own}]}}


COUNTRY = {"Location": {"Country": {"DimensionType": "INCLUSIVE", "Values": ["KR"]}}}
CITY = {"Location": {"City": {"DimensionType": "INCLUSIVE", "Values": ["서울"]}}}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (groups(COUNTRY | {"Pabal": CITY}), [{"Dimensions": [COUNTRY], "Type": "ALL"}]),
        (groups(COUNTRY, {"Pabal": CITY}), [{"Dimensions": [COUNTRY], "Type": "ALL"}]),
        (groups(COUNTRY | {"Pabal": {"Negate": True}}), [{"Dimensions": [], "Type": "ALL"}]),
        (groups(COUNTRY, Exclude=True), []),
        (groups(COUNTRY, Limit={"Count": 5, "By": "RANDOM"}), [{"Dimensions": [COUNTRY], "Type": "ALL"}]),
    ],
)
def test_the_part_never_says_the_opposite(document: dict[str, Any], part: list[dict[str, Any]]) -> None:
    found = pinpoint_definition(document)

    assert found.members == {"SegmentGroups": {"Groups": part}}
    assert found.tags == {EXTENDED_TAG: "true"}


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"SegmentGroups": {"Groups": []}}, RequestRefused),
        ({"Name": "x" * 129, "SegmentGroups": {"Groups": []}}, RequestRefused),
        ({"Name": "a\0b", "SegmentGroups": {"Groups": []}}, RequestRefused),
        ({"Name": "x", "tags": {"a": "\ud800"}, "SegmentGroups": {"Groups": []}}, RequestRefused),
        ({"Name": "x", "tags": {EXTENDED_TAG: "true"}, "SegmentGroups": {"Groups": []}}, SegmentExtended),
        ({"Name": "x", **groups(COUNTRY)}, RequestRefused),
        ({"Name": "x", "Dimensions": COUNTRY | {"Pabal": CITY}}, RequestRefused),
        ({"Name": "x", "SegmentGroups": {"Groups": ["what"]}}, DefinitionRefused),
        ({"Name": "x", "SegmentGroups": {"Groups": [{"SourceSegments": [{"Id": "gone"}]}]}}, DefinitionRefused),
    ],
)
def test_what_can_not_be_kept_is_refused_and_nothing_is_written(project: Project, request_: Any, refusal: Any) -> None:
    before = Segment.objects.count()

    with pytest.raises(refusal) as refused:
        create_from_request(project=project, actor=None, request=request_, now=NOW)

    assert refused.value.message
    assert Segment.objects.count() == before


def test_what_the_console_changes_keeps_the_tags(project: Project) -> None:
    request = {"Name": "x", "tags": {"team": "crm"}, "Dimensions": COUNTRY}
    segment = create_from_request(project=project, actor=None, request=request, now=NOW)

    segments.update_segment(segment=segment, actor=None, name="x", document=groups(COUNTRY), now=NOW)
    segment = segments.restore_version(segment=segment, version=1, actor=None, now=NOW)

    assert read(segment) == request
