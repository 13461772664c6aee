from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audience import Audience
from endpoints import facets
from endpoints.facets import folding, reading, rebuilding
from endpoints.facets.subjects import Subject, SubjectKind
from endpoints.models import Endpoint, FacetChunk, FacetDelta, FacetSubject, OptOut, OptOutEntry
from endpoints.services import opt_out
from projects.models import Project
from tests.factories.endpoints import index, make_endpoint
from tests.factories.projects import make_project

COLOUR = Subject(SubjectKind.ATTRIBUTE, "colour")
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    reading.forget()


def record(project: Project, *, add: dict[str, set[int]] | None = None, remove: dict[str, set[int]] | None = None) -> None:
    changes = facets.Changes()
    for value, ids in (add or {}).items():
        changes.add(COLOUR, value, ids)
    for value, ids in (remove or {}).items():
        changes.remove(COLOUR, value, ids)
    with transaction.atomic():
        changes.record(project_id=project.pk)


def carrying(project: Project, *values: str, subject: Subject = COLOUR) -> set[int] | None:
    with reading.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[subject]).facet(subject)
        return None if facet is None else set(facet.carrying(values))


def totals(project: Project) -> dict[str, int]:
    with reading.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[COLOUR]).facet(COLOUR)
        assert facet is not None
        return facet.totals()


def matching(project: Project, key: str, predicate: Callable[[str], bool]) -> set[int]:
    with reading.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[COLOUR]).facet(COLOUR)
        assert facet is not None
        return set(facet.matching(key=key, predicate=predicate))


@pytest.mark.django_db
def test_what_is_recorded_is_read_before_and_after_the_fold() -> None:
    project, other = make_project(), make_project()
    record(project, add={"red": {1, 2, 1 << 22, 1 << 35}, "blue": {2}})
    record(project, add={"blue": {3}}, remove={"red": {2}, "blue": {2}})
    expected = {1, 1 << 22, 1 << 35, 3}

    assert carrying(project, "red", "blue") == expected
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "red", "blue") == expected
    assert carrying(other, "red", "blue") == set()
    assert FacetDelta.objects.count() == 0
    record(project, remove={"red": {1}})
    assert carrying(project, "red", "blue") == expected - {1}
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "red") == {1 << 22, 1 << 35}


_IDS = st.sets(st.sampled_from([1, 2, 3, 70_000, 1 << 21, (1 << 21) + 1, 1 << 33]), max_size=4)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.dictionaries(st.sampled_from("abcd"), st.tuples(_IDS, _IDS), max_size=3)),
        st.tuples(st.just("fold"), st.none()),
        st.tuples(st.just("forget"), st.none()),
        st.tuples(st.just("read"), st.sets(st.sampled_from("abcde"))),
    ),
    max_size=12,
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_any_order_of_writes_folds_and_reads_gives_what_sets_give(steps: list[tuple[str, Any]]) -> None:
    project = make_project()
    model: dict[str, set[int]] = {}
    for verb, what in steps:
        if verb == "write":
            record(
                project,
                add={v: plus for v, (plus, _minus) in what.items()},
                remove={v: minus for v, (_plus, minus) in what.items()},
            )
            for value, (plus, minus) in what.items():
                model[value] = (model.get(value, set()) | plus) - minus
        elif verb == "fold":
            folding.fold_project(project_id=project.pk)
        elif verb == "forget":
            reading.forget()
        else:
            assert carrying(project, *what) == set().union(*(model.get(value, set()) for value in what))
            assert matching(project, "early", lambda value: value <= "b") == model.get("a", set()) | model.get("b", set())
            assert totals(project) == {value: len(ids) for value, ids in model.items() if ids}
    for value in "abcd":
        assert carrying(project, value) == model.get(value, set())


@pytest.mark.django_db
def test_totals_count_each_value_as_it_stands() -> None:
    project = make_project()
    record(project, add={"red": {1, 2}, "blue": {1}})
    folding.fold_project(project_id=project.pk)
    record(project, add={"red": {3}}, remove={"blue": {1}})

    with reading.moment(project_id=project.pk):
        facet = facets.read(project_id=project.pk, subjects=[COLOUR]).facet(COLOUR)
        assert facet is not None
        assert facet.totals() == {"red": 3}


@pytest.mark.django_db
def test_an_attribute_with_too_many_values_takes_no_room(settings: Any) -> None:
    settings.FACET_VALUES_LIMIT = 3
    project = make_project()
    record(project, add={"a": {1}, "b": {2}, "c": {3}})
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "a") == {1}

    record(project, add={"d": {4}})
    folding.fold_project(project_id=project.pk)

    assert carrying(project, "a") is None
    assert not FacetChunk.objects.exists()
    record(project, add={"e": {5}})
    record(project, add={str(number): {number} for number in range(9)})
    assert not FacetDelta.objects.exists()


@pytest.mark.django_db
def test_verify_leaves_alone_what_the_next_fold_gives_up(settings: Any) -> None:
    settings.FACET_VALUES_LIMIT = 3
    project = make_project()
    for number in range(5):
        make_endpoint(project=project, attributes={"colour": [f"c{number}"]})

    assert carrying(project, "c4") is not None
    assert rebuilding.verify(project_id=project.pk) == []
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "c4") is None


@pytest.mark.django_db
def test_many_values_at_once_are_given_up_before_they_are_written(settings: Any) -> None:
    settings.FACET_VALUES_LIMIT = 3
    project = make_project()

    record(project, add={str(number): {number} for number in range(9)})

    assert FacetSubject.objects.get().state == "TOO_MANY"
    assert not FacetDelta.objects.exists()


