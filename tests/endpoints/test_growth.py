"""Days and months of an audience: counted by a tick, read from sets."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from core.audience import Audience
from endpoints import demographics, facets
from endpoints.facets import folding, reading, store
from endpoints.models import ArrivalMonth, AudienceDay, Endpoint
from endpoints.services import growth
from endpoints.services.opt_out import set_opt_out
from endpoints.services.people import delete_endpoint
from projects.models import Project
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, 16, tzinfo=datetime.UTC)  # the 25th in Seoul
DAY = datetime.timedelta(days=1)


@pytest.fixture
def project() -> Project:
    return make_project(time_zone="Asia/Seoul")


def came(project: Project, at: datetime.datetime, **more: Any) -> Endpoint:
    return make_endpoint(project=project, created_at=at, **more)


def days(project: Project) -> list[tuple[str, int, int | None]]:
    rows = AudienceDay.objects.filter(project=project).order_by("day")
    return [(f"{one.day:%m-%d}", one.endpoints, one.reachable) for one in rows]


def months(project: Project, within: Audience | None = None) -> list[tuple[str, int, bool]]:
    found = demographics.arrivals(project_id=project.pk, within=within)
    return [(f"{one.month:%Y-%m}", len(one.members), one.is_open) for one in found]


def test_a_day_has_the_numbers_that_were_counted_last_on_it(project: Project) -> None:
    growth.note_growth(now=NOW - DAY)
    first = came(project, NOW)
    came(project, NOW)
    growth.note_growth(now=NOW)
    set_opt_out(project_id=project.pk, endpoint_id=first.pk, opt_out="ALL", source="CONSOLE", now=NOW)
    growth.note_growth(now=NOW + datetime.timedelta(hours=1))
    growth.note_growth(now=NOW + datetime.timedelta(hours=1))
    assert days(project) == [("11-24", 0, 0), ("11-25", 2, 1)]


def test_days_before_the_first_count_are_made_out_from_when_endpoints_came(project: Project) -> None:
    came(project, NOW - 200 * DAY)
    came(project, NOW - 2 * DAY)
    came(make_project(), NOW - 2 * DAY)
    growth.note_growth(now=NOW)
    found = days(project)
    assert (len(found), found[0][1:], found[-3:]) == (91, (1, None), [("11-23", 2, None), ("11-24", 2, None), ("11-25", 2, 2)])


def test_endpoints_are_counted_by_the_month_in_which_they_came(project: Project) -> None:
    came(project, datetime.datetime(2026, 9, 30, 23, 59, tzinfo=datetime.UTC))
    gone = came(project, datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC))
    came(project, datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC))
    october = came(project, datetime.datetime(2026, 10, 1, tzinfo=datetime.UTC))
    now = came(project, datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC))
    assert months(project) == []
    growth.note_growth(now=NOW)
    growth.note_growth(now=NOW)
    assert months(project) == [("2026-09", 3, False), ("2026-10", 1, False), ("2026-11", 1, True)]
    assert months(project, Audience([october.pk, now.pk])) == [("2026-10", 1, False), ("2026-11", 1, True)]

    delete_endpoint(endpoint=gone, actor=project.created_by, now=NOW)
    came(project, datetime.datetime(2026, 12, 1, tzinfo=datetime.UTC))
    assert months(project)[0] == ("2026-09", 2, False)
    growth.note_growth(now=datetime.datetime(2027, 2, 1, 5, 59, tzinfo=datetime.UTC))
    assert months(project)[2:] == [("2026-11", 1, False), ("2026-12", 1, False), ("2027-01", 0, True)]
    growth.note_growth(now=datetime.datetime(2027, 2, 1, 6, tzinfo=datetime.UTC))
    assert months(project)[2:] == [("2026-11", 1, False), ("2026-12", 1, False), ("2027-02", 0, True)]
    assert ArrivalMonth.objects.filter(project=project).count() == 5


def test_many_endpoints_are_gone_through_some_at_a_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "_BATCH", 2)
    for number in range(5):
        came(project, NOW - number * 31 * DAY)
    growth.note_growth(now=NOW)
    assert [count for _month, count, _is_open in months(project)] == [1] * 5


VALUES = st.dictionaries(st.sampled_from(["Country", "City"]), st.sampled_from(["KR", "JP", "US"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(VALUES, st.booleans(), st.sampled_from(["kept", "changed", "gone"])), max_size=8), st.booleans())
def test_the_makeup_is_what_the_tables_say(drawn: list[tuple[dict[str, str], bool, str]], is_folded: bool) -> None:
    project = make_project()
    reading.forget()
    made = [(make_endpoint(project=project, location=location), *more) for location, *more in drawn]
    if is_folded:
        folding.fold_project(project_id=project.pk)
    for endpoint, _is_within, fate in made:
        if fate == "gone":
            delete_endpoint(endpoint=endpoint, actor=project.created_by, now=NOW)
        elif fate == "changed":
            with facets.tracked(project_id=project.pk, endpoint_ids=[endpoint.pk]):
                Endpoint.objects.filter(pk=endpoint.pk).update(location={"Country": "KR"})
    within = Audience(endpoint.pk for endpoint, is_within, _fate in made if is_within)

    for members in (None, within):
        found = demographics.makeup(project_id=project.pk, fields=["Location.Country", "Location.City"], within=members)
        left = [one for one in Endpoint.objects.filter(project=project) if members is None or one.pk in members]
        assert found.total == len(left)
        for name in ("Country", "City"):
            said = [one.location[name] for one in left if name in one.location]
            assert found.fields[f"Location.{name}"] == {value: said.count(value) for value in said}


@given(st.sets(st.one_of(st.integers(0, 2**33), st.integers(0, 2**22))), st.sets(st.integers(0, 2**22)))
def test_an_audience_by_pages_is_the_same_audience(some: set[int], others: set[int]) -> None:
    pages = store.pages(Audience(some))
    assert {(page << 32) + one for page, ids in pages.items() for one in ids} == some
    chunks = store.split(Audience(others)._ids)
    assert store.common(chunks, pages) == len(some & others)
    assert store.common({}, {0: BitMap([1])}) == 0
