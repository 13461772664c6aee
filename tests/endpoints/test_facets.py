from __future__ import annotations

import contextlib
import datetime
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

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
from tests.factories.endpoints import index, make_endpoint, make_members
from tests.factories.projects import make_project

ROOT = Path(__file__).resolve().parent.parent.parent
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


@contextlib.contextmanager
def in_a_thread(work: Callable[[], object]) -> Iterator[Future[None]]:
    """Joined at the end; its failure is the test's."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        yield future
        future.result(30)


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def a_writer_at_work(project: Project) -> Iterator[Endpoint]:
    """Another connection's transaction that has begun to write to the project."""
    is_begun, may_end = threading.Event(), threading.Event()
    made: list[Endpoint] = []

    def write() -> None:
        with transaction.atomic():
            made.append(make_endpoint(project=project, attributes={"colour": ["late"]}))
            is_begun.set()
            may_end.wait(20)

    with in_a_thread(write):
        assert is_begun.wait(20)
        try:
            yield made[0]
        finally:
            may_end.set()


@pytest.mark.django_db(transaction=True)
def test_counts_within_a_transaction_and_writers_do_not_wait_for_a_rebuild() -> None:
    """The rebuild waits for a long transaction of a writer; everybody else goes on."""
    project = make_project()
    red = make_endpoint(project=project, attributes={"colour": ["red"]})
    other = make_project()
    record(other, add={"red": {1}})
    with a_writer_at_work(project) as late, in_a_thread(lambda: rebuilding.rebuild(project_id=project.pk)) as rebuild:
        wait_until(lambda: FacetSubject.objects.filter(project=project, state="FILLING").exists())
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            assert carrying(project, "red") is None  # SQL answers
            with facets.tracked(project_id=project.pk, endpoint_ids=[red.pk]):
                Endpoint.objects.filter(pk=red.pk).update(attributes={"colour": ["blue"]})
        folding.fold_project(project_id=project.pk)
        folding.fold_project(project_id=other.pk)
        assert FacetDelta.objects.filter(subject__project=project).exists()
        assert carrying(other, "red") == {1}
        assert not rebuild.done()

    assert rebuilding.verify(project_id=project.pk) == []
    assert (carrying(project, "red"), carrying(project, "blue"), carrying(project, "late")) == (set(), {red.pk}, {late.pk})
    folding.fold_project(project_id=project.pk)
    assert not FacetDelta.objects.filter(subject__project=project).exists()
    assert rebuilding.verify(project_id=project.pk) == []


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_begins_when_nobody_reads_within_a_transaction_and_keeps_no_reader_out() -> None:
    project = make_project()
    make_endpoint(project=project, attributes={"colour": ["red"]})
    with contextlib.ExitStack() as stack, transaction.atomic():
        before = carrying(project, "red")
        rebuild = stack.enter_context(in_a_thread(lambda: rebuilding.rebuild(project_id=project.pk)))
        time.sleep(0.3)
        with in_a_thread(lambda: _count_soon(project)):
            pass
        assert (carrying(project, "red"), rebuild.done()) == (before, False)

    assert not rebuilding.is_filling(project_id=project.pk)
    assert rebuilding.verify(project_id=project.pk) == []


def is_locked(number: int) -> bool:
    """Whether an advisory lock of this kind is held."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted", [number])
        return bool(cursor.fetchone()[0])


def _count_soon(project: Project) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '1s'")
        assert carrying(project, "red")


@pytest.mark.django_db
def test_what_a_killed_rebuild_left_takes_deltas_and_is_filled_by_the_next_one() -> None:
    project = make_project()
    one = make_endpoint(project=project, attributes={"colour": ["red"]})
    FacetSubject.objects.filter(project=project).update(state="FILLING")
    record(project, add={"blue": {one.pk}}, remove={"red": {one.pk}})
    Endpoint.objects.filter(pk=one.pk).update(attributes={"colour": ["blue"]})
    waiting = FacetDelta.objects.count()

    folding.fold_project(project_id=project.pk)
    assert folding.fold_due(now=NOW + datetime.timedelta(days=3650)) == 0
    assert (FacetDelta.objects.count(), carrying(project, "blue")) == (waiting, None)
    assert rebuilding.left_behind() == [project.pk]
    assert rebuilding.resume(project_id=project.pk)

    assert not rebuilding.resume(project_id=project.pk)
    assert (rebuilding.left_behind(), FacetDelta.objects.count()) == ([], 0)
    assert carrying(project, "blue") == {one.pk}
    assert rebuilding.verify(project_id=project.pk) == []


@pytest.mark.django_db
def test_subjects_that_lost_their_rows_are_made_again() -> None:
    project = make_project()
    one = make_endpoint(project=project, attributes={"colour": ["red"]})
    FacetDelta.objects.all().delete()
    FacetSubject.objects.all().delete()

    assert rebuilding.rebuild(project_id=project.pk) == FacetSubject.objects.filter(state="LIVE").count() > 0

    assert carrying(project, "red") == {one.pk}
    assert rebuilding.verify(project_id=project.pk) == []


@pytest.mark.django_db
def test_a_subject_that_a_writer_gives_up_during_a_rebuild_stays_given_up(settings: Any) -> None:
    settings.FACET_VALUES_LIMIT = 1
    project = make_project()
    make_endpoint(project=project, attributes={"colour": ["red"]})
    FacetSubject.objects.filter(project=project).update(state="FILLING")
    record(project, add={"a": {7}, "b": {7}})

    rebuilding.resume(project_id=project.pk)

    assert carrying(project, "red") is None
    folding.fold_due(now=NOW + datetime.timedelta(days=3650))
    assert not FacetDelta.objects.filter(subject__name="colour").exists()


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_rebuild_killed_at_random_moments_is_resumed_and_right() -> None:
    project = make_project()
    ids = make_members(project=project, count=3_000)
    Endpoint.objects.filter(pk__in=ids[::2]).update(attributes={"colour": ["red"]})
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {"DATABASE_URL": urlunsplit(database), "DJANGO_SETTINGS_MODULE": "console.settings"}
    command = [sys.executable, "manage.py", "facets", "rebuild", "--project", project.public_id]
    chance, turn = random.Random(), 0
    for _kill in range(20 if os.environ.get("PABAL_SOAK") else 4):
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: rebuilding.is_filling(project_id=project.pk) or process.poll() is not None)  # noqa: B023
        deadline = time.monotonic() + chance.random() * 0.4
        while time.monotonic() < deadline:
            turn += 1
            with transaction.atomic(), facets.tracked(project_id=project.pk, endpoint_ids=[ids[turn % 50]]):
                Endpoint.objects.filter(pk=ids[turn % 50]).update(attributes={"colour": [f"c{turn % 7}"]})
        process.kill()
        process.wait()
        folding.fold_project(project_id=project.pk)

    wait_until(lambda: rebuilding.resume(project_id=project.pk) or not rebuilding.is_filling(project_id=project.pk))
    rebuilding.rebuild(project_id=project.pk)

    assert rebuilding.verify(project_id=project.pk) == []
    folding.fold_project(project_id=project.pk)
    assert rebuilding.verify(project_id=project.pk) == []
    assert not FacetDelta.objects.exists()
