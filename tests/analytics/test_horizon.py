"""Whoever reads events in their order misses none, whichever transaction commits first."""

from __future__ import annotations

import datetime
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from analytics.events import EventRow
from analytics.models import Event, EventKind, Horizon
from analytics.services.record import record_events
from analytics.stream.horizon import settled_position

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime.datetime(2026, 11, 24, 1, 30, tzinfo=datetime.UTC)


def write(project_id: int = 1) -> int:
    event = EventRow(id=uuid.uuid4(), occurred_at=AT, project_id=project_id, endpoint_id=7, kind=EventKind.EMAIL_OPEN)
    record_events(events=[event])
    return int(Event.objects.get(id=event.id).position)


def test_a_position_is_settled_once_its_transaction_and_all_before_it_are_over() -> None:
    with transaction.atomic():
        first = write()

        def another_one_is_first() -> list[int]:
            try:
                with transaction.atomic():
                    later = write(project_id=2)  # the other one holds its project's counter
                return [later, settled_position(), settled_position()]
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as other:
            later, *seen = other.submit(another_one_is_first).result()
        assert later > first
        assert max(seen) < first

    settled_position()
    assert settled_position() >= later


def test_an_idle_installation_settles_its_last_position() -> None:
    with transaction.atomic():
        last = write()
    settled_position()
    assert settled_position() == last
    assert settled_position() == last


def test_writers_of_a_server_that_is_no_more_hold_nothing_up() -> None:
    with transaction.atomic():
        last = write()
    Horizon.objects.update_or_create(pk=1, defaults={"settled": 0, "probed": last, "writers": ["9/123456"]})
    assert settled_position() == last


def test_whoever_goes_on_writing_does_not_hold_up_what_was_written_before() -> None:
    with transaction.atomic():
        first = write()

    def another_one_writes() -> int:
        try:
            with transaction.atomic():
                write(project_id=2)
                return settle_elsewhere.submit(settled_after_two).result()
        finally:
            connection.close()

    def settled_after_two() -> int:
        try:
            settled_position()
            return settled_position()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as settle_elsewhere:
        assert other.submit(another_one_writes).result() < first  # noted together with the writer: it may be the earlier one
    assert settled_position() >= first
