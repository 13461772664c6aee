"""Segments from events: who did it, so often, within days, with a value; against plain counting."""

from __future__ import annotations

import datetime
import operator
import uuid
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.events import EventRow
from analytics.models import EventKind, HitClass
from analytics.services.event_types import kinds_of
from analytics.services.record import record_events
from projects.models import Project
from segments.evaluation import DefinitionRefused
from segments.wording import sentence
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project
from tests.segments.test_dimensions import NOW, found

pytestmark = pytest.mark.django_db

NAME = "cart.viewed"
SIGNS = {
    "EQUAL": operator.eq, "GREATER_THAN": operator.gt, "LESS_THAN": operator.lt, "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN_OR_EQUAL": operator.le,
}  # fmt: skip


@pytest.fixture
def project() -> Project:
    return make_project()


def did(**fields: Any) -> dict[str, Any]:
    return {"Pabal": {"Behavior": [{"Event": NAME} | fields]}}


def record(project: Project, *told: tuple[int, int, dict[str, Any]], kind: int | None = None) -> None:
    """Events of (endpoint, days ago, data)."""
    number = kind or kinds_of(project_id=project.pk, names=[NAME])[NAME]
    with transaction.atomic():
        record_events(
            events=[
                EventRow(
                    id=uuid.uuid4(), occurred_at=NOW - datetime.timedelta(days=days), project_id=project.pk, endpoint_id=endpoint,
                    kind=number, data=data,
                )
                for endpoint, days, data in told
            ]
        )  # fmt: skip


told = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 9), st.sampled_from(["shoes", "bags", None]),
        st.sampled_from([1, 5.5, "7", None]),
    ), max_size=25,
)  # fmt: skip
asked = st.fixed_dictionaries(
    {},
    optional={
        "AtLeast": st.integers(1, 3), "Days": st.integers(1, 9),
        "Attributes": st.fixed_dictionaries({"category": st.lists(st.sampled_from(["shoes", "bags", "x"]), min_size=1, max_size=2)}),
        "Metrics": st.fixed_dictionaries(
            {"price": st.fixed_dictionaries({"ComparisonOperator": st.sampled_from(list(SIGNS)), "Value": st.sampled_from([1, 5, 5.5])})}
        ),
    },
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(told, asked)
def test_events_are_counted_as_one_would_count_them(rows: list[Any], condition: dict[str, Any]) -> None:
    project = make_project()
    people = [make_endpoint(project=project, endpoint_id=key) for key in "abcd"]
    record(project, *(
        (people[who].pk, days, {"attributes": {"category": category} if category else {}, "metrics": {"price": price} if price else {}})
        for who, days, category, price in rows
    ))  # fmt: skip

    def holds(row: Any) -> bool:
        _who, days, category, price = row
        metric = condition.get("Metrics", {}).get("price")
        return (
            days <= condition.get("Days", 99)
            and ("Attributes" not in condition or category in condition["Attributes"]["category"])
            and (
                metric is None or (isinstance(price, int | float) and SIGNS[metric["ComparisonOperator"]](price, metric["Value"]))
            )
        )

    expected = {
        key for place, key in enumerate("abcd")
        if sum(row[0] == place and holds(row) for row in rows) >= condition.get("AtLeast", 1)
    }  # fmt: skip
    assert found(project, did(**condition)) == expected
    negated = did(**condition)
    negated["Pabal"]["Negate"] = True
    assert found(project, negated) == set("abcd") - expected


def test_a_type_that_nobody_sent_yet_is_nobody_and_another_projects_is_another(project: Project) -> None:
    make_endpoint(project=project, endpoint_id="a")
    other = make_project()
    theirs = make_endpoint(project=other, endpoint_id="b")
    record(other, (theirs.pk, 0, {}))

    assert found(project, did()) == set()
    assert found(other, did()) == {"b"}


def test_machines_that_click_did_nothing(project: Project) -> None:
    one = make_endpoint(project=project, endpoint_id="a")
    with transaction.atomic():
        record_events(events=[
            EventRow(
                id=uuid.uuid4(), occurred_at=NOW, project_id=project.pk, endpoint_id=one.pk, kind=EventKind.EMAIL_OPEN,
                hit_class=HitClass.SCANNER, data={"attributes": {}},
            )
        ])  # fmt: skip
    for more in ({}, {"AtLeast": 1, "Attributes": {"k": ["v"]}}):
        assert found(project, {"Pabal": {"Behavior": [{"Event": "_email.open"} | more]}}) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"Event": ""}, {"Event": 7}, {"Event": "x" * 51}, {"Event": NAME, "AtLeast": 0}, {"Event": NAME, "AtLeast": "2"},
        {"Event": NAME, "Days": 0}, {"Event": NAME, "Attributes": {"k": []}}, {"Event": NAME, "Attributes": {"k": [7]}},
        {"Event": NAME, "Attributes": []}, {"Event": NAME, "Metrics": {"m": {"ComparisonOperator": "BETWEEN", "Value": 1}}},
        {"Event": NAME, "Metrics": {"m": {"ComparisonOperator": "EQUAL", "Value": "1"}}}, {"Event": NAME, "CampaignId": "x"},
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(project: Project, wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionRefused):
        found(project, {"Pabal": {"Behavior": [wrong]}})


def test_it_is_said_in_words(project: Project) -> None:
    one = did(
        AtLeast=3,
        Days=7,
        Attributes={"category": ["shoes", "bags"]},
        Metrics={"price": {"ComparisonOperator": "GREATER_THAN", "Value": 5}},
    )
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [{"Dimensions": [one], "Type": "ALL"}]}}
    text = sentence(project=project, document=document)
    assert "did “cart.viewed” at least 3 times with category is" in text
    assert "price > 5" in text
    assert "within the last 7 days" in text