@pytest.mark.django_db
def test_values_that_nobody_carries_are_swept_out_and_caches_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_EMPTY_LIMIT", 1)
    project = make_project()
    record(project, add={"a": {1}, "b": {2}, "c": {3}})
    folding.fold_project(project_id=project.pk)
    assert carrying(project, "a", "b", "c") == {1, 2, 3}

    record(project, remove={"a": {1}, "b": {2}})
    folding.fold_project(project_id=project.pk)

    assert list(FacetChunk.objects.values_list("value", flat=True)) == ["c"]
    assert carrying(project, "a", "b", "c") == {3}
    assert matching(project, "all", lambda value: True) == {3}


@pytest.mark.django_db
def test_a_fold_is_due_by_number_or_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MANY", 3)
    project = make_project()
    record(project, add={"a": {1}})
    written = FacetDelta.objects.get().created_at

    assert folding.fold_due(now=written + folding.OLD / 2) == 0
    assert folding.fold_due(now=written + folding.OLD) == 1
    for number in range(3):
        record(project, add={"a": {number}})
    assert folding.fold_due(now=written) == 1
    assert not FacetDelta.objects.exists()


@pytest.mark.django_db
def test_an_opt_out_moves_the_endpoint_between_values() -> None:
    project = make_project()
    one, two = make_endpoint(project=project), make_endpoint(project=project)
    subject = Subject(SubjectKind.STANDARD, "OptOut")

    opt_out.set_opt_out(project_id=project.pk, endpoint_id=one.pk, opt_out=OptOut.ALL, source=OptOutEntry.Source.CONSOLE, now=NOW)

    assert carrying(project, "ALL", subject=subject) == {one.pk}
    assert carrying(project, "NONE", subject=subject) == {two.pk}
    assert rebuilding.verify(project_id=project.pk) == []


@pytest.mark.django_db
def test_verify_says_every_difference_and_rebuild_mends_it() -> None:
    project = make_project()
    one = make_endpoint(project=project, attributes={"colour": ["red", "blue"]}, metrics={"spend": 2}, address="a@example.com")
    make_endpoint(project=project, attributes={"colour": ["red"]}, user_attributes={"grade": ["A"]}, address="A@example.com")
    assert rebuilding.verify(project_id=project.pk) == []
    Endpoint.objects.filter(pk=one.pk).update(attributes={"colour": ["green"]})
    FacetDelta.objects.filter(value="A").delete()

    assert [str(difference) for difference in rebuilding.verify(project_id=project.pk)] == [
        "ATTRIBUTE colour “blue”: 0 missing, 1 too many",
        "ATTRIBUTE colour “green”: 1 missing, 0 too many",
        "ATTRIBUTE colour “red”: 0 missing, 1 too many",
        "USER_ATTRIBUTE grade “A”: 1 missing, 0 too many",
    ]
    rebuilding.rebuild(project_id=project.pk)
    assert rebuilding.verify(project_id=project.pk) == []
    assert carrying(project, "green") == {one.pk}
    assert len(carrying(project, facets.SHARED, subject=facets.ADDRESS) or ()) == 2


@pytest.mark.django_db(transaction=True)
def test_writers_folds_rebuilds_and_readers_at_once_agree_at_every_moment() -> None:
    """Each writer moves its own endpoint from colour to colour: at every moment it has exactly one."""
    project = make_project()
    endpoints = [make_endpoint(project=project, attributes={"colour": ["c0"]}) for _number in range(4)]
    ids, stop, faults = {one.pk for one in endpoints}, threading.Event(), []

    def write(pk: int) -> None:
        for turn in range(1, 40):
            with transaction.atomic(), facets.tracked(project_id=project.pk, endpoint_ids=[pk]):
                Endpoint.objects.filter(pk=pk).update(attributes={"colour": [f"c{turn % 5}"]})

    def fold() -> None:
        while not stop.is_set():
            folding.fold_project(project_id=project.pk)

    def rebuild() -> None:
        for _turn in range(2):
            rebuilding.rebuild(project_id=project.pk)

    def read(around: Callable[[], contextlib.AbstractContextManager[Any]]) -> None:
        while not stop.is_set():
            with around(), reading.moment(project_id=project.pk):
                facet = facets.read(project_id=project.pk, subjects=[COLOUR]).facet(COLOUR)
                if facet is not None:
                    sets = [facet.carrying([f"c{number}"]) for number in range(5)]
                    if sum(map(len, sets)) != len(ids) or set(Audience.union(sets)) != ids:
                        faults.append([set(one) for one in sets])

    def run(work: Callable[..., None], *given: Any) -> None:
        try:
            work(*given)
        except Exception as error:  # a thread's failure must reach the test
            faults.append(error)
            raise
        finally:
            connections.close_all()

    others = [threading.Thread(target=run, args=(fold,))]
    others += [threading.Thread(target=run, args=(read, around)) for around in (contextlib.nullcontext, transaction.atomic)]
    workers = [threading.Thread(target=run, args=(write, one.pk)) for one in endpoints]
    workers.append(threading.Thread(target=run, args=(rebuild,)))
    for thread in others + workers:
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()

    assert faults == []
    assert rebuilding.verify(project_id=project.pk) == []
    index([one.pk for one in endpoints])
    connection.close()
