"""How many endpoints a project has and can reach: by the index, and by SQL where a part of it is being rebuilt."""

from __future__ import annotations

import pytest

from endpoints import eligibility
from endpoints.models import FacetState, FacetSubject
from projects.models import Project
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project()
    make_endpoint(project=project)
    make_endpoint(project=project, opt_out="ALL")
    make_endpoint(project=project, status="INACTIVE")
    make_endpoint(project=project, address="")
    make_endpoint(project=project, channel_type="SMS", address="+821012345678")
    make_endpoint(project=make_project())
    return project


@pytest.mark.parametrize("state", [FacetState.LIVE, FacetState.FILLING])
def test_who_can_get_a_message_is_counted_both_ways(project: Project, state: str) -> None:
    FacetSubject.objects.filter(project=project, name="OptOut").update(state=state)
    assert eligibility.totals(project_id=project.pk) == eligibility.Totals(endpoints=5, reachable=2)


def test_a_new_project_has_none() -> None:
    assert eligibility.totals(project_id=make_project().pk) == eligibility.Totals(endpoints=0, reachable=0)
