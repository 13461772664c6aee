"""Facets, plain SQL and a naive reading of the rules give the same members, whatever is written and asked, before a fold and after it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audience import Audience
from endpoints import eligibility
from endpoints.facets import folding, reading, rebuilding
from endpoints.models import Endpoint, FacetSubject, OptOut, OptOutEntry
from endpoints.queries import endpoint_rows
from endpoints.services import opt_out, update
from projects.models import Project
from segments.evaluation import evaluate_document
from tests.factories.projects import make_project

UTC = datetime.UTC
NOW = datetime.datetime(2026, 11, 24, tzinfo=UTC)
# What the texts are, by hand: any other text is neither an instant nor a number.
INSTANTS = {
    "2026-03-01": datetime.datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T09:00:00+09:00": datetime.datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T23:30:00-01:00": datetime.datetime(2026, 3, 2, 0, 30, tzinfo=UTC),
    "2026-03-02 12:00": datetime.datetime(2026, 3, 2, 12, tzinfo=UTC),
    "2024-02-29T00:00:00.0000005Z": datetime.datetime(2024, 2, 29, tzinfo=UTC),
    "9999-12-31T23:59:59Z": datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}
NUMBERS = {
    "1": Decimal(1),
    "1.0": Decimal(1),
    "01": Decimal(1),
    "-3.50": Decimal("-3.5"),
    "1e2": Decimal(100),
    "250": Decimal(250),
}
NEITHER = ("", "2026-02-30", "2026-3-1", " 1", "1,000", "서울", "서울역", "a%b_c\\d", "'); --", "NONE", "é", "Z")
TEXTS = st.sampled_from([*INSTANTS, *NUMBERS, *NEITHER])
ASKED = st.sampled_from([text for text in (*INSTANTS, *NUMBERS, *NEITHER) if text])
NAMES = st.sampled_from(["a", "서울", "b c"])
LISTS = st.dictionaries(NAMES, st.lists(TEXTS, max_size=3), max_size=2)
METRICS = st.dictionaries(st.sampled_from(["m", "n"]), st.sampled_from([0.0, 1.0, 1.5, -3.5, 100.0, 1e20, 0.1]), max_size=2)
CHANNELS = st.sampled_from(["EMAIL", "SMS", "GCM", "CUSTOM"])
ADDRESSES = {
    "EMAIL": ["a@example.com", "A@example.com", "b@example.com"],
    "SMS": ["+821012345678", "+821087654321"],
    "GCM": ["token-1", "token-2"],
    "CUSTOM": ["x", "y"],
}
IDS = st.sampled_from(["e1", "E1", "e2", "e3", "e4", "e5"])
USERS = st.sampled_from(["u1", "u2"])


@st.composite
def endpoint(draw: Any) -> dict[str, Any]:
    channel = draw(CHANNELS)
    document: dict[str, Any] = {"Id": draw(IDS), "ChannelType": channel, "Address": draw(st.sampled_from(ADDRESSES[channel]))}
    document |= {"Attributes": draw(LISTS), "Metrics": draw(METRICS)}
    if draw(st.booleans()):
        document["Location"] = {"Country": draw(st.sampled_from(["KR", "US"])), "City": draw(st.sampled_from(["서울", "Z", "é"]))}
    if draw(st.booleans()):
        zone = draw(st.sampled_from(["Asia/Seoul", "Europe/London", "Nowhere/At all"]))
        document["Demographic"] = {"Platform": draw(st.sampled_from(["iOS", "서울", "1.0"])), "Timezone": zone}
    if draw(st.booleans()):
        document["OptOut"] = draw(st.sampled_from(["ALL", "NONE"]))
    if draw(st.booleans()):
        document["User"] = {"UserId": draw(USERS), "UserAttributes": draw(LISTS)}
    return document


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(endpoint(), min_size=1, max_size=3)),
        st.tuples(st.just("write"), st.lists(endpoint(), min_size=1, max_size=3)),
        st.tuples(st.just("delete"), IDS),
        st.tuples(st.just("delete user"), USERS),
        st.tuples(st.just("opt out"), st.sampled_from(list(OptOut))),
        st.tuples(st.just("fold"), st.none()),
        st.tuples(st.just("ask"), st.none()),
    ),
    min_size=3,
    max_size=10,
)

attribute_filters = st.one_of(
    st.fixed_dictionaries(
        {
            "AttributeType": st.sampled_from(["INCLUSIVE", "EXCLUSIVE", "CONTAINS"]),
            "Values": st.lists(ASKED, min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {
            "AttributeType": st.sampled_from(["BEFORE", "AFTER", "ON", "BETWEEN"]),
            "Values": st.lists(st.sampled_from(list(INSTANTS)), min_size=2, max_size=2),
        }
    ),
)
numbers = st.sampled_from([-4, 0, 1, 1.5, 100, 1e20])
comparisons = st.fixed_dictionaries(
    {
        "ComparisonOperator": st.sampled_from(
            ["EQUAL", "GREATER_THAN", "LESS_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN_OR_EQUAL"]
        ),
        "Value": numbers,
    }
)
own_comparisons = st.one_of(
    comparisons, st.fixed_dictionaries({"ComparisonOperator": st.just("BETWEEN"), "Value": numbers, "To": numbers})
)


def a_set(values: Any) -> Any:
    return st.fixed_dictionaries(
        {"DimensionType": st.sampled_from(["INCLUSIVE", "EXCLUSIVE"]), "Values": st.lists(values, min_size=1, max_size=2)}
    )


dimensions = st.fixed_dictionaries(
    {},
    optional={
        "Attributes": st.dictionaries(NAMES, attribute_filters, max_size=2),
        "UserAttributes": st.dictionaries(NAMES, attribute_filters, max_size=2),
        "Metrics": st.dictionaries(st.sampled_from(["m", "n"]), comparisons, max_size=1),
        "Demographic": st.fixed_dictionaries(
            {},
            optional={
                "Channel": a_set(st.sampled_from(["EMAIL", "SMS", "GCM", "PUSH"])),
                "Platform": a_set(st.sampled_from(["iOS", "서울", "Android"])),
            },
        ),
        "Location": st.fixed_dictionaries({}, optional={"Country": a_set(st.sampled_from(["KR", "US"]))}),
        "Pabal": st.fixed_dictionaries(
            {},
            optional={
                "Negate": st.booleans(),
                "Location": st.fixed_dictionaries({"City": a_set(st.sampled_from(["서울", "Z"]))}),
                "OptOut": a_set(st.sampled_from(["ALL", "NONE"])),
                "EndpointStatus": a_set(st.sampled_from(["ACTIVE", "INACTIVE"])),
                "UserId": a_set(USERS),
                "AttributesAsNumber": st.dictionaries(NAMES, own_comparisons, max_size=1),
                "UserAttributesAsNumber": st.dictionaries(NAMES, own_comparisons, max_size=1),
            },
        ),
    },
)
groups = st.fixed_dictionaries(
    {"Type": st.sampled_from(["ALL", "ANY", "NONE"]), "Dimensions": st.lists(dimensions, min_size=1, max_size=3)}
)
documents = st.fixed_dictionaries(
    {
        "SegmentGroups": st.fixed_dictionaries(
            {"Include": st.sampled_from(["ALL", "ANY", "NONE"]), "Groups": st.lists(groups, min_size=1, max_size=2)}
        )
    }
)

# -- the rules, read naively ---------------------------------------------------------------------------------------------------------

COMBINED: dict[str, Callable[[list[bool]], bool]] = {"ALL": all, "ANY": any, "NONE": lambda parts: not any(parts)}
COMPARED: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "EQUAL": lambda it, value: it == value,
    "GREATER_THAN": lambda it, value: it > value,
    "LESS_THAN": lambda it, value: it < value,
    "GREATER_THAN_OR_EQUAL": lambda it, value: it >= value,
    "LESS_THAN_OR_EQUAL": lambda it, value: it <= value,
}
PUSH = ["PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU"]


def is_member(held: dict[str, Any], document: dict[str, Any]) -> bool:
    groups = document["SegmentGroups"]
    return COMBINED[groups["Include"]]([is_in_group(held, group) for group in groups["Groups"]])


def is_in_group(held: dict[str, Any], group: dict[str, Any]) -> bool:
    """A dimension that asks nothing is as good as none, and a group without dimensions is everybody."""
    asked = [one for one in group["Dimensions"] if asks(one)]
    return not asked or COMBINED[group["Type"]]([meets(held, one) for one in asked])


def asks(dimension: dict[str, Any]) -> bool:
    own = {name: one for name, one in dimension.get("Pabal", {}).items() if name != "Negate" and one}
    return any((dimension | {"Pabal": own}).values())


def meets(held: dict[str, Any], dimension: dict[str, Any]) -> bool:
    own = dimension.get("Pabal", {})
    user = held["User"]
    parts = [
        *(attribute(held["Attributes"].get(name, []), one) for name, one in dimension.get("Attributes", {}).items()),
        *(
            attribute(user.get("UserAttributes", {}).get(name, []), one)
            for name, one in dimension.get("UserAttributes", {}).items()
        ),
        *(compared(metric(held, name), one) for name, one in dimension.get("Metrics", {}).items()),
        *(compared(as_numbers(held["Attributes"].get(name, [])), one) for name, one in own.get("AttributesAsNumber", {}).items()),
        *(
            compared(as_numbers(user.get("UserAttributes", {}).get(name, [])), one)
            for name, one in own.get("UserAttributesAsNumber", {}).items()
        ),
    ]
    demographic, location = dimension.get("Demographic", {}), dimension.get("Location", {}) | own.get("Location", {})
    if "Channel" in demographic:
        channel = demographic["Channel"]
        wanted = [*channel["Values"], *(PUSH if "PUSH" in channel["Values"] else [])]
        parts.append(one_of(held["ChannelType"], channel | {"Values": wanted}))
    if "Platform" in demographic:
        parts.append(one_of(held["Demographic"].get("Platform"), demographic["Platform"]))
    parts += [one_of(held["Location"].get(name), location[name]) for name in ("Country", "City") if name in location]
    parts += [one_of(held[name], own[name]) for name in ("OptOut", "EndpointStatus") if name in own]
    if "UserId" in own:
        parts.append(one_of(user.get("UserId"), own["UserId"]))
    return all(parts) != own.get("Negate", False)


def one_of(value: str | None, asked: dict[str, Any]) -> bool:
    return (value in asked["Values"]) != (asked["DimensionType"] == "EXCLUSIVE")


def attribute(held: list[str], asked: dict[str, Any]) -> bool:
    values = asked["Values"]
    match asked["AttributeType"]:
        case "INCLUSIVE":
            return any(text in values for text in held)
        case "EXCLUSIVE":
            return not any(text in values for text in held)
        case "CONTAINS":
            return any(part in text for text in held for part in values)
    known = [INSTANTS[text] for text in held if text in INSTANTS]
    instants = [INSTANTS[text] for text in values]
    match asked["AttributeType"]:
        case "BEFORE":
            return any(one < instant for one in known for instant in instants)
        case "AFTER":
            return any(one > instant for one in known for instant in instants)
        case "ON":
            return any(one.date() == instant.date() for one in known for instant in instants)
    return any(min(instants) <= one <= max(instants) for one in known)


def metric(held: dict[str, Any], name: str) -> list[Decimal]:
    return [Decimal(repr(held["Metrics"][name]))] if name in held["Metrics"] else []


def as_numbers(held: list[str]) -> list[Decimal]:
    return [NUMBERS[text] for text in held if text in NUMBERS]


def compared(held: list[Decimal], asked: dict[str, Any]) -> bool:
    value = Decimal(repr(asked["Value"]))
    if asked["ComparisonOperator"] == "BETWEEN":
        low, high = sorted((value, Decimal(repr(asked["To"]))))
        return any(low <= one <= high for one in held)
    return any(COMPARED[asked["ComparisonOperator"]](one, value) for one in held)


# -- the three ways ------------------------------------------------------------------------------------------------------------------


def naive(project: Project, document: dict[str, Any]) -> set[int]:
    ids = list(Endpoint.objects.filter(project=project).values_list("pk", flat=True))
    return {row.id for row in endpoint_rows(project_id=project.pk, ids=ids) if is_member(row.document, document)}


def evaluated(project: Project, document: dict[str, Any]) -> set[int]:
    return set(evaluate_document(project_id=project.pk, document=document, now=NOW))


def by_sql(project: Project, document: dict[str, Any]) -> set[int]:
    """With no facet that may answer."""
    with transaction.atomic():
        FacetSubject.objects.filter(project=project).update(state="TOO_MANY")
        members = evaluated(project, document)
        transaction.set_rollback(True)
    return members


def divided(project: Project, members: set[int]) -> tuple[object, ...]:
    """Who can be sent to on each channel, who can't and why, and everybody's zone."""
    asked = Audience(members)
    return (
        *(
            eligibility.eligibility(project_id=project.pk, members=asked, channels=(channel,))
            for channel in ("EMAIL", "SMS", "GCM", "CUSTOM")
        ),
        eligibility.zones(project_id=project.pk, members=asked),
    )


def divided_by_sql(project: Project, members: set[int]) -> tuple[object, ...]:
    with transaction.atomic():
        FacetSubject.objects.filter(project=project).update(state="TOO_MANY")
        found = divided(project, members)
        transaction.set_rollback(True)
    return found


def take(project: Project, what: str, given: Any) -> None:
    match what:
        case "write":
            update.update_endpoints(project=project, items=given, source=OptOutEntry.Source.API, now=NOW)
        case "delete":
            update.delete_endpoints(project=project, endpoint_ids=[given])
        case "delete user":
            update.delete_user_endpoints(project=project, user_id=given)
        case "opt out":
            somebody = Endpoint.objects.filter(project=project).order_by("pk").values_list("pk", flat=True).first()
            if somebody is not None:
                opt_out.set_opt_out(
                    project_id=project.pk, endpoint_id=somebody, opt_out=given, source=OptOutEntry.Source.LINK, now=NOW
                )
        case "fold":
            folding.fold_project(project_id=project.pk)


@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(steps=STEPS, asked=st.lists(documents, min_size=2, max_size=4))
def test_facets_sql_and_the_rules_agree(steps: list[tuple[str, Any]], asked: list[dict[str, Any]]) -> None:
    reading.forget()
    project, other = make_project(), make_project()
    for what, given_ in steps:
        if what != "ask":
            take(project, what, given_)
            if what == "write":
                take(other, what, given_)
            continue
        for document in asked:
            assert evaluated(project, document) == naive(project, document)
    strangers = set(Endpoint.objects.filter(project=other).values_list("pk", flat=True))
    for folded in (False, True):
        if folded:
            folding.fold_project(project_id=project.pk)
        assert rebuilding.verify(project_id=project.pk) == []
        everybody = set(Endpoint.objects.filter(project=project).values_list("pk", flat=True)) | {2**40}
        assert divided(project, everybody | strangers) == divided_by_sql(project, everybody | strangers)
        for document in asked:
            expected = naive(project, document)
            assert evaluated(project, document) == expected
            assert by_sql(project, document) == expected
            assert not expected & strangers


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["x", "x' OR 1=1 --", "%", "x\\", "e.project_id", "{condition}", "%(project)s"])
def test_no_name_or_value_reaches_another_project(value: str) -> None:
    mine, other = make_project(), make_project()
    for project in (mine, other):
        given_ = {"Id": "e", "ChannelType": "EMAIL", "Address": "a@example.com", "Attributes": {value: [value]}}
        take(project, "write", [given_ | {"User": {"UserId": value, "UserAttributes": {value: [value]}}}])
    theirs = set(Endpoint.objects.filter(project=other).values_list("pk", flat=True))
    own = {"UserId": {"DimensionType": "INCLUSIVE", "Values": [value]}}
    for kind in ("INCLUSIVE", "CONTAINS"):
        named = {value: {"AttributeType": kind, "Values": [value]}}
        for dimension in ({"Attributes": named}, {"UserAttributes": named}, {"Pabal": own}):
            document = {"SegmentGroups": {"Groups": [{"Type": "ALL", "Dimensions": [dimension]}]}}
            for members in (evaluated(mine, document), by_sql(mine, document)):
                assert len(members) == 1
                assert not members & theirs
