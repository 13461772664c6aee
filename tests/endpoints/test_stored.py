"""The short way of an update, for endpoints that are stored, comes to what the long way comes to."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoints.facets import rebuilding
from endpoints.models import AttributeKind, AttributeName, Endpoint, EndpointUser, OptOutEntry
from endpoints.services import update as updating
from endpoints.services.update import Accepted, update_endpoints
from endpoints.writing.refusals import ItemRefused
from projects.models import Project
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)

_lists = st.sampled_from([[], ["1"], ["2"], ["1", "2"], ["x" * 101]])
_users = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"UserId": st.sampled_from(["u1", "u2"])},
        optional={"UserAttributes": st.dictionaries(st.sampled_from(["n", "o"]), _lists, max_size=2)},
    ),
)
_item = st.fixed_dictionaries(
    {"Id": st.sampled_from(["e1", "E1", "e2", "p1", "p2", "new", ""])},
    optional={
        "ChannelType": st.sampled_from(["EMAIL", "GCM"]),
        "Address": st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "token"]),
        "OptOut": st.sampled_from(["ALL", "NONE"]),
        "Attributes": st.dictionaries(st.sampled_from(["a", "b"]), _lists, max_size=2),
        "Metrics": st.dictionaries(st.sampled_from(["m"]), st.sampled_from([1.0, 2.5]), max_size=1),
        "Location": st.fixed_dictionaries({"City": st.sampled_from(["서울", "부산"])}),
        "User": _users,
    },
)
_batches = st.lists(st.lists(_item, min_size=1, max_size=3), min_size=1, max_size=4)


def update(project: Project, *items: dict[str, Any], hours: int = 0) -> list[Accepted | ItemRefused]:
    now = NOW + datetime.timedelta(hours=hours)
    return update_endpoints(project=project, items=items, source=OptOutEntry.Source.API, now=now)


def begin(project: Project) -> None:
    update(
        project,
        {
            "Id": "e1",
            "ChannelType": "EMAIL",
            "Address": "a@example.com",
            "User": {"UserId": "u1", "UserAttributes": {"n": ["1"]}},
        },
        {"Id": "e2", "ChannelType": "EMAIL", "Address": "b@example.com", "Attributes": {"a": ["1"]}},
        {"Id": "p1", "ChannelType": "GCM", "Address": "token", "User": {"UserId": "u1"}},
    )


def stand(project: Project) -> tuple[Any, ...]:
    """All that is stored of the project's endpoints, but their primary keys."""
    fields = (
        "endpoint_id", "endpoint_key", "channel_type", "address", "address_key", "opt_out", "status", "user__user_id", "attributes",
        "metrics", "demographic", "location", "request_id", "effective_at", "created_at", "updated_at",
    )  # fmt: skip
    return (
        list(Endpoint.objects.filter(project=project).order_by("endpoint_key").values(*fields)),
        list(EndpointUser.objects.filter(project=project).order_by("user_id").values("user_id", "attributes", "updated_at")),
        list(
            AttributeName.objects.filter(project=project).order_by("kind", "name").values_list("kind", "name", "looks_like_date")
        ),
        list(OptOutEntry.objects.filter(project=project).order_by("id").values_list("endpoint__endpoint_key", "opt_out", "at")),
    )


def told(answers: list[Accepted | ItemRefused]) -> list[Any]:
    return [one.is_new if isinstance(one, Accepted) else (one.code, one.column) for one in answers]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_batches)
@override_settings(ENDPOINTS_PER_USER=2)
def test_the_short_way_comes_to_what_the_long_way_does(batches: list[list[dict[str, Any]]]) -> None:
    short, long = make_project(), make_project()
    for project in (short, long):
        begin(project)

    for hour, batch in enumerate(batches, 1):
        answers = told(update(short, *batch, hours=hour))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(updating, "write_stored", lambda **_given: None)
            assert told(update(long, *batch, hours=hour)) == answers

        assert stand(short) == stand(long)
    assert rebuilding.verify(project_id=short.pk) == []


def test_other_attributes_for_a_stored_endpoint_take_three_statements() -> None:
    project = make_project()
    begin(project)
    update(project, {"Id": "e1", "Attributes": {"a": ["1"]}})  # what is prepared is prepared
    item = {
        "Id": "e1", "ChannelType": "EMAIL", "Address": "a@example.com", "Attributes": {"a": ["2"]},
        "User": {"UserId": "u1", "UserAttributes": {"n": ["1"]}},
    }  # fmt: skip
    update(project, item)

    with CaptureQueriesContext(
        connection,
    ) as seen:
        update(project, item | {"Attributes": {"a": ["3"]}})

    statements = [one["sql"] for one in seen.captured_queries if "SAVEPOINT" not in one["sql"]]
    assert len(statements) == 3, statements  # the user, the endpoint, both writes
    assert Endpoint.objects.get(project=project, endpoint_key="e1").attributes == {"a": ["3"]}


def test_a_name_that_was_taken_out_of_the_catalogue_comes_back_with_the_next_value() -> None:
    project = make_project()
    begin(project)
    AttributeName.objects.filter(project=project, name="a").delete()

    update(project, {"Id": "e1", "Attributes": {"a": ["2026-01-01"]}})

    assert AttributeName.objects.get(project=project, name="a").kind == AttributeKind.ATTRIBUTE


def test_a_token_goes_to_the_endpoint_that_is_written_last() -> None:
    project = make_project()
    begin(project)
    update(project, {"Id": "p2", "ChannelType": "GCM", "Address": "token"})

    update(project, {"Id": "p1", "Attributes": {"a": ["2"]}})

    found = dict(Endpoint.objects.filter(project=project, channel_type="GCM").values_list("endpoint_key", "status"))
    assert found == {"p1": "ACTIVE", "p2": "INACTIVE"}
