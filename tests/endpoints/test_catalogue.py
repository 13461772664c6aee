"""What the builder offers, with exact counts; and the facets of endpoints that were there before facets were."""

from __future__ import annotations

import importlib

import pytest
from django.db import connection

from endpoints import catalogue
from endpoints.catalogue import ValueCount
from endpoints.facets import reading, rebuilding
from endpoints.models import FacetDelta, FacetSubject
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["LIVE", "TOO_MANY"])
def test_values_are_offered_most_frequent_first_with_how_many_carry_them(state: str) -> None:
    project = make_project()
    for likes in (["tea", "Milk"], ["tea"], ["milk tea"]):
        make_endpoint(project=project, attributes={"likes": likes}, location={"Country": "KR"})
    make_endpoint(project=make_project(), attributes={"likes": ["tea", "wine"]})
    FacetSubject.objects.filter(project=project).update(state=state)

    offered = catalogue.values(project=project, kind="ATTRIBUTE", name="likes")
    found = catalogue.values(project=project, kind="ATTRIBUTE", name="likes", like="mILK")

    assert offered[0] == ValueCount("tea", 2)
    assert {(one.value, one.endpoints) for one in offered[1:]} == {("Milk", 1), ("milk tea", 1)}
    assert {one.value for one in found} == {"Milk", "milk tea"}
    assert catalogue.values(project=project, kind="STANDARD", name="Country") == [ValueCount("KR", 3)]


def test_endpoints_that_were_there_before_facets_get_theirs_by_the_migration() -> None:
    project = make_project()
    make_endpoint(project=project, attributes={"likes": ["tea"]}, user_attributes={"grade": ["A"]})
    FacetDelta.objects.all().delete()
    FacetSubject.objects.all().delete()
    reading.forget()
    assert rebuilding.verify(project_id=project.pk) != []

    importlib.import_module("endpoints.migrations.0008_first_facets").build(None, connection.schema_editor())

    assert rebuilding.verify(project_id=project.pk) == []
