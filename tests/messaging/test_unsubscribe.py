"""Unsubscribing: a look changes nothing, the button and RFC 8058's POST do, also while the database is away."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from analytics.hits import drain
from analytics.links import LinkContext, run_links
from analytics.models import Event, EventKind
from core import clock
from endpoints.models import Endpoint, OptOutEntry
from messaging.services import unsubscribe
from projects.models import Installation
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "accept-language": "en"}


@pytest.fixture
def endpoint(clean_redis: Any) -> Endpoint:
    return make_endpoint(project=make_project(name="가을 상점"))


def path_of(endpoint: Endpoint) -> str:
    context = LinkContext(project_id=endpoint.project_id, campaign_id=2, run_id=3)
    return run_links(context=context).unsubscribe_url(endpoint.pk).removeprefix("http://127.0.0.1:8000")


def opt_out_of(endpoint: Endpoint) -> str:
    return Endpoint.objects.get(pk=endpoint.pk).opt_out


def test_a_look_at_the_page_changes_nothing(endpoint: Endpoint) -> None:
    answer = Client(headers=PERSON).get(path_of(endpoint))

    assert "가을 상점" in answer.content.decode()
    assert "Unsubscribe" in answer.content.decode()
    assert opt_out_of(endpoint) == "NONE"


def test_the_button_opts_out_and_can_be_taken_back(endpoint: Endpoint) -> None:
    answer = Client(headers=PERSON, enforce_csrf_checks=True).post(path_of(endpoint))

    assert "You are unsubscribed" in answer.content.decode()
    assert opt_out_of(endpoint) == "ALL"
    Client(headers=PERSON).post(path_of(endpoint), {"resubscribe": "1"})
    assert opt_out_of(endpoint) == "NONE"
    entries = OptOutEntry.objects.filter(endpoint=endpoint).order_by("pk").values_list("opt_out", "source")
    assert list(entries) == [("ALL", "LINK"), ("NONE", "LINK")]


def test_a_mail_program_unsubscribes_with_one_click_and_it_is_one_event(endpoint: Endpoint) -> None:
    for _again in range(2):
        Client(headers=PERSON, enforce_csrf_checks=True).post(path_of(endpoint), {"List-Unsubscribe": "One-Click"})
    drain.drain_hits()

    assert opt_out_of(endpoint) == "ALL"
    assert OptOutEntry.objects.filter(endpoint=endpoint).values_list("source", flat=True)[0] == "ONE_CLICK"
    assert {(event.kind, event.endpoint_id) for event in Event.objects.all()} == {(EventKind.EMAIL_UNSUBSCRIBE, endpoint.pk)}


def test_a_changed_link_is_not_found(endpoint: Endpoint) -> None:
    path = path_of(endpoint)
    changed = path[:-1] + ("A" if path[-1] != "A" else "B")

    assert Client().post(path[:-6] + "AAAAAA").status_code == 404
    assert Client().post(changed[: len(path) - 8]).status_code == 404
    assert opt_out_of(endpoint) == "NONE"


def test_an_opt_out_is_kept_while_the_database_is_away(endpoint: Endpoint) -> None:
    path = path_of(endpoint)

    def away(*_args: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(away):
        answer = Client(headers=PERSON).post(path)

    assert "You are unsubscribed" in answer.content.decode()
    assert opt_out_of(endpoint) == "NONE"
    assert unsubscribe.drain_spool() == 1
    assert opt_out_of(endpoint) == "ALL"
    assert unsubscribe.drain_spool() == 0


def test_what_a_restored_backup_lacks_is_written_again_once(endpoint: Endpoint) -> None:
    before, after, back = (make_endpoint(project=endpoint.project) for _person in range(3))
    Client(headers=PERSON).post(path_of(before))
    backup_at = clock.now() + unsubscribe.opt_out_journal._SLACK
    with time_machine.travel(backup_at + datetime.timedelta(hours=1), tick=False):
        for person in (endpoint, after, back):
            Client(headers=PERSON).post(path_of(person))
        Client(headers=PERSON).post(path_of(back), {"resubscribe": "1"})
    Endpoint.objects.update(opt_out="NONE")  # as the backup has it, but for the first, who is left as if somebody opted her in
    after.delete()
    Installation.objects.create(restored_from=backup_at, restored_at=backup_at + datetime.timedelta(hours=2))

    written = [unsubscribe.replay_after_restore() for _again in range(2)]

    assert written == [4, 0]
    assert [opt_out_of(person) for person in (endpoint, before, back)] == ["ALL", "NONE", "NONE"]


def test_the_journal_of_opt_outs_is_kept_for_a_hundred_days(endpoint: Endpoint) -> None:
    Client(headers=PERSON).post(path_of(endpoint))
    (kept,) = unsubscribe.opt_out_journal.folder().iterdir()
    assert endpoint.address not in kept.read_text(), "ids only"

    unsubscribe.opt_out_journal.drop_old(now=clock.now() + datetime.timedelta(days=99))
    assert kept.exists()
    unsubscribe.opt_out_journal.drop_old(now=clock.now() + datetime.timedelta(days=102))
    assert not kept.exists()
