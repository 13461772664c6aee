"""Each dimension of a definition, exact on a few endpoints; relative dates and what became of messages."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.db import connection, transaction

from analytics.events import EventRow
from analytics.models import EventKind, HitClass, Reach, ReachAddition, SourceKind
from analytics.rollups import recount
from analytics.services.reach import fold_reach
from analytics.services.record import record_events
from core.audience import Audience
from endpoints.models import Endpoint
from projects.models import Project
from segments.evaluation import DefinitionRefused, evaluate_document, parse_document
from segments.queries import document_query
from segments.services.segments import create_segment
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
UTC = datetime.UTC
NOW = datetime.datetime(2026, 11, 24, 16, 30, tzinfo=UTC)  # 01:30 of the 25th in Seoul


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


def found(project: Project, *dimensions: dict[str, Any], now: datetime.datetime = NOW, **group: Any) -> set[str]:
    """The Ids of the endpoints that one group with these dimensions holds."""
    document = {"SegmentGroups": {"Groups": [{"Dimensions": list(dimensions), "Type": "ALL"} | group]}}
    ids = evaluate_document(project_id=project.pk, document=document, now=now)
    return set(Endpoint.objects.filter(pk__in=list(ids)).values_list("endpoint_id", flat=True))


def negated(dimension: dict[str, Any]) -> dict[str, Any]:
    return dimension | {"Pabal": dimension.get("Pabal", {}) | {"Negate": True}}


@pytest.mark.parametrize("name", ["AppVersion", "DeviceType", "Make", "Model", "Platform"])
def test_a_demographic_filter_takes_its_values_and_the_exclusive_one_all_others(project: Project, name: str) -> None:
    make_endpoint(project=project, endpoint_id="a", demographic={name: "one"})
    make_endpoint(project=project, endpoint_id="b", demographic={name: "two"})
    make_endpoint(project=project, endpoint_id="c")

    assert found(project, {"Demographic": {name: {"DimensionType": "INCLUSIVE", "Values": ["one"]}}}) == {"a"}
    assert found(project, {"Demographic": {name: {"DimensionType": "EXCLUSIVE", "Values": ["one"]}}}) == {"b", "c"}


def test_a_point_takes_the_places_within_its_distance(project: Project) -> None:
    for key, latitude, longitude in (
        ("seoul", 37.6, 127.0),
        ("incheon", 37.5, 126.7),
        ("busan", 35.2, 129.1),
        ("fiji", -17.7, 178.1),
    ):
        make_endpoint(project=project, endpoint_id=key, location={"Latitude": latitude, "Longitude": longitude})
    make_endpoint(project=project, endpoint_id="nowhere", location={"City": "서울"})

    def near(latitude: float, longitude: float, kilometres: float) -> dict[str, Any]:
        point = {"Coordinates": {"Latitude": latitude, "Longitude": longitude}, "RangeInKilometers": kilometres}
        return {"Location": {"GPSPoint": point}}

    assert found(project, near(37.6, 127.0, 0.1)) == {"seoul"}
    assert found(project, near(37.6, 127.0, 28.6)) == {"seoul"}  # Incheon is 28.67 km away
    assert found(project, near(37.6, 127.0, 28.8)) == {"seoul", "incheon"}
    assert found(project, near(37.6, 127.0, 325)) == {"seoul", "incheon"}  # Busan is 325.9
    assert found(project, near(37.6, 127.0, 327)) == {"seoul", "incheon", "busan"}
    assert found(project, near(-17.7, -178.1, 403)) == {"fiji"}  # over the date line
    assert found(project, negated(near(37.6, 127.0, 1000))) == {"fiji", "nowhere"}


def test_recency_is_told_by_the_effective_date(project: Project) -> None:
    for key, hours in (("hour", 1), ("day", 24), ("week", 24 * 7), ("month", 24 * 30 + 1)):
        make_endpoint(project=project, endpoint_id=key, effective_at=NOW - datetime.timedelta(hours=hours))

    def recency(duration: str, kind: str) -> dict[str, Any]:
        return {"Behavior": {"Recency": {"Duration": duration, "RecencyType": kind}}}

    assert found(project, recency("HR_24", "ACTIVE")) == {"hour", "day"}
    assert found(project, recency("DAY_7", "ACTIVE")) == {"hour", "day", "week"}
    assert found(project, recency("DAY_14", "INACTIVE")) == {"month"}
    assert found(project, recency("DAY_30", "INACTIVE")) == {"month"}


def test_is_set_and_is_empty_of_every_kind(project: Project) -> None:
    make_endpoint(
        project=project, endpoint_id="full", attributes={"a": ["x"]}, user_attributes={"u": ["y"]}, metrics={"m": 0.0},
        location={"Country": "KOR"},
    )  # fmt: skip
    make_endpoint(project=project, endpoint_id="bare", attributes={"a": []})

    for present in ({"Attributes": ["a"]}, {"UserAttributes": ["u"]}, {"Metrics": ["m"]}, {"Standard": ["Location.Country"]}):
        dimension = {"Pabal": {"Present": present}}
        assert found(project, dimension) == {"full"}
        assert found(project, negated(dimension)) == {"bare"}


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"Span": "TODAY"}, {"0"}),
        ({"Span": "WITHIN_LAST", "Days": 1}, {"-1", "0"}),
        ({"Span": "WITHIN_LAST", "Days": 30}, {"-30", "-1", "0"}),
        ({"Span": "MORE_THAN_AGO", "Days": 30}, {"-31", "anniversary"}),
        ({"Span": "WITHIN_NEXT", "Days": 1}, {"0", "1"}),
        ({"Span": "WITHIN_NEXT", "Days": 0}, {"0"}),
        ({"Span": "MORE_THAN_AHEAD", "Days": 1}, {"2"}),
        ({"Span": "ANNIVERSARY"}, {"0", "anniversary"}),
    ],
)
def test_relative_dates_are_whole_days_in_the_projects_zone(project: Project, span: dict[str, Any], expected: set[str]) -> None:
    # 25 November in Seoul began at 15:00 UTC of the 24th, an hour and a half ago.
    first = datetime.datetime(2026, 11, 24, 15, tzinfo=UTC)
    for days in (-31, -30, -1, 0, 1, 2):
        day = first + datetime.timedelta(days=days)
        edge = day if days % 2 else day + datetime.timedelta(days=1, microseconds=-1)  # the day's first and last instants
        make_endpoint(project=project, endpoint_id=str(days), user_attributes={"at": [edge.isoformat()]})
    make_endpoint(project=project, endpoint_id="anniversary", user_attributes={"at": ["1990-11-25"]})
    make_endpoint(project=project, endpoint_id="none", user_attributes={"at": ["soon"]})

    assert found(project, {"Pabal": {"UserRelativeDates": {"at": span}}}) == expected


def test_an_anniversary_of_29_february_comes_on_the_28th_of_other_years(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="leap", attributes={"born": ["2000-02-29"]})
    dimension = {"Pabal": {"RelativeDates": {"born": {"Span": "ANNIVERSARY"}}}}

    assert found(project, dimension, now=datetime.datetime(2027, 2, 28, 3, tzinfo=UTC)) == {"leap"}
    assert found(project, dimension, now=datetime.datetime(2028, 2, 28, 3, tzinfo=UTC)) == set()
    assert found(project, dimension, now=datetime.datetime(2028, 2, 29, 3, tzinfo=UTC)) == {"leap"}


def test_the_first_by_a_metric_and_a_random_choice_that_repeats(project: Project) -> None:
    for number in range(20):
        make_endpoint(project=project, endpoint_id=str(number), metrics={"spend": number // 2})
    make_endpoint(project=project, endpoint_id="none")

    top = {"Count": 3, "By": "METRIC", "Name": "spend"}
    assert found(project, Pabal={"Limit": top}) == {"19", "18", "16"}  # of two with the same metric, the older endpoint
    assert found(project, Pabal={"Limit": top | {"Order": "ASC"}}) == {"0", "1", "2"}
    chosen = found(project, Pabal={"Limit": {"Count": 5, "By": "RANDOM", "Seed": 7}})
    assert len(chosen) == 5
    assert found(project, Pabal={"Limit": {"Count": 5, "By": "RANDOM", "Seed": 7}}) == chosen
    assert len(found(project, Pabal={"Limit": {"Count": 50, "By": "RANDOM"}})) == 21


def record(
    project: Project, endpoint: Endpoint, kind: EventKind, *, source: int, at: datetime.datetime = NOW, **fields: Any
) -> None:
    event = EventRow(
        id=uuid.uuid4(), occurred_at=at, project_id=project.pk, endpoint_id=endpoint.pk, kind=kind,
        source_kind=SourceKind.CAMPAIGN, source_id=source, run_id=source, **fields,
    )  # fmt: skip
    with transaction.atomic():
        record_events(events=[event])


def test_what_became_of_messages(project: Project) -> None:
    sale, news = (make_campaign(project=project, document={}, name=name) for name in ("세일", "소식"))
    reader, clicker, machine, _quiet = (
        make_endpoint(project=project, endpoint_id=key) for key in ("reader", "clicker", "machine", "quiet")
    )
    old = NOW - datetime.timedelta(days=8)
    for endpoint in (reader, clicker, machine):
        record(project, endpoint, EventKind.EMAIL_DELIVERED, source=sale.pk, at=old)
    record(project, reader, EventKind.EMAIL_DELIVERED, source=news.pk)
    record(project, reader, EventKind.EMAIL_OPEN, source=news.pk, hit_class=HitClass.PERSON)
    record(project, machine, EventKind.EMAIL_OPEN, source=sale.pk, hit_class=HitClass.SCANNER)
    record(project, clicker, EventKind.EMAIL_CLICK, source=sale.pk, at=old, hit_class=HitClass.PERSON, link_number=2)

    def did(action: str, **fields: Any) -> dict[str, Any]:
        return {"Pabal": {"Behavior": [{"Action": action} | fields]}}

    def check() -> None:
        assert found(project, did("RECEIVED")) == {"reader", "clicker", "machine"}
        assert found(project, did("RECEIVED", Days=7)) == {"reader"}
        assert found(project, did("RECEIVED", Days=8)) == {"reader", "clicker", "machine"}
        assert found(project, did("RECEIVED", CampaignId=news.public_id)) == {"reader"}
        assert found(project, did("OPENED")) == {"reader"}
        assert found(project, negated(did("OPENED"))) == {"clicker", "machine", "quiet"}
        assert found(project, did("CLICKED", CampaignId=sale.public_id, Link=2)) == {"clicker"}
        assert found(project, did("CLICKED", CampaignId=sale.public_id, Link=1)) == set()
        assert found(project, did("RECEIVED", CampaignId=sale.public_id), negated(did("CLICKED"))) == {"reader", "machine"}
        assert found(project, did("UNSUBSCRIBED")) == set()

    check()
    assert ReachAddition.objects.count() == 4
    assert fold_reach() == 4
    assert not ReachAddition.objects.exists()
    check()
    Reach.objects.all().delete()
    for day in recount.days(project_id=project.pk):
        recount.rebuild(project_id=project.pk, day=day, raise_only=False)
    check()


def test_a_campaign_of_another_project_is_not_known(project: Project) -> None:
    theirs = make_campaign(project=make_project(), document={})
    with pytest.raises(DefinitionRefused, match="does not exist in this project"):
        found(project, {"Pabal": {"Behavior": [{"Action": "OPENED", "CampaignId": theirs.public_id}]}})


def test_groups_are_all_any_none_or_taken_away(project: Project) -> None:
    for key, values in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["y"]), ("d", [])):
        make_endpoint(project=project, endpoint_id=key, attributes={"k": values})
    x, y = ({"Dimensions": [{"Attributes": {"k": {"AttributeType": "INCLUSIVE", "Values": [value]}}}]} for value in "xy")

    def groups(include: str, *listed: dict[str, Any]) -> set[str]:
        document = {"SegmentGroups": {"Include": include, "Groups": list(listed)}}
        ids = evaluate_document(project_id=project.pk, document=document, now=NOW)
        return set(Endpoint.objects.filter(pk__in=list(ids)).values_list("endpoint_id", flat=True))

    assert groups("ALL", x, y) == {"b"}
    assert groups("ANY", x, y) == {"a", "b", "c"}
    assert groups("NONE", x, y) == {"d"}
    assert groups("ALL", x, y | {"Pabal": {"Exclude": True}}) == {"a"}


def test_base_segments_are_all_any_or_none(project: Project) -> None:
    for key, values in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["y"]), ("d", [])):
        make_endpoint(project=project, endpoint_id=key, attributes={"k": values})
    bases = [
        {"Id": create_segment(
            project=project, actor=None, name=value, now=NOW,
            document={"Dimensions": {"Attributes": {"k": {"AttributeType": "INCLUSIVE", "Values": [value]}}}},
        ).public_id}
        for value in "xy"
    ]  # fmt: skip

    assert found(project, SourceSegments=bases, SourceType="ALL") == {"b"}
    assert found(project, SourceSegments=bases, SourceType="ANY") == {"a", "b", "c"}
    assert found(project, SourceSegments=bases, SourceType="NONE") == {"d"}


@pytest.mark.parametrize(
    ("dimension", "sentence"),
    [
        ({"Location": {"GPSPoint": {"Coordinates": {"Latitude": 91, "Longitude": 0}}}}, "a latitude is from -90 to 90"),
        (
            {"Location": {"GPSPoint": {"Coordinates": {"Latitude": 1, "Longitude": 0}, "RangeInKilometers": 0}}},
            "the distance is more than 0",
        ),
        ({"Behavior": {"Recency": {"Duration": "DAY_8", "RecencyType": "ACTIVE"}}}, "activity is ACTIVE or INACTIVE"),
        ({"Pabal": {"RelativeDates": {"at": {"Span": "SOON", "Days": 1}}}}, "this comparison is not known"),
        ({"Pabal": {"RelativeDates": {"at": {"Span": "WITHIN_LAST", "Days": 1.5}}}}, "a number of days is whole"),
        ({"Pabal": {"Behavior": [{"Action": "SLEPT"}]}}, "say what became of the message"),
        ({"Pabal": {"Behavior": [{"Action": "CLICKED", "Link": 1}]}}, "a link is named by its number"),
        ({"Pabal": {"Present": {"Standard": ["Shoe"]}}}, "this standard attribute is not known"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_its_place(dimension: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DefinitionRefused, match=sentence) as refused:
        parse_document({"SegmentGroups": {"Groups": [{"Dimensions": [{}, dimension]}]}})
    assert (refused.value.group, refused.value.filter) == (1, 2)


@pytest.mark.parametrize(
    "limit", [{"Count": 0, "By": "RANDOM"}, {"Count": 1}, {"Count": 1, "By": "METRIC"}, {"Count": 1, "By": "RANDOM", "Seed": -1}]
)
def test_a_limit_that_makes_no_sense_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(DefinitionRefused):
        parse_document({"SegmentGroups": {"Groups": [{"Pabal": {"Limit": limit}}]}})


EVERY_KIND: list[dict[str, Any]] = [
    {"Attributes": {"k": {"AttributeType": "INCLUSIVE", "Values": ["x"]}}},
    {"Attributes": {"k": {"AttributeType": "EXCLUSIVE", "Values": ["x"]}}},
    {"Attributes": {"k": {"AttributeType": "CONTAINS", "Values": ["x%(", "y"]}}},
    {"UserAttributes": {"at": {"AttributeType": "AFTER", "Values": ["2026-11-01"]}}},
    {"UserAttributes": {"at": {"AttributeType": "ON", "Values": ["2026-11-20"]}}},
    {"Metrics": {"m": {"ComparisonOperator": "LESS_THAN", "Value": 5}}},
    {"Pabal": {"Metrics": {"m": {"ComparisonOperator": "BETWEEN", "Value": 2, "To": 4}}}},
    {"Pabal": {"Present": {"Attributes": ["k"], "Standard": ["Location.Country"]}}},
    {"Pabal": {"UserRelativeDates": {"at": {"Span": "WITHIN_LAST", "Days": 5}}}},
    {"Pabal": {"UserRelativeDates": {"at": {"Span": "ANNIVERSARY", "Days": 300}}}},
    {"Demographic": {"Channel": {"DimensionType": "INCLUSIVE", "Values": ["EMAIL"]}}},
    {"Location": {"Country": {"DimensionType": "EXCLUSIVE", "Values": ["KOR"]}}},
    {"Location": {"GPSPoint": {"Coordinates": {"Latitude": 37.5, "Longitude": 127}, "RangeInKilometers": 50}}},
    {"Behavior": {"Recency": {"Duration": "DAY_7", "RecencyType": "ACTIVE"}}},
    {"Behavior": {"Recency": {"Duration": "DAY_7", "RecencyType": "INACTIVE"}}},
    {"Pabal": {"Behavior": [{"Action": "OPENED"}]}},
    {"Pabal": {"OptOut": {"DimensionType": "INCLUSIVE", "Values": ["ALL"]}}},
]


@pytest.fixture
def various(project: Project) -> Project:
    for number in range(12):
        endpoint = make_endpoint(
            project=project, endpoint_id=str(number),
            attributes={"k": [["x", "y"], ["x%("], [], ["z"]][number % 4]} if number % 5 else {},
            metrics={"m": number} if number % 3 else {},
            location={"Country": "KOR", "Latitude": 37.5, "Longitude": 127.0} if number % 2 else {},
            user_attributes={"at": [f"2026-11-{16 + number}"]} if number % 4 else None, opt_out="ALL" if number > 9 else "NONE",
            effective_at=NOW - datetime.timedelta(days=number),
        )  # fmt: skip
        if number % 6 == 0:
            record(project, endpoint, EventKind.EMAIL_OPEN, source=1, hit_class=HitClass.PERSON)
    return project


def by_sql(project: Project, document: dict[str, Any]) -> list[int]:
    query = document_query(project=project, document=document, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(query.text, query.arguments())
        return sorted(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize("match", ["ALL", "ANY", "NONE"])
def test_the_sql_gives_the_ids_that_evaluation_gives(various: Project, match: str) -> None:
    project = various
    members = Audience(Endpoint.objects.filter(project=project).values_list("pk", flat=True)[:9])
    base = make_import_segment(project=project, members=members)
    for first, dimension in enumerate(EVERY_KIND):
        for one in (dimension, negated(dimension)):
            group = {"Dimensions": [one, EVERY_KIND[first - 1]], "Type": match, "SourceSegments": [{"Id": base.public_id}]}
            document = {"SegmentGroups": {"Include": "ALL", "Groups": [group]}}
            expected = sorted(evaluate_document(project_id=project.pk, document=document, now=NOW))
            assert by_sql(project, document) == expected, document


@pytest.mark.parametrize(
    "limit",
    [
        {"Count": 4, "By": "RANDOM", "Seed": 2**31 - 1},
        {"Count": 4, "By": "METRIC", "Name": "m"},
        {"Count": 2, "By": "METRIC", "Name": "m", "Order": "ASC"},
    ],
)
def test_the_sql_takes_the_same_first_and_the_same_random_ones(various: Project, limit: dict[str, Any]) -> None:
    for how in ({}, {"Exclude": True}):
        groups = [{"Dimensions": [EVERY_KIND[0]]}, {"Pabal": {"Limit": limit} | how}]
        document = {"SegmentGroups": {"Include": "ANY", "Groups": groups}}
        expected = sorted(evaluate_document(project_id=various.pk, document=document, now=NOW))
        assert by_sql(various, document) == expected
