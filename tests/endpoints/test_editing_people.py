"""A person is edited and deleted by hand, over the services that all writers share."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from core import clock
from endpoints import editing
from endpoints.facets.rebuilding import verify
from endpoints.models import Endpoint, EndpointUser, OptOutEntry
from endpoints.services.update import update_endpoints
from projects.models import AuditEntry, Project, Role
from segments.evaluation import evaluate_document
from tests.factories.endpoints import index, make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def endpoint(project: Project) -> Endpoint:
    return make_endpoint(
        project=project, endpoint_id="Kim-1", address="kim@example.com", user_id="USR-1",
        user_attributes={"name": ["김하나"], "tier": ["gold"]},
        attributes={"likes": ["tea", "milk"], "old": ["x"]}, metrics={"visits": 12.0}, location={"City": "서울"},
        demographic={"Timezone": "Asia/Seoul"},
    )  # fmt: skip


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, endpoint: Endpoint) -> str:
    return reverse(f"endpoints:{name}", args=[endpoint.project.public_id, endpoint.pk])


def form(endpoint: Endpoint) -> dict[str, Any]:
    """What a browser sends when nothing is changed."""
    shown = editing.shown(endpoint)
    data: dict[str, Any] = {"address": shown.address, "opt_out": shown.opt_out, "user_id": shown.user_id}
    for kind in ("attributes", "user_attributes", "metrics"):
        rows = getattr(shown, kind)
        data |= {f"{kind}-name": [row.name for row in rows], f"{kind}-values": [row.text for row in rows]}
    data |= {f"demographic-{name}": value for name, value in shown.demographic.items()}
    data |= {f"location-{name}": value for name, value in shown.location.items()}
    return data | {f"{kind}-known": names for kind, names in shown.known.items()}


def test_what_is_sent_back_unchanged_writes_nothing(project: Project, endpoint: Endpoint) -> None:
    before = Endpoint.objects.values().get()

    answer = logged_in(project.created_by).post(url("edit-person", endpoint), form(endpoint))

    assert answer.status_code == 302
    assert Endpoint.objects.values().get() == before
    assert not AuditEntry.objects.exists()


def test_values_are_changed_added_and_taken_away(project: Project, endpoint: Endpoint) -> None:
    colleague = make_member(project=project)
    data = form(endpoint) | {
        "address": "hana@example.com",
        "attributes-name": ["likes", "colour"],
        "attributes-values": ["tea\r\ncoffee", "red"],
        "user_attributes-name": ["name"],
        "user_attributes-values": ["김두리"],
        "metrics-name": ["visits", "points"],
        "metrics-values": ["13", "1.5"],
        "location-City": "부산",
    }

    answer = logged_in(colleague).post(url("edit-person", endpoint), data)

    assert answer.headers["Location"] == url("show-person", endpoint)
    endpoint = Endpoint.objects.select_related("user").get()
    assert (endpoint.address, endpoint.address_key) == ("hana@example.com", "hana@example.com")
    assert endpoint.attributes == {"likes": ["tea", "coffee"], "colour": ["red"]}
    assert endpoint.user is not None
    assert endpoint.user.attributes == {"name": ["김두리"]}
    assert endpoint.metrics == {"visits": 13, "points": 1.5}
    assert (endpoint.location, endpoint.demographic) == ({"City": "부산"}, {"Timezone": "Asia/Seoul"})
    assert verify(project_id=project.pk) == []
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor) == ("endpoint.edited", colleague)
    assert entry.data == {"fields": ["Address", "Attributes", "Location", "Metrics", "User"]}


DIMENSIONS = (
    {"Metrics": {"visits": {"ComparisonOperator": "GREATER_THAN", "Value": 1}}},
    {"Location": {"Country": {"DimensionType": "INCLUSIVE", "Values": ["KR"]}}},
    {"Demographic": {"Platform": {"DimensionType": "INCLUSIVE", "Values": ["ios"]}}},
)


def counts(project: Project) -> list[int]:
    """What the builder counts for a filter on each of the fields."""
    documents = [{"SegmentGroups": {"Groups": [{"Dimensions": [one], "Type": "ALL"}]}} for one in DIMENSIONS]
    return [len(evaluate_document(project_id=project.pk, document=one, now=clock.now())) for one in documents]


def test_a_metric_a_place_and_a_demographic_field_are_emptied_and_the_counts_follow(project: Project, endpoint: Endpoint) -> None:
    make_endpoint(
        project=project, metrics={"visits": 5.0, "points": 1.0}, location={"Country": "KR"}, demographic={"Platform": "ios"}
    )  # fmt: skip
    Endpoint.objects.filter(pk=endpoint.pk).update(
        demographic={"Timezone": "Asia/Seoul", "Platform": "ios"}, location={"Country": "KR", "City": "서울"}
    )  # fmt: skip
    index([endpoint.pk])
    endpoint.refresh_from_db()
    assert counts(project) == [2, 2, 2]
    data = form(endpoint) | {"metrics-name": [], "metrics-values": [], "location-Country": "", "demographic-Platform": ""}

    answer = logged_in(project.created_by).post(url("edit-person", endpoint), data)

    assert answer.status_code == 302
    assert counts(project) == [1, 1, 1]
    before, endpoint = endpoint, Endpoint.objects.get(pk=endpoint.pk)
    assert (endpoint.metrics, endpoint.location, endpoint.demographic) == ({}, {"City": "서울"}, {"Timezone": "Asia/Seoul"})
    assert endpoint.attributes == before.attributes
    assert endpoint.updated_at > before.updated_at
    assert verify(project_id=project.pk) == []
    entry = AuditEntry.objects.get()
    assert entry.data == {"fields": ["Demographic", "Location", "Metrics"]}


def test_a_metric_whose_number_is_emptied_is_taken_away_and_others_change(project: Project, endpoint: Endpoint) -> None:
    data = form(endpoint) | {
        "metrics-name": ["visits", "points"], "metrics-values": [" ", "2"], "location-City": "", "location-Country": "KR",
    }  # fmt: skip

    logged_in(project.created_by).post(url("edit-person", endpoint), data)

    endpoint.refresh_from_db()
    assert (endpoint.metrics, endpoint.location) == ({"points": 2}, {"Country": "KR"})
    assert verify(project_id=project.pk) == []


def test_a_field_that_another_wrote_after_the_form_was_shown_is_not_emptied(project: Project, endpoint: Endpoint) -> None:
    data = form(endpoint)
    update_endpoints(
        project=project, source=OptOutEntry.Source.API, now=clock.now(),
        items=[{"Id": "Kim-1", "Metrics": {"new": 1}, "Location": {"Country": "KR"}, "Demographic": {"Make": "x"}}],
    )  # fmt: skip

    logged_in(project.created_by).post(url("edit-person", endpoint), data | {"metrics-name": [], "metrics-values": []})

    endpoint.refresh_from_db()
    assert endpoint.metrics == {"new": 1}
    assert endpoint.location == {"City": "서울", "Country": "KR"}
    assert endpoint.demographic == {"Timezone": "Asia/Seoul", "Make": "x"}


def test_a_refused_document_empties_nothing(project: Project, endpoint: Endpoint) -> None:
    before = Endpoint.objects.values().get()

    answer = logged_in(project.created_by).post(
        url("edit-person", endpoint), form(endpoint) | {"location-City": "", "address": "not an address"}
    )

    assert "is not an e-mail address" in answer.content.decode()
    assert 'name="location-known" value="City"' in answer.content.decode()
    assert Endpoint.objects.values().get() == before


def test_an_absent_or_empty_field_of_a_request_keeps_what_was_there(project: Project, endpoint: Endpoint) -> None:
    update_endpoints(
        project=project, source=OptOutEntry.Source.API, now=clock.now(),
        items=[{"Id": "Kim-1", "Metrics": {}, "Location": {"City": ""}, "Demographic": {"Timezone": None}}],
    )  # fmt: skip

    endpoint.refresh_from_db()
    assert (endpoint.metrics, endpoint.location) == ({"visits": 12}, {"City": "서울"})
    assert endpoint.demographic == {"Timezone": "Asia/Seoul"}


def test_opting_out_in_the_form_is_written_down_with_who(project: Project, endpoint: Endpoint) -> None:
    logged_in(project.created_by).post(url("edit-person", endpoint), form(endpoint) | {"opt_out": "ALL"})

    entry = OptOutEntry.objects.get()
    assert (entry.opt_out, entry.source, entry.actor_id) == ("ALL", "CONSOLE", project.created_by_id)


def test_what_another_wrote_meanwhile_is_not_taken_away(project: Project, endpoint: Endpoint) -> None:
    data = form(endpoint)
    Endpoint.objects.update(attributes={"likes": ["tea", "milk"], "old": ["x"], "new": ["kept"]})

    logged_in(project.created_by).post(
        url("edit-person", endpoint), data | {"attributes-name": ["likes"], "attributes-values": ["tea"]}
    )

    assert Endpoint.objects.get().attributes == {"likes": ["tea"], "new": ["kept"]}


def test_an_endpoint_moves_to_another_user(project: Project, endpoint: Endpoint) -> None:
    other = make_endpoint(project=project, user_id="USR-2", user_attributes={"name": ["이"]})

    logged_in(project.created_by).post(
        url("edit-person", endpoint),
        form(endpoint) | {"user_id": "USR-2", "user_attributes-name": [], "user_attributes-values": []},
    )

    endpoint.refresh_from_db()
    assert endpoint.user_id == other.user_id
    assert EndpointUser.objects.get(user_id="USR-2").attributes == {"name": ["이"]}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"address": "not an address"}, "is not an e-mail address"),
        ({"metrics-name": ["visits"], "metrics-values": ["many"]}, "is a metric: write a number"),
        ({"metrics-name": ["visits"], "metrics-values": ["nan"]}, "is a metric: write a number"),
        ({"attributes-name": ["a", "a"], "attributes-values": ["1", "2"]}, "stands there twice"),
        ({"attributes-name": [""], "attributes-values": ["1"]}, "has no name"),
        ({"attributes-name": ["a"], "attributes-values": ["x" * 101]}, "100 characters at most"),
        ({"location-Country": "Korea"}, "is not a country code"),
        ({"location-Latitude": "north"}, "write a number"),
    ],
)
def test_what_can_not_be_is_refused_and_the_form_keeps_it(
    project: Project, endpoint: Endpoint, change: dict[str, Any], sentence: str
) -> None:
    before = Endpoint.objects.values().get()

    answer = logged_in(project.created_by).post(url("edit-person", endpoint), form(endpoint) | change)

    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert Endpoint.objects.values().get() == before
    assert not AuditEntry.objects.exists()


def test_user_attributes_need_a_user(project: Project) -> None:
    endpoint = make_endpoint(project=project)

    with pytest.raises(editing.EditRefused):
        editing.document(
            endpoint=endpoint,
            edited=editing.sent(QueryDict("user_attributes-name=a&user_attributes-values=b&address=&opt_out=NONE")),
        )


def test_an_endpoint_is_deleted_and_its_user_with_the_last_one(project: Project, endpoint: Endpoint) -> None:
    other = make_endpoint(project=project, user_id="USR-1")
    client = logged_in(project.created_by)

    client.post(url("delete-endpoint", endpoint))
    left = (Endpoint.objects.get(), EndpointUser.objects.count())
    client.post(url("delete-endpoint", other))

    assert left == (other, 1)
    assert (Endpoint.objects.count(), EndpointUser.objects.count()) == (0, 0)
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["endpoint.deleted", "endpoint.deleted"]


def test_a_user_is_deleted_with_all_endpoints(project: Project, endpoint: Endpoint) -> None:
    make_endpoint(project=project, user_id="USR-1")
    stays = make_endpoint(project=project)
    client = logged_in(project.created_by)

    client.post(url("delete-user", endpoint))
    without = client.post(url("delete-user", stays), follow=True).content.decode()

    assert Endpoint.objects.get() == stays
    assert not EndpointUser.objects.exists()
    assert AuditEntry.objects.get().data == {"endpoints": 2}
    assert verify(project_id=project.pk) == []
    assert "This endpoint has no user." in without


@pytest.mark.parametrize("name", ["edit-person", "delete-endpoint", "delete-user"])
def test_a_viewer_changes_nothing_and_a_stranger_finds_nothing(project: Project, endpoint: Endpoint, name: str) -> None:
    viewer, stranger = make_member(project=project, role=Role.VIEWER), make_project()

    assert logged_in(viewer).post(url(name, endpoint), form(endpoint)).status_code == 403
    assert logged_in(stranger.created_by).post(url(name, endpoint), form(endpoint)).status_code == 404
    theirs = reverse(f"endpoints:{name}", args=[stranger.public_id, endpoint.pk])
    assert logged_in(stranger.created_by).post(theirs).status_code == 404
    assert Endpoint.objects.get() == endpoint
