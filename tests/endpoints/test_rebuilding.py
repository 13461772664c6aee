"""Rebuilding facets while writers and readers go on, and killed in between."""

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

from endpoints import facets
from endpoints.facets import folding, reading, rebuilding
from endpoints.models import Endpoint, FacetDelta, FacetSubject
from projects.models import Project
from tests.endpoints.test_facets import NOW, carrying, record
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.projects import make_project
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    reading.forget()


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
        wait_until(Tries(rebuilding._REBUILD_LOCK).are_several)
        with in_a_thread(lambda: _count_soon(project)):
            pass
        assert (carrying(project, "red"), rebuild.done()) == (before, False)

    assert not rebuilding.is_filling(project_id=project.pk)
    assert rebuilding.verify(project_id=project.pk) == []


class Tries:
    """What the connection that holds an advisory lock has asked since."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._asked: set[datetime.datetime] = set()

    def are_several(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what others did once, and then no more
            cursor.execute(
                "SELECT a.query_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.granted",
                [self._number],
            )
            self._asked.update(at for (at,) in cursor.fetchall())
        return len(self._asked) > 4


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
