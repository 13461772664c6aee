"""RemoveAttributes: names are taken from everybody, batch by batch."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from endpoints.facets.rebuilding import verify
from endpoints.models import AttributeKind, AttributeName, AttributeRemoval, Endpoint, EndpointUser, FacetSubject
from endpoints.services import catalogue, removing_attributes
from projects.models import AuditEntry, Project, Role
from tests.campaigns.test_sending import Clock
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def project() -> Project:
    project = make_project()
    names = {
        AttributeKind.ATTRIBUTE: {"old_a": False, "old_b": False, "likes": False},
        AttributeKind.USER_ATTRIBUTE: {"old_a": False},
        AttributeKind.METRIC: {"old_a": False, "visits": False},
    }
    catalogue.note_names(project=project, names=names)
    return project


def remove(project: Project, clock: Clock, kind: AttributeKind, *patterns: str) -> AttributeRemoval:
    removal = removing_attributes.remove_attributes(
        project=project, actor=project.created_by, kind=kind, patterns=list(patterns), now=clock()
    )
    removing_attributes.run_removal(removal_id=removal.pk, clock=clock)
    removal.refresh_from_db()
    return removal


def names(project: Project) -> set[tuple[str, str]]:
    return set(AttributeName.objects.filter(project=project).values_list("kind", "name"))


def test_names_and_beginnings_are_taken_from_all_endpoints_of_the_kind(project: Project, clock: Clock) -> None:
    first = make_endpoint(
        project=project, attributes={"old_a": ["1"], "old_b": ["2"], "likes": ["tea"]}, metrics={"old_a": 1.0},
        user_attributes={"old_a": ["3"]},
    )  # fmt: skip
    make_endpoint(project=project, attributes={"likes": ["tea"]})
    theirs = make_endpoint(project=make_project(), attributes={"old_a": ["1"]})

    removal = remove(project, clock, AttributeKind.ATTRIBUTE, "old_*")

    first.refresh_from_db()
    theirs.refresh_from_db()
    assert (first.attributes, first.metrics, first.user.attributes) == ({"likes": ["tea"]}, {"old_a": 1.0}, {"old_a": ["3"]})
    assert theirs.attributes == {"old_a": ["1"]}
    assert verify(project_id=project.pk) == []
    assert (removal.state, removal.names, removal.changed) == ("DONE", ["old_a", "old_b"], 1)
    assert names(project) == {
        ("ATTRIBUTE", "likes"), ("USER_ATTRIBUTE", "old_a"), ("METRIC", "old_a"), ("METRIC", "visits"),
    }  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.data) == ("attributes.removed", {"kind": "ATTRIBUTE", "names": ["old_a", "old_b"]})


def test_metrics_and_users_attributes_are_taken_too(project: Project, clock: Clock) -> None:
    endpoint = make_endpoint(project=project, metrics={"visits": 2.0, "old_a": 1.0}, user_attributes={"old_a": ["3"], "x": ["4"]})

    remove(project, clock, AttributeKind.METRIC, "visits")
    removal = remove(project, clock, AttributeKind.USER_ATTRIBUTE, "old_a")

    endpoint.refresh_from_db()
    assert endpoint.metrics == {"old_a": 1.0}
    assert EndpointUser.objects.get().attributes == {"x": ["4"]}
    assert verify(project_id=project.pk) == []
    assert removal.changed == 1


@pytest.mark.parametrize("patterns", [["OLD_A"], ["old"], ["old_?"], ["old_[ab]"], ["*x"]])
def test_what_fits_no_name_is_refused(project: Project, clock: Clock, patterns: list[str]) -> None:
    with pytest.raises(removing_attributes.RemovalRefused):
        remove(project, clock, AttributeKind.ATTRIBUTE, *patterns)

    assert len(names(project)) == 6
    assert not AttributeRemoval.objects.exists()


def test_it_goes_on_batch_by_batch_where_a_killed_worker_stood(
    project: Project, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing_attributes, "BATCH", 2)
    for _number in range(5):
        make_endpoint(project=project, attributes={"old_a": ["1"]})
    removal = removing_attributes.remove_attributes(
        project=project, actor=None, kind=AttributeKind.ATTRIBUTE, patterns=["old_a"], now=clock()
    )
    reads = iter(range(3))

    def dying() -> datetime.datetime:
        if next(reads, None) is None:
            raise ZeroDivisionError
        return clock()

    with pytest.raises(ZeroDivisionError):
        removing_attributes.run_removal(removal_id=removal.pk, clock=dying)
    removal.refresh_from_db()
    left = Endpoint.objects.filter(attributes__has_key="old_a").count()
    held = removing_attributes.due_removals(now=clock())
    clock.pass_(minutes=3)
    free = removing_attributes.due_removals(now=clock())
    removing_attributes.run_removal(removal_id=removal.pk, clock=clock)

    assert (removal.changed, left, held, free) == (4, 1, [], [removal.pk])
    removal.refresh_from_db()
    assert (removal.state, removal.changed) == ("DONE", 5)
    assert not Endpoint.objects.filter(attributes__has_key="old_a").exists()


def logged_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_page_shows_the_names_and_asks_before_it_removes(project: Project) -> None:
    colleague = make_member(project=project)
    client = logged_in(colleague)
    address = reverse("endpoints:remove-attributes", args=[project.public_id])

    page = client.get(reverse("endpoints:list-attributes", args=[project.public_id])).content.decode()
    asked = client.post(address, {"kind": "ATTRIBUTE", "patterns": "old_*, likes"})
    before = AttributeRemoval.objects.count()
    wrong = client.post(address, {"kind": "ATTRIBUTE", "patterns": "nothing*"})
    done = client.post(address, {"kind": "ATTRIBUTE", "patterns": "old_*, likes", "confirmed": "1"})

    assert "6 of 250 names are used." in page
    assert asked.context["names"] == ["likes", "old_a", "old_b"]
    assert before == 0
    assert "No attribute has such a name." in wrong.content.decode()
    assert done.status_code == 302
    removal = AttributeRemoval.objects.get()
    assert (removal.names, removal.requested_by) == (["likes", "old_a", "old_b"], colleague)


def test_how_many_carry_a_name_is_exact(project: Project) -> None:
    make_endpoint(project=project, attributes={"likes": ["tea", "milk"]}, user_attributes={"old_a": ["1"]}, user_id="u")
    make_endpoint(project=project, attributes={"likes": ["tea"]}, user_attributes={"old_a": ["1"]}, user_id="u")
    make_endpoint(project=project, metrics={"visits": 0.0})
    client = logged_in(project.created_by)
    address = reverse("endpoints:count-attribute", args=[project.public_id])

    def count(kind: str, name: str) -> str:
        return client.get(address, {"kind": kind, "name": name}).content.decode().strip()

    assert [count("ATTRIBUTE", "likes"), count("USER_ATTRIBUTE", "old_a"), count("METRIC", "visits")] == ["2", "2", "1"]
    assert [count("ATTRIBUTE", "old_a"), count("NO_KIND", "likes")] == ["0", "–"]
    FacetSubject.objects.update(state="TOO_MANY")
    assert count("ATTRIBUTE", "likes") == "–"


def test_a_viewer_looks_and_a_stranger_sees_nothing(project: Project) -> None:
    viewer, stranger = make_member(project=project, role=Role.VIEWER), make_project().created_by
    page, act = (reverse(f"endpoints:{name}", args=[project.public_id]) for name in ("list-attributes", "remove-attributes"))
    given = {"kind": "ATTRIBUTE", "patterns": "likes", "confirmed": "1"}

    assert logged_in(viewer).get(page).status_code == 200
    assert logged_in(viewer).post(act, given).status_code == 403
    assert logged_in(stranger).get(page).status_code == 404
    assert logged_in(stranger).post(act, given).status_code == 404
    assert len(names(project)) == 6
